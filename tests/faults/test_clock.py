"""New periods, daylight saving time and clocks that are wrong: the limit holds in each period.

The daemon is the real one; its clock is set by the test.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.rig.clock import SettableClock
from support.rig.configuration import configuration
from support.rig.counters import Counters, in_mariadb, in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.milter_client import MilterClient
from support.rig.process import running

ZONE = "Europe/Berlin"
ALICE = "alice@example.org"


@contextmanager
def daemon_at(
    folder: Path,
    store: Counters,
    limits: Mapping[str, Any],
    clock: SettableClock,
    day_starts_at: str = "00:00",
) -> Iterator[MilterClient]:
    """Run a daemon whose clock the test sets; give a session with it."""
    settings = configuration(
        folder,
        folder / "milter.sock",
        store.settings,
        limits={"mailbox": limits},
        calendar={"timezone": ZONE, "day_starts_at": day_starts_at},
    )
    daemon = Sendlimit(folder, settings, env=clock.env)
    with running(daemon), MilterClient(folder / "milter.sock") as session:
        yield session
    assert not daemon.lines("fault|Traceback|store-down")


@pytest.fixture
def clock(folder: Path) -> SettableClock:
    """A clock in Berlin."""
    return SettableClock(folder, ZONE)


@pytest.fixture
def sqlite(folder: Path) -> Counters:
    """An empty SQLite store."""
    return in_sqlite(folder / "sendlimit.db")


def passes(session: MilterClient) -> bool:
    """Send a mail; tell whether it passed."""
    return session.send_mail(ALICE).kind == "continue"


def by_period(store: Counters, subject: str, window: str = "day") -> dict[str, int]:
    """Return the counters of a subject by the start of their period, in UTC."""
    found = store.query(
        "SELECT period_start, used FROM er_counter"
        " WHERE subject = %s AND `window` = %s AND used <> 0",
        subject,
        window,
    )
    return {str(start): used for start, used in found}


@pytest.mark.parametrize(
    ("window", "now", "last_moment", "next_period"),
    [
        ("minute", "2026-05-05 10:20:30", "2026-05-05 10:20:59", "2026-05-05 10:21:00"),
        ("hour", "2026-05-05 10:20:30", "2026-05-05 10:59:59", "2026-05-05 11:00:00"),
        ("day", "2026-05-05 10:20:30", "2026-05-06 05:59:59", "2026-05-06 06:00:00"),
        ("month", "2026-05-31 22:00:00", "2026-06-01 05:59:59", "2026-06-01 06:00:00"),
    ],
)
def test_new_period(  # noqa: PLR0913 - a period has a beginning, a middle and an end
    *,
    folder: Path,
    sqlite: Counters,
    clock: SettableClock,
    window: str,
    now: str,
    last_moment: str,
    next_period: str,
) -> None:
    """The limit holds to the last second of a period; with the next one counting begins at 0 (R5)."""
    clock.set(now)
    with daemon_at(folder, sqlite, {f"messages_per_{window}": 2}, clock, "06:00") as session:
        assert [passes(session) for _ in range(3)] == [True, True, False]
        clock.set(last_moment)
        assert not passes(session)
        clock.set(next_period)
        assert [passes(session) for _ in range(3)] == [True, True, False]


def test_hour_that_is_left_out(folder: Path, sqlite: Counters, clock: SettableClock) -> None:
    """In March 02:00 becomes 03:00: the hour after 01 is 03, and the day ends at midnight."""
    clock.set("2024-03-31 01:59:30")
    limits = {"messages_per_hour": 1, "messages_per_day": 3}
    with daemon_at(folder, sqlite, limits, clock) as session:
        assert [passes(session) for _ in range(2)] == [True, False]
        clock.set("2024-03-31 03:00:00")
        assert [passes(session) for _ in range(2)] == [True, False]
        clock.set("2024-03-31 23:30:00")
        assert passes(session)
        clock.set("2024-03-31 23:59:59")
        assert not passes(session)
        clock.set("2024-04-01 00:00:00")
        assert passes(session)

    assert by_period(sqlite, ALICE) == {"2024-03-30 23:00:00": 3, "2024-03-31 22:00:00": 1}


def test_hour_that_happens_twice(folder: Path, sqlite: Counters, clock: SettableClock) -> None:
    """In October 03:00 becomes 02:00: the two hours named 02 are two periods of one long day."""
    clock.set("2024-10-27 02:30:00")
    limits = {"messages_per_hour": 1, "messages_per_day": 2}
    with daemon_at(folder, sqlite, limits, clock) as session:
        assert [passes(session) for _ in range(2)] == [True, False]
        clock.set("2024-10-27 02:30:00", fold=1)
        assert [passes(session) for _ in range(2)] == [True, False]
        clock.set("2024-10-27 23:59:59")
        assert not passes(session)
        clock.set("2024-10-28 00:00:00")
        assert passes(session)

    assert by_period(sqlite, ALICE, "hour") == {
        "2024-10-27 00:00:00": 1, "2024-10-27 01:00:00": 1, "2024-10-27 23:00:00": 1,
    }  # fmt: skip


def test_given_back_after_midnight(folder: Path, store: Counters, clock: SettableClock) -> None:
    """A mail that begins before midnight and is given up after it is given back to yesterday (R8)."""
    clock.set("2026-05-05 23:59:30")
    with daemon_at(folder, store, {"messages_per_day": 2}, clock) as session:
        assert passes(session)
        assert session.mail(ALICE).kind == "continue"
        clock.set("2026-05-06 00:00:30")
        session.abort()
        assert passes(session)

    assert by_period(store, ALICE) == {"2026-05-04 22:00:00": 1, "2026-05-05 22:00:00": 1}


def test_set_back_an_hour(folder: Path, sqlite: Counters, clock: SettableClock) -> None:
    """A clock that is set back an hour counts in the hour that it shows; no limit is passed."""
    clock.set("2026-05-05 12:30:00")
    limits = {"messages_per_hour": 2, "messages_per_day": 3}
    with daemon_at(folder, sqlite, limits, clock) as session:
        assert [passes(session) for _ in range(3)] == [True, True, False]
        clock.set("2026-05-05 11:30:00")
        assert [passes(session) for _ in range(2)] == [True, False]
        clock.set("2026-05-05 12:30:00")
        assert not passes(session)

    assert by_period(sqlite, ALICE) == {"2026-05-04 22:00:00": 3}


def test_set_forward_a_day(folder: Path, sqlite: Counters, clock: SettableClock) -> None:
    """A clock that is a day ahead for a while uses up tomorrow's limit, not today's twice."""
    clock.set("2026-05-05 12:30:00")
    with daemon_at(folder, sqlite, {"messages_per_day": 2}, clock) as session:
        assert [passes(session) for _ in range(3)] == [True, True, False]
        clock.set("2026-05-06 12:30:00")
        assert [passes(session) for _ in range(3)] == [True, True, False]
        clock.set("2026-05-05 12:31:00")
        assert not passes(session)
        clock.set("2026-05-06 08:00:00")
        assert not passes(session)

    assert by_period(sqlite, ALICE) == {"2026-05-04 22:00:00": 2, "2026-05-05 22:00:00": 2}


@pytest.mark.mariadb
def test_two_clocks_at_midnight(folder: Path, mariadb: PrivateMariaDB, database: Database) -> None:
    """Two daemons with clocks two seconds apart at midnight: each day has exactly its limit."""
    store = in_mariadb(mariadb, database)
    places = [folder / "behind", folder / "ahead"]
    for place in places:
        place.mkdir()
    behind, ahead = (SettableClock(place, ZONE) for place in places)
    behind.set("2026-05-05 23:59:30")
    ahead.set("2026-05-05 23:59:32")
    limits = {"messages_per_day": 20}

    def send_share(session: MilterClient) -> int:
        return sum(passes(session) for _ in range(15))

    with (
        daemon_at(places[0], store, limits, behind) as slow,
        daemon_at(places[1], store, limits, ahead) as fast,
        ThreadPoolExecutor(2) as senders,
    ):
        assert sum(senders.map(send_share, [slow, fast])) == 20
        ahead.set("2026-05-06 00:00:00")
        assert list(senders.map(send_share, [slow, fast])) == [0, 15]
        behind.set("2026-05-06 00:00:10")
        assert sum(senders.map(send_share, [slow, fast])) == 5

    assert by_period(store, ALICE) == {"2026-05-04 22:00:00": 20, "2026-05-05 22:00:00": 20}
