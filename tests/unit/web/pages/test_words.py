"""The words of the pages: every language has all of them, and the pages use all of them."""

import re
from pathlib import Path
from string import Formatter

import pytest

import sendlimit.web.pages
from sendlimit.rules.limit import LIMIT_NAMES
from sendlimit.web.pages.words import LANGUAGES, Words, language_of, texts
from support.counting_samples import BERLIN, NOON

_FOLDER = Path(sendlimit.web.pages.__path__[0])
_ENGLISH = texts("en")


def _placeholders(text: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


@pytest.mark.parametrize("language", LANGUAGES)
def test_none_is_missing(language: str) -> None:
    """A language has every key of English, none more, each with the same placeholders."""
    found = texts(language)
    assert set(found) == set(_ENGLISH)
    assert [key for key in found if not found[key]] == []
    assert {
        key for key in found if _placeholders(found[key]) != _placeholders(_ENGLISH[key])
    } == set()


def test_files() -> None:
    """Each file of texts/ is a language that browsers can have."""
    assert {path.stem for path in (_FOLDER / "texts").iterdir()} == set(LANGUAGES)


def test_all_are_used() -> None:
    """Every key stands in a template or a file of the pages, or is made there from its beginning."""
    sources = [*_FOLDER.glob("*.py"), *_FOLDER.glob("templates/*.html")]
    written = "\n".join(path.read_text() for path in sources)
    made = set(re.findall(r"""["']([a-z_]+\.)["'{]|f["']([a-z_]+\.)\{""", written))
    beginnings = tuple(one or other for one, other in made)
    unused = {key for key in _ENGLISH if key not in written and not key.startswith(beginnings)}
    assert unused == set()


@pytest.mark.parametrize("language", LANGUAGES)
def test_limits(language: str) -> None:
    """Every limit has words of its own."""
    words = Words(language, BERLIN)
    assert len({words.full_limit_name(name) for name in LIMIT_NAMES}) == len(LIMIT_NAMES)


@pytest.mark.parametrize(
    ("header", "language"),
    [
        ("", "en"),
        ("de", "de"),
        ("de-AT,de;q=0.9,en;q=0.8", "de"),
        ("en-GB,en;q=0.9,de;q=0.8", "en"),
        ("fr,de;q=0.3,en;q=0.7", "en"),
        ("fr;q=0.9, DE;q=0.3", "de"),
        ("fr", "en"),
        ("de;q=0,en", "en"),
        ("*", "en"),
        (";;;,=de,\x00", "en"),
        ("de;q=9", "en"),
    ],
)
def test_language(header: str, language: str) -> None:
    """The language that the browser likes best of those that there are, else English."""
    assert language_of(header) == language


def test_formats() -> None:
    """Numbers and times as the language writes them, on the calendar's clock."""
    english, german = (Words(language, BERLIN) for language in ("en", "de"))
    assert (english.number(10**15), german.number(1234)) == ("1,000,000,000,000,000", "1.234")
    assert (english.limit_value(None), german.limit_value(None)) == ("unlimited", "unbegrenzt")
    assert english.time(NOON) == "22 Nov 2026, 13:00"
    assert german.time(NOON) == "22. Nov. 2026, 13:00"
    assert (english.time(NOON, NOON + 60), english.day_month(NOON)) == ("13:00", "22 Nov")


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(5, "1 min"), (3599, "59 min"), (3600, "1 h 0 min"), (90_000, "1 d 1 h")],
)
def test_duration(seconds: int, text: str) -> None:
    """A time span has two units at most."""
    assert Words("en", BERLIN).duration(seconds) == text
