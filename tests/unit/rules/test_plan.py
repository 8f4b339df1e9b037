"""What one sender's mail is counted and checked by: rules R4, R5, R9 and R14."""

import pytest

from sendlimit.rules import plan
from sendlimit.rules.decision import Request
from sendlimit.rules.limit import Unit, counted_names
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.plan import Plan, Plans, counter, make_plan
from sendlimit.rules.policy import Facts, decide
from sendlimit.rules.precedence import Rules
from support.counting_samples import (
    ALICE,
    BERLIN,
    BOB,
    DAILY,
    NOON,
    UTC,
    file_rules,
    key_of,
    moment,
    named,
    setting,
)


def _plan(rules: Rules, sender: Sender = ALICE, at: int = NOON) -> Plan:
    """Plan a mail with everything counted that these rules limit."""
    return make_plan(sender, at, rules, counted_names(rules.names()), UTC)


def test_counter_of_the_running_period() -> None:
    """R5: a counter is that of the calendar's period, which ends with the period."""
    midnight = moment("2026-11-23 00:00", "Europe/Berlin")

    assert counter(named(DAILY), ALICE, BERLIN, midnight - 1) == (
        key_of(DAILY, ALICE.mailbox, midnight - 1, BERLIN),
        (midnight - 24 * 3600, midnight),
    )


def test_login_without_domain_has_no_counter_of_a_domain() -> None:
    """R4: a login without a domain is in no domain's pool."""
    assert counter(named("domain.messages_per_day"), Sender("alice", None), UTC, NOON) is None


def test_plan_holds_as_long_as_its_shortest_period() -> None:
    """R5: with a limit a minute a plan holds to the end of the minute, not of the day."""
    found = _plan(file_rules(setting("*", "mailbox.messages_per_minute", 5)), at=NOON + 70)

    assert (found.since, found.until) == (NOON + 60, NOON + 120)


def test_counters_of_messages_come_first() -> None:
    """R3, R9: MAIL charges the counters of messages, the end those of recipients."""
    found = _plan(file_rules(setting("*", "global.recipients_per_hour", 5)))

    assert {key.unit for key in found.keys[:-1]} == {Unit.MESSAGES}
    assert found.keys[-1:] == found.keys_at_end == (key_of("global.recipients_per_hour", "*"),)
    assert found.granted.counts_recipients
    assert not found.granted.counts_external


def test_counters_of_external_mail() -> None:
    """R18: the end charges those of both units; recipients alone are not counted for them."""
    names = ("mailbox.external_messages_per_day", "mailbox.external_recipients_per_hour")
    found = _plan(file_rules(*(setting("*", name, 5) for name in names)))

    assert {*found.keys_at_end} == {key_of(name, ALICE.mailbox) for name in names}
    assert {limited.key for limited in found.at_end} == {*found.keys_at_end}
    assert found.granted.counts_external
    assert not found.granted.counts_recipients


def test_counted_without_a_limit() -> None:
    """R14: a counter that another mailbox limits is counted for all, and checked for that one."""
    rules = file_rules(setting(BOB.mailbox, "mailbox.messages_per_minute", 5))
    key = key_of("mailbox.messages_per_minute", ALICE.mailbox)

    assert key in _plan(rules).keys
    assert _plan(rules).messages == ()
    (checked,) = _plan(rules, BOB).messages
    assert checked.limit.max == 5


def test_recipients_per_message_has_no_counter() -> None:
    """R9: the limit on one mail's recipients begins each mail with nothing used."""
    found = _plan(file_rules(setting("*", "mailbox.recipients_per_message", 5)))

    assert found.per_message is not None
    assert (found.per_message.limit.max, found.per_message.used) == (5, 0)
    assert found.per_message.key not in found.keys
    assert not found.granted.counts_recipients


def test_rows_make_other_plans() -> None:
    """R10: rows of er_limit make plans of their own; without rows the kept ones serve on."""
    rules = file_rules(setting("*", DAILY, 3))
    plans = Plans(rules, counted_names(rules.names()), UTC)
    raised = plans.with_rows([setting(ALICE.mailbox, DAILY, 9)])

    assert plans.with_rows([]) is plans
    assert [checked.limit.max for checked in plans.plan(ALICE, NOON).messages] == [3]
    assert [checked.limit.max for checked in raised.plan(ALICE, NOON).messages] == [9]


def test_kept_plans_follow_the_clock() -> None:
    """R5: rules that have decided before midnight decide by the new day's counters after it."""
    rules = file_rules(setting("*", DAILY, 3))
    plans = Plans(rules, counted_names(rules.names()), UTC)
    midnight = moment("2026-11-23 00:00")
    usage = {key_of(DAILY, ALICE.mailbox): 3}

    refused = [
        decide(Request(ALICE, at), Facts(plans, usage)).refused
        for at in (midnight - 1, midnight, midnight - 1)
    ]

    assert refused == [True, False, True]


def test_kept_plans_have_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """A million mailboxes don't fill the memory with their plans."""
    monkeypatch.setattr(plan, "PLANS_MAX", 10)
    rules = file_rules(setting("*", DAILY, 3))
    plans = Plans(rules, counted_names(rules.names()), UTC)
    for number in range(100):
        sender = Sender(f"user{number}@example.org", "example.org")
        assert not decide(Request(sender, NOON), Facts(plans, {})).refused

    assert len(plans) <= 10
