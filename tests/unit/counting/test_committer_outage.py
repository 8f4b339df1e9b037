"""Outages: mail passes at once, and is counted once when the database is back (R11)."""

from pathlib import Path

import pytest

from sendlimit.counting.batch_writer import RECOVERIES_MAX
from sendlimit.errors import SchemaError, StoreError, StoreUnavailable
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.limit import LATCH
from support.counting_samples import ALICE, ALICES_DAY, ALICES_MAIL, DAILY, UTC, file_rules, setting
from support.doubles.daemon import SteppedDaemon


def test_outage(daemon: SteppedDaemon) -> None:
    """R11: while the database is away all mail passes at once; it is booked when the database is back."""
    daemon.store.away = True
    assert all(daemon.send(ALICE) for _ in range(5))
    assert daemon.ledger.unbooked == 5
    verbs = list(daemon.store.verbs)
    assert all(daemon.send(ALICE) for _ in range(2))
    assert verbs == daemon.store.verbs, "an accepted mail did not wait for a try"

    daemon.store.away = False
    daemon.step()

    assert daemon.tables.used()[ALICES_DAY] == 7
    assert daemon.tables.used()[LATCH] == 7
    assert daemon.ledger.unbooked == 0
    assert [event for event in daemon.events.recorded if event[0] != "retried"] == [  # type: ignore[index]
        ("down", "StoreUnavailable"),
        ("back", 7),
    ]
    assert not daemon.send(ALICE)


def test_outage_is_said_once(daemon: SteppedDaemon) -> None:
    """One line says that the database is away, not one a try."""
    daemon.store.away = True
    for _ in range(5):
        daemon.step()

    assert daemon.events.recorded.count(("down", "StoreUnavailable")) == 1


def test_mail_of_yesterday_is_booked_to_yesterday(daemon: SteppedDaemon) -> None:
    """R5, R11: what was accepted before midnight and booked after it counts for its day."""
    daemon.store.away = True
    daemon.step()
    daemon.send(ALICE)
    daemon.now += 86_400
    daemon.store.away = False
    daemon.step()

    assert daemon.tables.used() == ALICES_MAIL


def test_reservation_of_before_the_outage(daemon: SteppedDaemon) -> None:
    """R8: a release during an outage is kept and done when the database is back."""
    reservation = daemon.ledger.reserve(ALICE, daemon.now)
    daemon.store.away = True
    daemon.step()
    daemon.ledger.release(reservation)
    daemon.step()
    assert daemon.tables.used() == ALICES_MAIL

    daemon.store.away = False
    daemon.step()

    assert daemon.tables.used() == {}


@pytest.mark.parametrize("verb", ["begin", "write", "names_in_force"])
def test_statement_that_fails(daemon: SteppedDaemon, verb: str) -> None:
    """Any other error of the database: mail passes at once, is booked, and counts once."""
    daemon.ledger.use(CountingSettings(file_rules(setting("*", DAILY, 4)), UTC))
    daemon.store.fail(verb, StoreError("disk full"), applied=False)

    assert daemon.send(ALICE)
    daemon.step()

    assert daemon.ledger.up
    assert daemon.tables.used() == ALICES_MAIL
    assert ("down", "StoreError") in daemon.events.recorded


def test_wrong_schema_at_the_start(tmp_path: Path) -> None:
    """R11: with the tables of another version the daemon accepts mail, and says so once."""
    daemon = SteppedDaemon(tmp_path, setting("*", DAILY, 0))
    daemon.store.fail("connect", SchemaError(), SchemaError())
    daemon.start()
    assert daemon.send(ALICE)
    daemon.step()
    assert daemon.events.recorded == [("down", "SchemaError")]

    daemon.step()

    assert daemon.events.recorded[-1] == ("back", 1)
    assert not daemon.send(ALICE)


def test_server_that_refuses_every_statement(daemon: SteppedDaemon) -> None:
    """A server that takes connections and drops each at its first statement is a database that is away."""
    daemon.store.fail("begin", *[StoreUnavailable() for _ in range(100)])

    assert daemon.send(ALICE)
    assert not daemon.ledger.up
    assert daemon.store.verbs.count("begin") == RECOVERIES_MAX + 1
    daemon.store.forget_faults()
    daemon.step()

    assert daemon.tables.used() == ALICES_MAIL


@pytest.mark.parametrize("applied", [False, True], ids=["not in", "in"])
@pytest.mark.parametrize("verb", ["begin", "write"])
def test_fault_of_our_own_loses_no_count(
    daemon: SteppedDaemon, verb: str, *, applied: bool
) -> None:
    """R11: what was to be booked when something raised is booked with the next batch, once."""
    daemon.store.away = True
    daemon.step()
    daemon.send(ALICE)
    daemon.store.away = False
    daemon.store.fail(verb, RuntimeError("broken"), applied=applied and verb == "write")
    daemon.step()
    daemon.step()

    assert ("fault", "committer") in daemon.events.recorded
    assert daemon.tables.used() == ALICES_MAIL
    assert daemon.ledger.unbooked == 0


@pytest.mark.parametrize("applied", [False, True], ids=["not in", "in"])
@pytest.mark.parametrize("verb", ["connect", "fence"])
def test_fault_while_it_recovers_loses_no_count(
    daemon: SteppedDaemon, verb: str, *, applied: bool
) -> None:
    """R11: also when it raises on the way to learn the outcome of a lost batch."""
    daemon.ledger.release(daemon.ledger.reserve(ALICE, daemon.now))
    daemon.store.fail("write", StoreUnavailable(), applied=applied)
    daemon.store.fail(verb, RuntimeError("broken"))
    daemon.step()
    daemon.step()

    assert ("fault", "committer") in daemon.events.recorded
    assert daemon.tables.used() == {}
