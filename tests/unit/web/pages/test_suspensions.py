"""The list of who may send nothing, suspending and releasing (R17)."""

import pytest

from sendlimit.rules.limit import SUSPENSION
from sendlimit.store.changes import Author, recorded_changes
from sendlimit.store.connection import Connection
from sendlimit.store.suspensions import suspend, suspensions
from support.counting_samples import NOON, moment
from support.pages_client import Browser

_PAGE = "/subject/alice@example.org"
_SUSPEND, _RELEASE = f"{_PAGE}/suspend", f"{_PAGE}/release"
_DAEMON = Author("sendlimit", "daemon", NOON)


def test_suspend_and_release(admin: Browser, tables: Connection) -> None:
    """On the mailbox's page: suspended with an end and a reason, shown, and released."""
    admin.get(_PAGE)
    answer = admin.fill(_SUSPEND, {"until": "2026-11-22T18:00", "reason": "stolen"})
    admin.get(answer.headers["location"])
    assert "It is suspended. It holds from the next message on." in admin.text
    assert "Suspended until 18:00: the next message is refused." in admin.text
    (row,) = suspensions(tables)
    assert row.setting.valid_until == moment("2026-11-22 18:00", "Europe/Berlin")
    assert (row.reason, row.set_by) == ("stolen", "carol")

    answer = admin.fill(_RELEASE, {})
    admin.get(answer.headers["location"])
    assert "It is released." in admin.text
    assert suspensions(tables) == []
    trail = [(row.change.what, row.who, row.origin) for row in recorded_changes(tables, 0)]
    assert trail == [("release", "carol", "page"), ("suspend", "carol", "page")]


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"until": "2026-11-22T12:00"}, "still to come"),
        ({"until": "soon"}, "still to come"),
        ({"reason": "x" * 256}, "255 characters"),
    ],
)
def test_refused(admin: Browser, tables: Connection, fields: dict[str, str], words: str) -> None:
    """A wrong value is refused in words, and the form stays open as it was."""
    admin.get(_PAGE)
    answer = admin.fill(_SUSPEND, {"until": "", "reason": "typed", **fields})
    assert answer.status == 422
    assert words in admin.text
    assert "<details open>" in admin.text
    assert suspensions(tables) == []


def test_of_the_domain(admin: Browser, tables: Connection) -> None:
    """A mailbox whose domain is suspended says so, and leads there: it is released there."""
    suspend(tables, "example.org", None, "", _DAEMON)
    admin.get(_PAGE)
    assert "Suspended until it is released" in admin.text
    assert 'href="/subject/example.org"' in admin.text
    assert _RELEASE not in admin.text
    admin.get("/subject/example.org")
    assert 'action="/subject/example.org/release"' in admin.text


def test_release_twice(admin: Browser, tables: Connection) -> None:
    """Whom another one has released already can't be released."""
    suspend(tables, "alice@example.org", None, "", _DAEMON)
    admin.get(_PAGE)
    page = admin.text
    admin.fill(_RELEASE, {})
    admin.text = page
    assert admin.fill(_RELEASE, {}).status == 404


def test_list(admin: Browser, tables: Connection) -> None:
    """All who are suspended, by pages; the overview says how many; the limits have none of them."""
    assert "Suspended: " not in admin.text
    for number in range(60):
        suspend(tables, f"m{number:02}@x.org", None, "sends too much", _DAEMON)
    suspend(tables, "ended@x.org", NOON - 60, "", _DAEMON)
    admin.get("/")
    assert "Suspended: 60" in admin.text
    admin.get("/suspended")
    assert admin.text.count("<tr>") == 51
    target = admin.text.split('" rel="next"')[0].rpartition('href="')[2].replace("&amp;", "&")
    admin.get(target)
    assert admin.text.count("<tr>") == 11
    assert "ended@x.org" not in admin.text
    admin.get("/suspended?text=m07")
    assert admin.text.count("<tr>") == 2
    admin.get("/limits")
    assert "There are none." in admin.text


@pytest.mark.parametrize("target", [_SUSPEND, _RELEASE])
def test_no_change_by_get(admin: Browser, target: str) -> None:
    """A link changes nothing."""
    assert admin.get(target).status == 405


def test_in_the_audit_trail(admin: Browser, tables: Connection) -> None:
    """The audit trail says in words who was suspended and released; the server's page shows everyone's."""
    suspend(tables, "*", None, "", _DAEMON)
    admin.get("/changes")
    assert "suspended" in admin.seen
    admin.get("/subject/global")
    assert 'action="/subject/global/release"' in admin.text
    assert 'action="/subject/global/suspend"' not in admin.text
    assert str(SUSPENSION) not in admin.text
