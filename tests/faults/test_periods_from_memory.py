"""Midnight, the end of a month, the change of clocks and clocks that jump, decided from memory (R5, R8)."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pytest

from support.rig.clock import SettableClock
from support.rig.counters import Counters
from support.rig.lone_daemon import LoneDaemon
from support.rig.mariadb import PrivateMariaDB
from support.rig.milter_client import MilterClient
from support.rig.process import running, wait_for

ZONE = "Europe/Berlin"
ALICE = "alice@example.org"
SETTLES_S = 20
SESSIONS = 20


@pytest.fixture
def clock(folder: Path) -> SettableClock:
    """A clock in Berlin."""
    return SettableClock(folder, ZONE)


@contextmanager
def alone(
    folder: Path, store: Counters, clock: SettableClock, limits: Mapping[str, Any]
) -> Iterator[LoneDaemon]:
    """Run a daemon that decides from memory; what it can't decide it refuses."""
    settings = {**store.settings, "on_failure": "tempfail"}
    calendar = {"timezone": ZONE, "day_starts_at": "00:00"}
    daemon = LoneDaemon(
        folder / "d", settings, {"mailbox": limits}, env=clock.env, calendar=calendar
    )
    with running(daemon):
        daemon.wait_for_mode("memory")
        yield daemon
        assert daemon.mode == "memory"
    assert not daemon.faults


def by_period(store: Counters, window: str, subject: str = ALICE) -> dict[str, int]:
    """Return the counters of a subject by the start of their period, in UTC."""
    rows = store.query(
        "SELECT period_start, used FROM er_counter"
        " WHERE subject = %s AND `window` = %s AND unit = 'messages' AND used <> 0",
        subject,
        window,
    )
    return {str(start): used for start, used in rows}


def wait_until_counted(store: Counters, window: str, expected: Mapping[str, int]) -> None:
    """Wait until the counters of the mailbox are these."""
    wait_for(
        lambda: by_period(store, window) == expected,
        SETTLES_S,
        f"{expected}",
        lambda: f"there are {by_period(store, window)}",
    )


@pytest.mark.parametrize(
    ("window", "before", "after", "first", "second"),
    [
        pytest.param(
            "day", "2026-05-05 23:59:30", "2026-05-06 00:00:10",
            "2026-05-04 22:00:00", "2026-05-05 22:00:00", id="midnight",
        ),
        pytest.param(
            "month", "2026-12-31 23:59:30", "2027-01-01 00:00:10",
            "2026-11-30 23:00:00", "2026-12-31 23:00:00", id="month",
        ),
        pytest.param(
            "hour", "2026-03-29 01:59:30", "2026-03-29 03:00:10",
            "2026-03-29 00:00:00", "2026-03-29 01:00:00", id="hour-left-out",
        ),
        pytest.param(
            "day", "2026-10-25 23:59:30", "2026-10-26 00:00:10",
            "2026-10-24 22:00:00", "2026-10-25 23:00:00", id="long-day",
        ),
    ],
)  # fmt: skip
def test_given_back_to_its_period(  # noqa: PLR0913 - a period has a beginning and an end
    *,
    folder: Path,
    store: Counters,
    clock: SettableClock,
    window: str,
    before: str,
    after: str,
    first: str,
    second: str,
) -> None:
    """Of 20 mails under way at the end of a period half are given up: that period gets them back.

    The new one begins with its whole limit, while those mails are still under way.
    """
    clock.set(before)
    limits = {f"messages_per_{window}": SESSIONS}
    with alone(folder, store, clock, limits) as daemon, ExitStack() as stack:
        sessions = [stack.enter_context(MilterClient(daemon.socket)) for _ in range(SESSIONS)]
        assert {session.mail(ALICE).kind for session in sessions} == {"continue"}
        assert not daemon.passes(ALICE)
        clock.set(after)
        assert [daemon.passes(ALICE) for _ in range(SESSIONS + 1)] == [True] * SESSIONS + [False]
        for number, session in enumerate(sessions):
            if number % 2:
                session.abort()
            else:
                session.rcpt()
                assert session.end().kind == "continue"
        wait_until_counted(store, window, {first: SESSIONS // 2, second: SESSIONS})
        assert not daemon.passes(ALICE)


@pytest.mark.mariadb
def test_new_day_without_the_database(
    folder: Path, fragile: Counters, fragile_mariadb: PrivateMariaDB, clock: SettableClock
) -> None:
    """The first mail of a new day passes at once: while the database hangs, too, for the lease's 3 s."""
    clock.set("2026-05-05 23:00:00")
    with alone(folder, fragile, clock, {"messages_per_day": 1}) as daemon:
        with MilterClient(daemon.socket) as session:
            assert session.send_mail(ALICE).kind == "continue"
            assert session.send_mail(ALICE).kind == "reply"
            wait_until_counted(fragile, "day", {"2026-05-04 22:00:00": 1})
            fragile_mariadb.freeze()
            try:
                clock.set("2026-05-06 00:00:10")
                assert session.send_mail(ALICE).kind == "continue"
            finally:
                fragile_mariadb.thaw()
        wait_until_counted(fragile, "day", {"2026-05-04 22:00:00": 1, "2026-05-05 22:00:00": 1})


def test_steps_of_an_hour(folder: Path, store: Counters, clock: SettableClock) -> None:
    """A clock that jumps back and forth by an hour: each hour has its limit, and the day has its own."""
    clock.set("2026-05-05 12:30:00")
    limits = {"messages_per_hour": 3, "messages_per_day": 8}
    hours = {}
    with alone(folder, store, clock, limits) as daemon:
        for local, passed in (
            ("2026-05-05 12:30:00", 3),
            ("2026-05-05 11:30:00", 3),
            ("2026-05-05 12:30:00", 0),
            ("2026-05-05 13:30:00", 2),
            ("2026-05-05 12:30:00", 0),
            ("2026-05-05 11:30:00", 0),
        ):
            clock.set(local)
            assert sum(daemon.passes(ALICE) for _ in range(4)) == passed, local
            hours[local] = passed
        wait_until_counted(
            store,
            "hour",
            {"2026-05-05 09:00:00": 3, "2026-05-05 10:00:00": 3, "2026-05-05 11:00:00": 2},
        )
        wait_until_counted(store, "day", {"2026-05-04 22:00:00": 8})
