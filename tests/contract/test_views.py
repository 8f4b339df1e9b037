"""The views of the tables for people: what each mailbox and the server may send today, and have sent."""

import time

import pytest

from sendlimit.rules.counting_settings import Publication
from sendlimit.rules.learning import Learned, LearnRule
from sendlimit.rules.limit import CounterKey, Setting
from sendlimit.store.changes import Author
from sendlimit.store.connection import Connection
from sendlimit.store.learned import replace_learned
from sendlimit.store.sqltime import to_sql
from support.counting_samples import named, setting
from support.real_stores import add, insert_limit, new_store

_HOUR_S = 3600
_DAY = "mailbox.messages_per_day"
_GLOBAL = "global.messages_per_day"


class Day:
    """A running day in the tables."""

    def __init__(self, tables: Connection, url: str) -> None:
        """Take the connections; the day began an hour ago."""
        self.tables = tables
        self.url = url
        self.now = int(time.time())
        self.start = self.now - _HOUR_S

    def publish(self, *settings: Setting) -> None:
        """Let the daemon tell the file's limits and the days."""
        store = new_store(self.url)
        store.connect()
        following = self.start + 24 * _HOUR_S
        store.publish(
            Publication(settings, [(self.start, following), (following, following + 24 * _HOUR_S)])
        )
        store.close()

    def use(self, name: str, subject: str, amount: int, start: int | None = None) -> None:
        """Count mail of a day."""
        scope, unit, window = named(name)
        key = CounterKey(scope, subject, unit, window, self.start if start is None else start)
        store = new_store(self.url)
        store.connect()
        add(store, {key: amount})
        store.close()

    def override(self, *settings: Setting) -> None:
        """Set rows of er_limit."""
        for row in settings:
            until = None if row.valid_until is None else to_sql(row.valid_until)
            insert_limit(self.tables, row.subject, *map(str, row.name), row.max, until)

    def mailboxes(self) -> dict[str, tuple[int | None, int, int | None]]:
        """Return (limit, used, remaining) by mailbox, as the view has it."""
        rows = self.tables.execute(
            "SELECT mailbox, `limit`, used, remaining, period_start, period_end FROM er_mail_user_ratelimit"
        )
        day = [to_sql(self.start), to_sql(self.start + 24 * _HOUR_S)]
        assert all(list(row[4:]) == day for row in rows)
        return {row[0]: row[1:4] for row in rows}

    def server(self) -> tuple[int | None, int, int | None]:
        """Return (limit, used, remaining) of the server, as the view has it."""
        (row,) = self.tables.execute("SELECT `limit`, used, remaining FROM er_global_ratelimit")
        return row


@pytest.fixture
def day(tables: Connection, emptied_url: str) -> Day:
    """The running day."""
    return Day(tables, emptied_url)


def test_mailboxes_of_today(day: Day) -> None:
    """er_mail_user_ratelimit: one row for each mailbox that sent today: limit, used, remaining."""
    day.publish(setting("*", _DAY, 100))
    day.use(_DAY, "alice@example.org", 7)
    day.use(_DAY, "bob@example.org", 120)
    day.use(_DAY, "carol@example.org", 9, start=day.start - 24 * _HOUR_S)
    day.use("mailbox.messages_per_hour", "dave@example.org", 9)

    assert day.mailboxes() == {
        "alice@example.org": (100, 7, 93),
        "bob@example.org": (100, 120, 0),
    }


@pytest.mark.parametrize(
    ("in_file", "in_rows", "expected"),
    [
        pytest.param([], [], None, id="no limit"),
        pytest.param([("*", 1)], [], 1, id="everyone in the file"),
        pytest.param([("*", 1)], [("*", 2)], 2, id="a row beats the file"),
        pytest.param([("*", 1)], [("*", 2), ("*", 3, 60)], 3, id="a boost beats the row"),
        pytest.param([("*", 1)], [("*", 2), ("*", 3, -60)], 2, id="until it has ended"),
        pytest.param([("example.org", 4)], [("*", 2), ("*", 3, 60)], 4, id="the domain beats everyone"),
        pytest.param([("alice@example.org", 5)], [("example.org", 6, 60)], 5, id="the mailbox beats its domain"),
        pytest.param([("alice@example.org", 5)], [("alice@example.org", None)], None, id="unlimited beats the file"),
        pytest.param([("*", None)], [("example.org", 0)], 0, id="nothing may be sent"),
        pytest.param([("example.net", 4), ("bob@example.org", 5)], [], None, id="others' limits"),
    ],
)  # fmt: skip
def test_limit_of_a_mailbox_by_level(
    day: Day,
    in_file: list[tuple[str, int | None]],
    in_rows: list[tuple[str, int | None] | tuple[str, int | None, int]],
    expected: int | None,
) -> None:
    """R10: the view has the limit that the daemon holds the mailbox to."""
    day.publish(*(setting(subject, _DAY, value) for subject, value in in_file))
    for subject, value, *lasts_s in in_rows:
        until = day.now + lasts_s[0] if lasts_s else None
        day.override(setting(subject, _DAY, value, until))
    day.override(setting("*", "mailbox.messages_per_hour", 77), setting("*", _GLOBAL, 88))
    day.use(_DAY, "alice@example.org", 3)

    remaining = None if expected is None else max(0, expected - 3)
    assert day.mailboxes() == {"alice@example.org": (expected, 3, remaining)}


def test_mailbox_without_a_domain(day: Day) -> None:
    """R10: a login without a domain has its own limit or everyone's."""
    day.publish(setting("*", _DAY, 100), setting("root", _DAY, 3))
    day.use(_DAY, "root", 1)
    day.use(_DAY, "www", 1)

    assert day.mailboxes() == {"root": (3, 1, 2), "www": (100, 1, 99)}


def test_server_before_the_first_mail(day: Day) -> None:
    """er_global_ratelimit has its row from the start of the day on."""
    day.publish(setting("*", _GLOBAL, 999))

    assert day.server() == (999, 0, 999)


def test_server_today(day: Day) -> None:
    """er_global_ratelimit: what all mailboxes sent today."""
    day.publish(setting("*", _GLOBAL, 999))
    day.use(_GLOBAL, "*", 1000)
    day.use(_GLOBAL, "*", 5, start=day.start - 24 * _HOUR_S)
    assert day.server() == (999, 1000, 0)

    day.override(setting("*", _GLOBAL, 2000))
    assert day.server() == (2000, 1000, 1000)
    day.override(setting("*", _GLOBAL, None, day.now + 60))
    assert day.server() == (None, 1000, None)


def test_views_before_the_first_start(day: Day) -> None:
    """Without a daemon that told the days the views are empty, not wrong."""
    assert day.mailboxes() == {}
    assert day.tables.execute("SELECT * FROM er_global_ratelimit") == []


def test_learned_limits_in_the_view(day: Day) -> None:
    """R15: a mailbox has what was learned, a new one at_least; an override goes before."""
    day.publish(Setting("*", named(_DAY), 50, learn=LearnRule(200, 50, 1000)))
    author = Author("", "daemon", 0)
    new = {name: (Learned(122, 61, 0), "") for name in ("a@x.org", "c@x.org")}
    replace_learned(day.tables, named(_DAY), new, author)
    day.override(setting("c@x.org", _DAY, 9))
    for name in ("a@x.org", "b@x.org", "c@x.org"):
        day.use(_DAY, name, 7)

    assert day.mailboxes() == {
        "a@x.org": (122, 7, 115),
        "b@x.org": (50, 7, 43),
        "c@x.org": (9, 7, 2),
    }
