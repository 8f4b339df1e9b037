"""Which counters and limits a sender's plan is bound to: those of the rules."""

from hypothesis import given
from hypothesis import strategies as st

from sendlimit.counting.counters import Counters
from sendlimit.counting.plan_maker import PlanMaker
from sendlimit.counting.stretches import Stretches
from sendlimit.rules.learning import LearnRule
from sendlimit.rules.limit import LIMIT_NAMES, Setting, Settings, counted_names
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.plan import Plans, make_plan
from sendlimit.rules.precedence import Rules
from sendlimit.rules.window import Window
from support.counting_samples import (
    ALICE,
    BOB,
    CAROL,
    DAILY,
    LIMIT_OF_3,
    NOON,
    UTC,
    file_rules,
    named,
    setting,
)


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


def test_a_learned_limit_is_its_mailbox_s_own() -> None:
    """Not that of a new mailbox (R15)."""
    rules = Rules(Settings.of([Setting("*", named(DAILY), 5, learn=LearnRule(200, 5, 99))]))
    rules = rules.with_rows([Setting(BOB.mailbox, named(DAILY), 20, learned_from=NOON - 86_400)])
    plans = Plans(rules, counted_names(rules.names()), UTC)
    maker = PlanMaker(plans, NOON, 2**62, Counters(Stretches()), None)
    found = [maker.make(sender).checked[-1][1] for sender in (ALICE, BOB)]
    assert found == [5, 20]
