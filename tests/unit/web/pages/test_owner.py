"""The page of a mailbox's owner: the own mailbox and nothing else."""

import pytest

from sendlimit.rules.limit import Scope
from sendlimit.rules.login_map import LoginMap
from sendlimit.store import web_access
from sendlimit.store.changes import Author
from sendlimit.store.connection import Connection
from sendlimit.store.suspensions import suspend
from sendlimit.web.api.common import Service
from sendlimit.web.pages.login import OWNER
from sendlimit.web.pages.security import SESSION_COOKIE
from support.command_samples import episode
from support.counting_samples import ALICE, ALICES_DAY, BERLIN, BOB, NOON
from support.pages_client import Browser
from support.real_stores import insert_counter, insert_episode

_TODAY = ALICES_DAY._replace(period_start=BERLIN.period(ALICES_DAY.window, NOON).start)


@pytest.fixture
def owner(browser: Browser, tables: Connection) -> Browser:
    """Alice's browser after the log-in."""
    session = web_access.Session(OWNER, ALICE.mailbox, NOON)
    web_access.begin_session(tables, web_access.digest("secret"), session)
    browser.cookies[SESSION_COOKIE] = "secret"
    return browser


def test_own_use(owner: Browser, tables: Connection) -> None:
    """Own use, history and refusals; no other sender, no limit of domain or server."""
    insert_counter(tables, _TODAY, 40)
    insert_counter(tables, _TODAY._replace(subject=BOB.mailbox), 54321)
    insert_counter(tables, _TODAY._replace(scope=Scope.GLOBAL, subject="*"), 876)
    insert_episode(tables, episode(_TODAY, last_at=NOON))
    insert_episode(tables, episode(_TODAY._replace(subject=BOB.mailbox), last_at=NOON))
    assert owner.get("/me").status == 200
    assert "40 of 100" in owner.text
    assert "3 times since" in owner.text
    assert owner.text.count("192.0.2.7") == 1
    for other in (BOB.mailbox, "876", "999", "54321"):
        assert other not in owner.seen


def test_limit_of_the_server(owner: Browser, tables: Connection) -> None:
    """When another limit is used up, that is said without its numbers."""
    insert_counter(tables, _TODAY._replace(scope=Scope.GLOBAL, subject="*"), 999)
    owner.get("/me")
    assert "Another limit of this server" in owner.text
    assert "999" not in owner.seen


@pytest.mark.parametrize(
    "target",
    [
        "/subject/bob@example.org",
        "/subject/alice@example.org",
        "/limits",
        "/refusals",
        "/changes",
        "/find?name=bob",
        "/me?subject=bob@example.org",
        "/me/bob@example.org",
    ],
)
def test_nothing_else(owner: Browser, tables: Connection, target: str) -> None:
    """No address shows an owner another mailbox, whatever is in it."""
    insert_counter(tables, _TODAY._replace(subject=BOB.mailbox), 54321)
    answer = owner.get(target)
    assert answer.status == (200 if target.startswith("/me?") else 404 if "/me/" in target else 403)
    assert BOB.mailbox not in owner.text
    assert owner.get("/").headers["location"] == "/me"


def test_no_changes(owner: Browser) -> None:
    """An owner changes nothing."""
    owner.get("/me")
    token = owner.text.split('value="')[1].split('"')[0]
    for what in ("set", "unset", "reset"):
        assert owner.post(f"/subject/alice@example.org/{what}", {"form_token": token}).status == 403


def test_suspended(owner: Browser, tables: Connection) -> None:
    """A suspended owner is told so, and whom to ask; not why."""
    suspend(tables, ALICE.mailbox, None, "50 networks", Author("sendlimit", "daemon", NOON))
    owner.get("/me")
    assert "Your mailbox is suspended" in owner.text
    assert "50 networks" not in owner.seen


def test_another_spelling(owner: Browser, service: Service, tables: Connection) -> None:
    """Who logs in by another spelling of a login sees the mailbox that it is."""
    service.live.use_login_map(LoginMap([(ALICE.mailbox, BOB.mailbox)]))
    insert_counter(tables, _TODAY._replace(subject=BOB.mailbox), 54)
    owner.get("/me")
    assert "54 of 100" in owner.text


def test_not_for_admins(admin: Browser) -> None:
    """An admin has no page of an owner."""
    assert admin.get("/me").headers["location"] == "/"
