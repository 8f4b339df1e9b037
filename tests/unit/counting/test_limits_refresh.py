"""Limits of the database become known, the views are told of the file's; neither stops the counting."""

from sendlimit.errors import StoreConflict, StoreError, StoreUnavailable
from sendlimit.rules.counting_settings import CountingSettings
from support.counting_samples import (
    ALICE,
    ALICES_MAIL,
    DAILY,
    DAY_START,
    LIMIT_OF_3,
    UTC,
    file_rules,
    key_of,
    named,
    setting,
)
from support.doubles.daemon import SteppedDaemon


def test_limit_that_nobody_knew_yet(daemon: SteppedDaemon) -> None:
    """A limit per minute set a moment ago is held against the counter it loads, from this mail on."""
    daemon.refreshes = False
    per_minute = key_of("mailbox.messages_per_minute", ALICE.mailbox)
    daemon.tables.counters[per_minute] = 4
    daemon.tables.limits = [setting("example.org", "mailbox.messages_per_minute", 5)]

    assert [daemon.send(ALICE), daemon.send(ALICE)] == [True, False]
    assert daemon.tables.used()[per_minute] == 5
    assert named("mailbox.messages_per_minute") in daemon.ledger.names


def test_views_are_told(daemon: SteppedDaemon) -> None:
    """The views' tables get the file's limits, the running day and the next ones, when they change."""
    published = daemon.tables.published
    assert published is not None
    assert list(published.settings) == [LIMIT_OF_3]
    assert published.days[0] == (DAY_START, DAY_START + 86_400)
    assert len(published.days) == 8

    daemon.step()
    assert "publish" not in daemon.store.verbs
    daemon.now += 86_400
    daemon.step()

    assert daemon.tables.published is not published


def test_conflict_with_another_publisher(daemon: SteppedDaemon) -> None:
    """Two daemons that tell the views at once: the one that lost tries again later."""
    daemon.store.fail("publish", StoreConflict())
    daemon.now += 86_400
    daemon.step()
    assert daemon.ledger.up

    daemon.step()

    assert daemon.tables.published is not None
    assert daemon.tables.published.days[0][0] == DAY_START + 86_400


def test_connection_closed_while_idle(daemon: SteppedDaemon) -> None:
    """A server that closed an idle connection is no outage: the next mail is decided."""
    daemon.store.fail("names_in_force", StoreUnavailable())

    assert daemon.ledger.reserve(ALICE, daemon.now).decision is not None
    assert daemon.tables.used() == ALICES_MAIL
    assert daemon.events.recorded == []


def test_views_that_cannot_be_told(daemon: SteppedDaemon) -> None:
    """What only the views need stops no counting; it is tried again with the next change."""
    daemon.ledger.use(CountingSettings(file_rules(setting("*", DAILY, 4)), UTC))
    daemon.store.fail("publish", StoreError("disk full"), applied=False)

    assert daemon.send(ALICE)

    assert daemon.ledger.up
    assert daemon.tables.used() == ALICES_MAIL
    assert daemon.events.recorded == ["publishing failed"]
