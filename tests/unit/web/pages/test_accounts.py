"""Logging in and out."""

import pytest

from sendlimit.store.connection import Connection
from sendlimit.store.web_access import digest, find_session, remove_user
from sendlimit.web.access import Attempts
from sendlimit.web.api.common import Service
from sendlimit.web.asgi import Frame
from sendlimit.web.pages.accounts import Accounts
from sendlimit.web.pages.app import make_pages
from sendlimit.web.pages.security import SESSION_COOKIE
from support.pages_client import Browser

PASSWORD = "correct horse battery"


def test_log_in_and_out(browser: Browser, tables: Connection) -> None:
    """After the log-in the pages are there; after the log-out the old cookie is worth nothing."""
    assert browser.get("/").headers["location"] == "/login"
    assert browser.log_in("carol", PASSWORD).headers["location"] == "/"
    cookie = browser.cookies[SESSION_COOKIE]
    assert find_session(tables, digest(cookie))
    assert browser.get("/").status == 200

    assert browser.fill("/logout", {}).headers["location"] == "/login"
    assert SESSION_COOKIE not in browser.cookies
    browser.cookies[SESSION_COOKIE] = cookie
    assert browser.get("/").status == 303
    assert find_session(tables, digest(cookie)) is None


def test_a_new_session_with_each_log_in(browser: Browser) -> None:
    """A cookie that was there before the log-in is not the session's."""
    browser.cookies[SESSION_COOKIE] = "chosen by another one"
    browser.log_in("carol", PASSWORD)
    assert browser.cookies[SESSION_COOKIE] != "chosen by another one"


@pytest.mark.parametrize(
    ("name", "password"),
    [
        ("carol", "not-hers"),
        ("nobody", PASSWORD),
        ("", ""),
        ("Carol", PASSWORD),
        ("carol", "x" * 5000),
    ],
)
def test_wrong(browser: Browser, name: str, password: str) -> None:
    """A wrong name and a wrong password get the same words; the name stays in the form."""
    answer = browser.log_in(name, password)
    assert answer.status == 403
    assert "User name or password is wrong." in browser.text
    assert f'value="{name}"' in browser.text
    assert password[:20] not in browser.text or not password
    assert SESSION_COOKIE not in browser.cookies


def test_going_on(browser: Browser) -> None:
    """After the log-in one is where one wanted to be, but never on another site."""
    assert (
        browser.get("/subject/a%2Fb@x.org").headers["location"]
        == "/login?next=/subject/a%252Fb%40x.org"
    )
    browser.get("/login?next=/subject/a%252Fb%40x.org")
    answer = browser.fill("/login", {"name": "carol", "password": PASSWORD})
    assert answer.headers["location"] == "/subject/a%2Fb@x.org"
    for elsewhere in ("//evil.example", "https://evil.example", "/\\evil.example", "%2F%2Fevil"):
        browser.get(f"/login?next={elsewhere}")
        answer = browser.fill("/login", {"name": "carol", "password": PASSWORD})
        assert answer.headers["location"] == "/"


def test_lock_out(service: Service, browser: Browser) -> None:
    """A name, and an address, that fail too often wait; the right password has to wait, too."""
    del browser
    now = 0.0
    accounts = Accounts(service, Attempts(2, 60.0, lambda: now), Attempts(4, 300.0, lambda: now))
    fresh = Browser(Frame(make_pages(service, accounts)))
    statuses = [fresh.log_in("carol", "wrong").status for _ in range(3)]
    assert statuses == [403, 403, 429]
    waiting = fresh.log_in("carol", PASSWORD)
    assert (waiting.status, waiting.headers["retry-after"]) == (429, "61")
    assert "61 seconds" in fresh.text

    statuses = [fresh.log_in(f"name{number}", "wrong").status for number in range(3)]
    assert statuses == [403, 403, 429]
    now = 61.0
    assert fresh.log_in("carol", PASSWORD).status == 429
    now = 301.0
    assert fresh.log_in("carol", PASSWORD).status == 303


def test_a_removed_user_is_out(admin: Browser, tables: Connection) -> None:
    """When a user is removed, an open session ends."""
    remove_user(tables, "carol")
    assert admin.get("/").status == 303


def test_passwords_stay_out_of_the_log(browser: Browser, caplog: pytest.LogCaptureFixture) -> None:
    """The log has who tried, in escapes, and never a password or cookie."""
    caplog.set_level("DEBUG", "sendlimit.web")
    browser.log_in("carol\x1b[31m", "hunter2 hunter2")
    browser.log_in("carol", PASSWORD)
    browser.get("/")
    assert "log-in failed: 'carol\\x1b[31m'" in caplog.text
    for secret in ("hunter2", PASSWORD, *browser.cookies.values()):
        assert secret not in caplog.text
