"""The page of a mailbox or domain, and the changes that are made on it."""

import pytest

from sendlimit.store.changes import recorded_changes
from sendlimit.store.connection import Connection
from sendlimit.store.overrides import overrides
from sendlimit.web.pages.subject import _read_max
from sendlimit.web.pages.words import Words
from support.counting_samples import ALICES_DAY, BERLIN, DAILY, NOON, moment
from support.pages_client import Browser
from support.real_stores import insert_counter

_TODAY = ALICES_DAY._replace(period_start=BERLIN.period(ALICES_DAY.window, NOON).start)
_PAGE = "/subject/alice@example.org"
_SET, _UNSET, _RESET = (f"{_PAGE}/{what}" for what in ("set", "unset", "reset"))


def _fields(**changed: str) -> dict[str, str]:
    return {"limit": DAILY, "max": "5", "until": "", "reason": "why"} | changed


def test_page(admin: Browser, tables: Connection) -> None:
    """Limits, history and what happens to the next message."""
    insert_counter(tables, _TODAY, 100)
    admin.get("/subject/ALICE%40example.org")
    for text in ("The next message is refused", "limit 100", "22 Nov 2026", "configuration file"):
        assert text in admin.text
    assert admin.get("/subject/example.org").status == 200
    assert admin.get("/subject/*@example.org").status == 422


def test_set_and_take_back(admin: Browser, tables: Connection) -> None:
    """A limit is set with its reason, shown, and taken back; both leave a line."""
    admin.get(_PAGE)
    answer = admin.fill(_SET, _fields(max="1,500"))
    admin.get(answer.headers["location"])
    assert "The limit is set: Messages a day of the mailbox." in admin.text
    assert "It holds from the next message on." in admin.text
    (row,) = overrides(tables)
    assert (row.setting.max, row.reason, row.set_by) == (1500, "why", "carol")

    answer = admin.fill(_UNSET, {})
    admin.get(answer.headers["location"])
    assert "The limit is taken back." in admin.text
    assert overrides(tables) == []
    assert [(row.who, row.origin) for row in recorded_changes(tables, 0)] == [("carol", "page")] * 2


def test_boost(admin: Browser, tables: Connection) -> None:
    """With an end, on the clock of the calendar, it is a boost."""
    admin.get(_PAGE)
    admin.fill(_SET, _fields(until="2026-11-22T18:00"))
    (row,) = overrides(tables)
    assert row.setting.valid_until == moment("2026-11-22 18:00", "Europe/Berlin")


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"max": "-1"}, "whole number"),
        ({"max": "1e3"}, "whole number"),
        ({"max": ""}, "whole number"),
        ({"max": "1000000000000001"}, "whole number"),
        ({"until": "2026-11-22T12:00"}, "still to come"),
        ({"until": "soon"}, "still to come"),
        ({"reason": "x" * 256}, "255 characters"),
        ({"limit": "global.messages_per_day"}, "does not count for this name"),
        ({"limit": "odd"}, "does not count for this name"),
    ],
)
def test_refused(admin: Browser, tables: Connection, fields: dict[str, str], words: str) -> None:
    """A wrong value is refused in words, and what was typed stays in the form."""
    admin.get(_PAGE)
    answer = admin.fill(_SET, _fields(**{"max": "7", "reason": "typed", **fields}))
    assert answer.status == 422
    assert words in admin.text
    assert 'value="typed"' in admin.text or "reason" in fields
    assert overrides(tables) == []


def test_two_admins(admin: Browser, tables: Connection) -> None:
    """Who sets a limit that another admin has changed meanwhile is told so, and nothing is set."""
    admin.get(_PAGE)
    page = admin.text
    admin.fill(_SET, _fields(max="5"))
    admin.text = page
    answer = admin.fill(_SET, _fields(max="6"))
    assert answer.status == 409
    assert "Another one has changed this limit" in admin.text
    assert [row.setting.max for row in overrides(tables)] == [5]
    assert admin.fill(_SET, _fields(max="6")).status == 303


def test_take_back_twice(admin: Browser) -> None:
    """What another one has taken back already is no success."""
    admin.get(_PAGE)
    admin.fill(_SET, _fields())
    admin.get(_PAGE)
    page = admin.text
    admin.fill(_UNSET, {})
    admin.text = page
    assert admin.fill(_UNSET, {}).status == 404
    assert "nothing to take back" in admin.text


def test_reset(admin: Browser, tables: Connection) -> None:
    """The running counts are 0 afterwards."""
    insert_counter(tables, _TODAY, 100)
    admin.get(_PAGE)
    answer = admin.fill(_RESET, {})
    admin.get(answer.headers["location"])
    assert "The running counts are 0 now." in admin.text
    assert [row.change.what for row in recorded_changes(tables, 0)] == ["usage reset"]


@pytest.mark.parametrize("target", [_SET, _UNSET, _RESET])
def test_no_change_by_get(admin: Browser, target: str) -> None:
    """A link changes nothing."""
    assert admin.get(target).status == 405


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", 0),
        ("1500", 1500),
        ("1,500", 1500),
        ("1 500", 1500),
        ("unlimited", None),
        ("UNLIMITED", None),
        (str(10**15), 10**15),
    ],
)
def test_values(text: str, value: int | None) -> None:
    """Values as people type them."""
    assert _read_max(Words("en", BERLIN), text) == value


def test_values_in_german() -> None:
    """The point parts thousands there."""
    german = Words("de", BERLIN)
    assert (_read_max(german, "1.500"), _read_max(german, "unbegrenzt")) == (1500, None)
