"""A sender's plan in memory: which counters it is bound to, and when a mail may be quick."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendlimit.counting.counters import Counters
from sendlimit.counting.sender_plan import PlanMaker, SenderPlan
from sendlimit.counting.stretches import Stretches
from sendlimit.rules.limit import LATCH, LIMIT_NAMES, Setting, Unit, counted_names
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.plan import Plans, make_plan
from sendlimit.rules.window import Window
from support.counting_samples import (
    ALICE,
    ALICES_DAY,
    ALICES_MAIL,
    BOB,
    CAROL,
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
    maker = PlanMaker(plans, NOON, until, counters, warn_at_percent)
    return maker.make(ALICE), counters


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


def test_what_only_one_mailbox_has() -> None:
    """A limit of its own beats that of everyone, its domain's too; others keep theirs."""
    rules = file_rules(LIMIT_OF_3, setting("bob@example.org", "mailbox.messages_per_day", 7))
    plans = Plans(rules, counted_names(rules.names()), UTC)
    maker = PlanMaker(plans, NOON, 2**62, Counters(Stretches()), None)
    found = {sender.mailbox: maker.make(sender).checked[-1][1] for sender in (ALICE, BOB, CAROL)}
    assert found == {ALICE.mailbox: 3, BOB.mailbox: 7, CAROL.mailbox: 3}


_NAMES = [
    str(name) for name in LIMIT_NAMES if name.window in {Window.HOUR, Window.DAY, Window.MESSAGE}
]
_SETTINGS = st.lists(
    st.tuples(
        st.sampled_from(["*", ALICE.mailbox, BOB.mailbox, "example.org", "example.net"]),
        st.sampled_from(_NAMES),
        st.sampled_from([None, 0, 3, 9]),
    ).filter(lambda row: not row[1].startswith("global") or row[0] == "*"),
    max_size=8,
)


@given(_SETTINGS)
def test_bound_as_the_rules_say(rows: list[tuple[str, str, int | None]]) -> None:
    """Whatever is set for whom: counters and limits are those of the plan of the rules."""
    rules = file_rules(*[setting(*row) for row in rows])
    names = counted_names(rules.names())
    maker = PlanMaker(Plans(rules, names, UTC), NOON, 2**62, Counters(Stretches()), None)
    for sender in (ALICE, BOB, CAROL, Sender("root", None)):
        bound, plan = maker.make(sender), make_plan(sender, NOON, rules, names, UTC)
        at_end = [counter for charged in bound.at_end for counter in charged.counters]
        keys = [counter.key for counter in (*bound.messages[:-1], *at_end)]
        assert sorted(keys) == sorted(plan.keys)
        assert {(counter.key, most) for counter, most in bound.checked} == {
            (limited.key, limited.limit.max) for limited in plan.messages
        }
        assert {counter.key for counter in bound.limited} == {
            limited.key for limited in (*plan.messages, *plan.at_end)
        }
        assert plan.since <= bound.since <= NOON < bound.until <= plan.until
