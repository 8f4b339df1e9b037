"""What a mail has reserved, and whether its recipients pass what was left at MAIL."""

import pytest

from sendlimit.counting.counter import Counter, Group
from sendlimit.counting.records import SenderDefinition, SenderKeys, Shape
from sendlimit.counting.reservation import EndLimit, Reservation
from sendlimit.rules.decision import Decision
from sendlimit.rules.limit import LATCH, Charge, Limit, Origin
from sendlimit.rules.window import Window
from support.counting_samples import ALICE, ALICES_DAY, ALICES_MAIL, NOON, UTC, key_of, named


def _end(name: str, most: int) -> EndLimit:
    counter = Counter(Group(named(name), NOON), ALICE.mailbox, 0, known=True)
    limit = Limit(named(name), most, "*", Origin.FILE)
    return EndLimit(limit, counter, counter.key, UTC.period(Window.DAY, NOON), most)


@pytest.mark.parametrize(
    ("recipients", "external", "has_room"),
    [(3, 0, True), (4, 0, False), (1, 1, True), (3, 2, False)],
)
def test_room_at_rcpt(recipients: int, external: int, *, has_room: bool) -> None:
    """By each of the limits: 3 recipients are left, and 1 external one."""
    ends = (
        (_end("mailbox.recipients_per_day", 10), 7),
        (_end("mailbox.external_recipients_per_day", 5), 4),
    )
    reservation = Reservation(ALICE, NOON, Decision(), ends=ends)
    assert reservation.has_room(recipients, external) is has_room
    assert [(usage.limit.max, usage.used) for usage in reservation.recipient_usage] == [
        (10, 7),
        (5, 4),
    ]


def test_without_a_decision() -> None:
    """Nothing is known to be left, and nothing is reserved."""
    reservation = Reservation(ALICE, NOON, None)
    assert (reservation.recipient_usage, reservation.charges) == ((), ())


def test_charges() -> None:
    """Those of a batch as they are; from memory one of each of its counters, as they were then."""
    charges = (Charge(ALICES_DAY, 1),)
    assert Reservation(ALICE, NOON, Decision(), charges).charges == charges
    shape = Shape((key_of("mailbox.messages_per_day", ""), LATCH))
    keys = SenderKeys(SenderDefinition(ALICE), shape)
    reservation = Reservation(ALICE, NOON, Decision(), keys=keys)
    assert reservation.charges == (Charge(ALICES_DAY, 1), Charge(LATCH, 1))
    assert {ALICES_DAY, LATCH} <= {*ALICES_MAIL}
