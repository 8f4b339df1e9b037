"""A sender's plan in memory: which counters it is bound to, and when a mail may be quick."""

import pytest

from sendlimit.counting.counters import Counters
from sendlimit.counting.sender_plan import SenderPlan
from sendlimit.counting.stretches import Stretches
from sendlimit.rules.limit import LATCH, Setting, Unit, counted_names
from sendlimit.rules.plan import make_plan
from support.counting_samples import (
    ALICE,
    ALICES_DAY,
    ALICES_MAIL,
    LIMIT_OF_3,
    NOON,
    UTC,
    file_rules,
    key_of,
    setting,
)

_RECIPIENTS = "mailbox.recipients_per_day"
_PER_MESSAGE = "mailbox.recipients_per_message"


def _plan(
    *limits: Setting, warn_at_percent: int | None = None, until: int = 2**62
) -> tuple[SenderPlan, Counters]:
    rules = file_rules(*limits)
    counters = Counters(Stretches())
    plan = make_plan(ALICE, NOON, rules, counted_names(rules.names()), UTC)
    return SenderPlan(ALICE, plan, until, counters, warn_at_percent), counters


def test_it_is_bound_to_the_counters_of_both_units() -> None:
    """Messages with the latch at MAIL, recipients at the end."""
    plan, counters = _plan(LIMIT_OF_3, setting("*", _RECIPIENTS, 5))
    assert {counter.key for counter in plan.messages} == set(ALICES_MAIL)
    assert [counter.key for counter in plan.recipients] == [key_of(_RECIPIENTS, ALICE.mailbox)]
    assert plan.message_keys.keys == tuple(counter.key for counter in plan.messages)
    assert {key.unit for key in plan.recipient_keys.keys} == {Unit.RECIPIENTS}
    assert counters.get(ALICES_DAY) in plan.messages


def test_the_reservation_is_what_was_charged() -> None:
    """To be given back to the same periods."""
    plan, _ = _plan(LIMIT_OF_3)
    assert dict(plan.reservation.charges) == ALICES_MAIL
    assert plan.reservation.plan is plan
    assert plan.messages[-1].key == LATCH


def test_it_ends_with_its_period_or_with_a_boost() -> None:
    """Whichever is first."""
    midnight = UTC.period(LIMIT_OF_3.name.window, NOON).end
    assert _plan()[0].until == midnight
    assert _plan(until=NOON + 60)[0].until == NOON + 60


@pytest.mark.parametrize(
    ("limits", "quick"),
    [
        ((LIMIT_OF_3,), True),
        ((LIMIT_OF_3, setting("*", _PER_MESSAGE, 5)), True),
        ((LIMIT_OF_3, setting("*", _PER_MESSAGE, 0)), False),
        ((LIMIT_OF_3, setting("*", _RECIPIENTS, 5)), False),
    ],
)
def test_quick_is_what_depends_on_messages_alone(
    limits: tuple[Setting, ...], *, quick: bool
) -> None:
    """And only once all counters with a limit are known."""
    plan, _ = _plan(*limits)
    assert not plan.is_known()
    assert not plan.quick
    for counter in plan.limited:
        counter.known = True
    assert plan.is_known()
    assert plan.quick == quick


@pytest.mark.parametrize(
    ("limit", "percent", "look_from"),
    [(10, None, 10), (10, 80, 7), (10, 85, 8), (10, 100, 9), (10, 0, -1), (3, 50, 1), (0, 80, -1)],
)
def test_from_where_on_a_mail_is_looked_at_closely(
    limit: int, percent: int | None, look_from: int
) -> None:
    """The first use that makes a warning, or has no room, is not granted without looking."""
    plan, _ = _plan(setting("*", "mailbox.messages_per_day", limit), warn_at_percent=percent)
    assert [checked[1] for checked in plan.checked] == [look_from]


def test_usage() -> None:
    """What a full decision is made from."""
    plan, counters = _plan(LIMIT_OF_3)
    counters.get(ALICES_DAY).used = 2
    assert plan.usage() == {ALICES_DAY: 2}
