"""From values to an HTML answer."""

import re

import pytest

from sendlimit.web.errors import STATUS, WebError
from sendlimit.web.pages.render import problem_text, segment
from sendlimit.web.pages.words import LANGUAGES, Words
from support.counting_samples import BERLIN
from support.pages_client import Browser


def test_language_of_the_browser(browser: Browser) -> None:
    """The page is in the browser's language, and says so."""
    for header, language, title in (("de-DE", "de", "Anmelden"), ("fr", "en", "Log in")):
        browser.headers["accept-language"] = header
        answer = browser.get("/login")
        assert answer.headers["content-language"] == language
        assert f'<html lang="{language}">' in browser.text
        assert f"<h1>{title}</h1>" in browser.text


def test_pages_are_not_cached_but_files_are(browser: Browser) -> None:
    """A page is never kept by the browser; a file is, and its address changes with its content."""
    assert browser.get("/login").headers["cache-control"] == "no-store"
    for name in ("style.css", "page.js", "icon.svg"):
        (target,) = re.findall(rf'"(/static/[0-9a-f]+/{name})"', browser.text) or [""]
        answer = browser._client("GET", target)
        assert answer.status == 200
        assert "immutable" in answer.headers["cache-control"]


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("code", STATUS)
def test_every_problem_has_words(language: str, code: str) -> None:
    """Whatever goes wrong is said in the visitor's language, without what the API says."""
    words = Words(language, BERLIN)
    text = problem_text(words, WebError(code, "for admins", "max"))
    assert text
    assert "for admins" not in text


def test_segment() -> None:
    """A name is one segment of a path."""
    assert segment("a/b%?#@x.org") == "a%2Fb%25%3F%23@x.org"
