"""The pages as one application: problems are pages."""

from pathlib import Path

import pytest

from sendlimit.web.app import make_app
from support.counting_samples import NOON
from support.pages_client import Browser
from support.web_client import web_service

_TARGETS = ("/", "/limits", "/refusals", "/changes", "/find?name=x", "/subject/a@x.org")


@pytest.mark.parametrize("target", _TARGETS)
def test_log_in_first(browser: Browser, target: str) -> None:
    """Without a log-in every page leads to it."""
    answer = browser.get(target)
    assert (answer.status, answer.headers["location"].partition("?")[0]) == (303, "/login")


@pytest.mark.parametrize(
    ("target", "status"), [("/nothing", 404), ("/logout", 405), ("/subject/%ff", 400)]
)
def test_no_such_page(admin: Browser, target: str, status: int) -> None:
    """What there is not is said in a page, in the case of a broken path as the API says it."""
    assert admin.get(target).status == status


@pytest.mark.parametrize("target", _TARGETS)
def test_store_away(admin: Browser, url: str, tmp_path: Path, target: str) -> None:
    """Without its database a page says so: no trace, nothing of the inside."""
    service = web_service(url, NOON)
    cookies = admin.cookies
    admin = Browser(make_app(service))
    admin.cookies = cookies
    (tmp_path / "sendlimit.db").unlink()
    answer = admin.get(target)
    service.database.close()
    assert (answer.status, answer.headers["retry-after"]) == (503, "5")
    assert "The database does not answer. Mail is not affected" in admin.text
    for inside in ("Traceback", "sqlite", str(tmp_path)):
        assert inside not in admin.text


def test_store_away_at_the_log_in(browser: Browser, tmp_path: Path) -> None:
    """The log-in says so, too; its form needs no database."""
    browser.get("/login")
    (tmp_path / "sendlimit.db").unlink()
    assert browser.fill("/login", {"name": "carol", "password": "x"}).status == 503
    assert "The database does not answer" in browser.text


def test_a_fault(admin: Browser, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault is a page without a trace."""
    monkeypatch.setattr("sendlimit.web.pages.overview.top_report", None)
    assert admin.get("/").status == 500
    assert "sendlimit has a fault" in admin.text
    assert "Trace" not in admin.text
