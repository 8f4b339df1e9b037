"""A sender's plan in memory: which counters it is bound to, and when a mail may be quick."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendlimit.counting.counters import Counters
from sendlimit.counting.plan_maker import PlanMaker
from sendlimit.counting.sender_plan import SenderPlan
from sendlimit.counting.stretches import Stretches
from sendlimit.rules.decision import Request
from sendlimit.rules.limit import LATCH, Setting, Unit, counted_names
from sendlimit.rules.plan import Plans
from sendlimit.rules.policy import Facts, decide_by, recipient_beyond
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
    plans = Plans(rules, counted_names(rules.names()), UTC)
    counters.run({name: UTC.period(name.window, NOON) for name in plans.names}, 0)
    maker = PlanMaker(plans, NOON, until, counters, warn_at_percent)
    return maker.make(ALICE), counters


def _load(counters: Counters) -> None:
    while loading := counters.next_chunk():
        counters.load(loading, [], more=False)


def test_it_is_bound_to_the_counters_of_both_units() -> None:
    """Messages with the latch at MAIL, recipients at the end."""
    plan, counters = _plan(LIMIT_OF_3, setting("*", _RECIPIENTS, 5))
    assert {counter.key for counter in plan.messages} == set(ALICES_MAIL)
    (charged,) = plan.at_end
    assert [counter.key for counter in charged.counters] == [key_of(_RECIPIENTS, ALICE.mailbox)]
    assert plan.message_keys.keys == tuple(counter.key for counter in plan.messages)
    assert {key.unit for key in charged.keys.keys} == {charged.unit} == {Unit.RECIPIENTS}
    assert counters.get(ALICES_DAY) in plan.messages


def test_the_reservation_is_what_was_charged() -> None:
    """To be given back to the same periods."""
    plan, _ = _plan(LIMIT_OF_3)
    assert dict(plan.reservation.charges) == ALICES_MAIL
    assert plan.reservation.keys is plan.message_keys
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
        ((LIMIT_OF_3, setting("*", _RECIPIENTS, 5)), True),
        ((LIMIT_OF_3, setting("*", "mailbox.recipients_per_rolling_hour", 5)), False),
    ],
)
def test_quick_is_what_needs_no_steps_at_the_end(
    limits: tuple[Setting, ...], *, quick: bool
) -> None:
    """And only once all counters with a limit are known."""
    plan, counters = _plan(*limits)
    assert not plan.is_known()
    assert not plan.quick
    _load(counters)
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


@given(
    st.tuples(*[st.integers(-1, 5)] * 3),
    st.integers(1, 4),
    st.integers(0, 4),
    st.sampled_from([None, 0, 60, 100]),
)
def test_a_quick_decision_is_that_of_the_rules(
    used: tuple[int, ...], recipients: int, external: int, percent: int | None
) -> None:
    """At MAIL what is used of recipients and external mail is told as it is; at the end the same passes."""
    plan, counters = _plan(
        setting("*", _RECIPIENTS, 4),
        setting("*", "mailbox.external_recipients_per_day", 3),
        setting("*", "domain.external_messages_per_hour", 2),
        setting("*", _PER_MESSAGE, 5),
        warn_at_percent=percent,
    )
    _load(counters)
    assert plan.is_known()
    for end, amount in zip(plan.ends, used, strict=True):
        end.counter.used = amount
    facts = Facts(Plans(file_rules(), (), UTC), plan.usage(), usage_changes_from_percent=percent)
    reserved, full = plan.reserved(NOON), decide_by(plan.plan, Request(ALICE, NOON), facts)
    assert (reserved is None) == (full.exceeded is not None)
    if reserved is not None and reserved.decision is not None:
        assert reserved.charges == plan.charges
        assert reserved.recipient_usage == full.recipient_usage
        assert reserved.decision == replace(
            full, charges=(), recipient_usage=full.recipient_usage[-1:]
        )
        asked = min(external, recipients)
        beyond = recipient_beyond(full.recipient_usage, recipients, asked)
        assert beyond is None or not reserved.has_room(recipients, asked)
    end_of_mail = Request(ALICE, NOON, recipients, (), min(external, recipients))
    full = decide_by(plan.plan, end_of_mail, facts)
    assert plan.ends_quickly(end_of_mail) == (full.exceeded is None and not full.usage_changes)
