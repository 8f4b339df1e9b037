"""The thread that suspends, with a real SQLite file."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.daemon.suspender import WHO, Suspender
from sendlimit.errors import StoreUnavailable
from sendlimit.rules.suspicion import SuspendRule
from sendlimit.store.connection import Connection
from sendlimit.store.suspensions import suspensions
from support.counting_samples import ALICE, NOON
from support.doubles.events import RecordingEvents
from support.real_stores import open_tables
from support.rig.process import wait_for

_RULE = SuspendRule(after_refusals=2, after_client_addresses=2, within_s=60, for_s=3600)


class Watch:
    """A suspender, the tables it writes, and what it reported."""

    def __init__(self, folder: Path) -> None:
        """Begin with empty tables."""
        self.url = f"sqlite://{folder}/s.db"
        self.tables = open_tables(self.url)
        self.events = RecordingEvents()
        self.away = False
        self.suspender = Suspender(self._connect, self.events, clock=lambda: NOON, retry_s=0.01)

    def _connect(self) -> Connection:
        if self.away:
            raise StoreUnavailable
        return open_tables(self.url)

    def wait_for_events(self, number: int) -> list[object]:
        """Wait until so many events were reported; return all."""
        wait_for(lambda: len(self.events.recorded) >= number, 20, "events", lambda: str(self.events.recorded))  # fmt: skip
        return self.events.recorded


@pytest.fixture
def watch(tmp_path: Path) -> Iterator[Watch]:
    """A suspender without a rule."""
    watch = Watch(tmp_path)
    yield watch
    watch.suspender.stop()
    watch.tables.close()


def test_refusals(watch: Watch) -> None:
    """R17: the suspension is in the tables when it is reported, with why and by whom."""
    watch.suspender.use(_RULE)
    watch.suspender.refused(ALICE, "192.0.2.7")
    watch.suspender.refused(ALICE, "192.0.2.7")

    assert watch.wait_for_events(1) == [("suspended", ALICE.mailbox)]
    (row,) = suspensions(watch.tables)
    assert (row.setting.subject, row.setting.valid_until) == (ALICE.mailbox, NOON + 3600)
    assert (row.set_by, row.reason) == (WHO, "2 refusals within 1 minute: 192.0.2.7")


def test_clients(watch: Watch) -> None:
    """R17: mail from a second network suspends as well; clients are looked at only where it counts."""
    assert not watch.suspender.watches_clients
    watch.suspender.use(_RULE)
    assert watch.suspender.watches_clients
    watch.suspender.sent(ALICE, "192.0.2.7")
    watch.suspender.sent(ALICE, "198.51.100.7")

    watch.wait_for_events(1)
    assert suspensions(watch.tables)[0].reason.startswith("2 client networks")


def test_observe(watch: Watch) -> None:
    """R12: in observe mode it is reported, and nobody is suspended."""
    watch.suspender.use(SuspendRule(1, None, 60, None, observe=True))
    watch.suspender.refused(ALICE, "192.0.2.7")

    assert watch.suspender.waiting == set()
    assert watch.wait_for_events(1) == [("would suspend", ALICE.mailbox)]
    assert suspensions(watch.tables) == []


def test_database_away(watch: Watch, caplog: pytest.LogCaptureFixture) -> None:
    """While the database is away the suspension waits, which is logged once, holds here, is not made twice, and comes then."""
    caplog.set_level(logging.INFO, logger="sendlimit")
    watch.away = True
    watch.suspender.use(SuspendRule(1, None, 60, None))
    watch.suspender.refused(ALICE, "192.0.2.7")
    wait_for(lambda: "suspend-failed mailbox=alice@example.org" in caplog.text, 20, "the line")
    assert watch.suspender.waiting == {ALICE.mailbox}
    watch.suspender.refused(ALICE, "192.0.2.8")
    watch.away = False

    assert watch.wait_for_events(1) == [("suspended", ALICE.mailbox)]
    wait_for(lambda: not watch.suspender.waiting, 20, "the tables have it")
    assert len(suspensions(watch.tables)) == 1
    assert watch.events.recorded == [("suspended", ALICE.mailbox)]
    assert caplog.text.count("suspend-failed") == 1


def test_no_rule(watch: Watch) -> None:
    """Without a rule nothing is watched; a rule that is taken away ends the watch."""
    watch.suspender.refused(ALICE, "192.0.2.7")
    watch.suspender.use(SuspendRule(1, 2, 60, None))
    watch.suspender.use(None)
    watch.suspender.refused(ALICE, "192.0.2.7")
    watch.suspender.sent(ALICE, "192.0.2.7")
    watch.suspender.use(SuspendRule(1, None, 60, None))
    watch.suspender.refused(ALICE, "192.0.2.8")

    assert watch.wait_for_events(1) == [("suspended", ALICE.mailbox)]
    assert suspensions(watch.tables)[0].reason.endswith(": 192.0.2.8")


def test_a_reload_with_the_same_rule(watch: Watch) -> None:
    """A reload that changes nothing forgets nothing."""
    watch.suspender.use(_RULE)
    watch.suspender.refused(ALICE, "192.0.2.7")
    watch.suspender.use(_RULE)
    watch.suspender.refused(ALICE, "192.0.2.7")

    assert watch.wait_for_events(1) == [("suspended", ALICE.mailbox)]
