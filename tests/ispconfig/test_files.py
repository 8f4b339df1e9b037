"""The extension's files: they parse, are named as ISPConfig loads them, and their words are complete."""

import re
import subprocess
from pathlib import Path

import pytest

from sendlimit.rules.limit import LIMIT_NAMES
from support.rig.php import EXTENSION, php

_LANGUAGES = EXTENSION / "interface/web/mail/lib/lang"
_PHP = sorted([*EXTENSION.rglob("*.php"), *EXTENSION.rglob("*.lng")])
_TEMPLATES = sorted(EXTENSION.rglob("*.htm"))
_CODE = "".join(path.read_text() for path in EXTENSION.rglob("*.php"))
_OF_CORE = re.compile(
    r"btn_(save|cancel)_txt|id|records|paging|list_head_txt|search_\w+|filter_txt"
)
"""Variables that core sets, and the loop that it has the name of."""
_OF_LISTS = "globalsearch_noresults_text_txt"


def name_of(path: Path) -> str:
    """Return how a test names a file."""
    return str(path.relative_to(EXTENSION))


@pytest.mark.parametrize("path", _PHP, ids=name_of)
def test_parses(path: Path) -> None:
    """PHP takes it, and prints nothing for it: one that it does not take breaks every login."""
    done = subprocess.run(
        ["php", "-d", "display_errors=1", "-d", "error_reporting=-1", "-l", path],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.startswith("No syntax errors"), done.stdout
    text = path.read_text()
    assert text.startswith("<?php\n")
    assert "?>" not in text


@pytest.mark.parametrize("path", sorted(EXTENSION.rglob("*.inc.php")), ids=name_of)
def test_class_has_the_name_of_its_file(path: Path) -> None:
    """ISPConfig makes an object of the file's name; another name would break every login."""
    assert re.findall(r"^class (\w+)", path.read_text(), re.MULTILINE) == [path.name[:-8]]


@pytest.mark.parametrize("path", sorted(EXTENSION.rglob("*plugin.inc.php")), ids=name_of)
def test_events_name_their_class(path: Path) -> None:
    """A handler is a method of the file's class; in the panel the module of the file is named."""
    module = ", 'mail'" if "plugin.d" in str(path) else ""
    text = path.read_text()
    events = re.findall(r"registerEvent\((.+)\);", text)
    assert events
    for event in events:
        found = re.fullmatch(rf"'(\w+)', '{path.name[:-8]}', '(\w+)'{module}", event)
        assert found, event
        assert f"function {found[2]}($event_name" in text


def words(language: str, kind: str = "sendlimit") -> dict[str, str]:
    """Return the words of a language, by the names that templates use."""
    text = (_LANGUAGES / f"{language}_{kind}.lng").read_text()
    found = re.findall(r"^\$wb\['(\w+)'\] = '([^'\\]*)';$", text, re.MULTILINE)
    assert len(found) == text.count("$wb["), (
        "a word has an apostrophe, a backslash, or stands twice"
    )
    return dict(found)


@pytest.mark.parametrize("kind", ["sendlimit", "sendlimit_list"])
def test_languages_are_complete(kind: str) -> None:
    """English and German have the same words, with the same names to fill in."""
    english, german = words("en", kind), words("de", kind)
    assert english.keys() == german.keys()
    for key, text in english.items():
        assert set(re.findall(r"{\w+}", text)) == set(re.findall(r"{\w+}", german[key])), key


def test_half_a_translation() -> None:
    """Words that a language lacks are English, and an unknown language is."""
    code = """
    require $argv[1].'/interface/lib/classes/sendlimit_words.inc.php';
    foreach(array('de', 'xx', '../../x') as $language) echo (new sendlimit_words($language))->text('mailbox'), ' ';
    """
    assert php(code, EXTENSION) == "Postfach Mailbox Mailbox "


def test_every_word_is_used_and_there() -> None:
    """No word is left over, and none that templates or pages name is missing."""
    known = set(words("en"))
    in_templates = {
        name
        for path in _TEMPLATES
        for name in re.findall(r"tmpl_var name=[\"'](sendlimit_\w+_txt)", path.read_text())
    }
    assert in_templates <= known
    named = {f"sendlimit_{key}_txt" for key in re.findall(r"text\('(\w+)'", _CODE)}
    assert {name for name in named if not name.endswith("__txt")} <= known
    literal = {f"sendlimit_{key}_txt" for key in re.findall(r"'(\w+)'", _CODE)}
    # Put together of parts: "over_" and the scope, "origin_" and the origin, unit and window.
    composed = re.compile(
        r"sendlimit_(over_(mailbox|domain|global)|origin_(learned|share)"
        r"|limit_for_\w+|scope_\w+|(external_)?(messages|recipients)_\w+|tab)_txt"
    )
    left_over = known - in_templates - named - literal
    assert {name for name in left_over if not composed.fullmatch(name)} == set()


def test_every_limit_has_its_words() -> None:
    """Both languages name the unit of every limit that there is."""
    units = {f"sendlimit_{name.unit}_{name.window}_txt" for name in LIMIT_NAMES}
    assert units <= words("en").keys()


@pytest.mark.parametrize("path", _TEMPLATES, ids=name_of)
def test_every_variable_is_set(path: Path) -> None:
    """A variable of a template is a word, is core's, or stands in a page's code."""
    text = path.read_text()
    known = set(words("en"))
    for name in re.findall(r"tmpl_(?:var|if|unless|loop) name=[\"'](\w+)", text):
        is_set = f"'{name}'" in _CODE or re.match(r"sendlimit_(kind|field)_", name)
        assert name in known or is_set or _OF_CORE.fullmatch(name) or name == _OF_LISTS, name


@pytest.mark.parametrize("path", _TEMPLATES, ids=name_of)
def test_blocks_are_closed(path: Path) -> None:
    """Every block of a template ends, and what it includes is there; none inside a loop."""
    text = path.read_text()
    for tag in ("if", "unless", "loop"):
        opened = len(re.findall(rf"<tmpl_{tag}\b", text))
        assert opened == text.count(f"</tmpl_{tag}>"), tag
    for included in re.findall(r'tmpl_include file="([^"]+)"', text):
        assert (path.parent / included).exists()
    for loop in re.findall(r"<tmpl_loop.*?</tmpl_loop>", text, re.DOTALL):
        assert "tmpl_include" not in loop, "core gives the variables of a loop to no included file"


@pytest.mark.parametrize("path", _TEMPLATES, ids=name_of)
def test_no_script_in_templates(path: Path) -> None:
    """Pages need no script of their own, so that values never stand inside one."""
    assert not re.search(r"<script|javascript:|\son\w+=", path.read_text(), re.IGNORECASE)


def test_values_are_escaped_in_one_place() -> None:
    """Only sendlimit_page gives values to templates."""
    for path in EXTENSION.rglob("*.php"):
        if re.search(r"setVar|setLoop", path.read_text()):
            assert path.name == "sendlimit_page.inc.php"
