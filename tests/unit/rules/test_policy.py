"""The rules of counting: R3 to R7, R12, R14, R16 and R17, and the limit itself (R10)."""

import pytest

from sendlimit.rules.decision import Request
from sendlimit.rules.limit import (
    SUSPENSION,
    Charge,
    Limit,
    Origin,
    Scope,
    Setting,
    Settings,
    Share,
    counted_names,
)
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.plan import Plans
from sendlimit.rules.policy import Facts, decide
from sendlimit.rules.precedence import Rules
from support.counting_samples import (
    ALICE,
    BERLIN,
    BOB,
    NOON,
    UTC,
    file_rules,
    key_of,
    moment,
    named,
    setting,
)
from support.decisions import SUBJECTS, charged, decided, used_by_alice

_DAY = "mailbox.messages_per_day"


def test_message_counts_once_in_each_scope() -> None:
    """R14: without any limit a mail is counted a day for server, domain and mailbox."""
    decision = decided(Rules())

    assert decision.charges == (
        Charge(key_of("global.messages_per_day", "*"), 1),
        Charge(key_of("domain.messages_per_day", "example.org"), 1),
        Charge(key_of(_DAY, "alice@example.org"), 1),
    )
    assert not decision.refused


def test_login_without_domain_has_no_pool() -> None:
    """R4: a mailbox without a domain counts for itself and for the server only."""
    decision = decided(Rules(), sender=Sender("alice", None))

    assert charged(decision) == {"global.messages.day": 1, "mailbox.messages.day": 1}


def test_other_windows_are_counted_while_limited_anywhere() -> None:
    """R14: a limit per minute on another mailbox makes every mailbox's minutes count."""
    rules = file_rules(setting("bob@example.org", "mailbox.messages_per_minute", 5))

    assert charged(decided(rules))["mailbox.messages.minute"] == 1


def test_unlimited_makes_nothing_count() -> None:
    """R14: "unlimited" is no limit."""
    rules = file_rules(setting("*", "mailbox.messages_per_minute", None))

    assert "mailbox.messages.minute" not in charged(decided(rules))


@pytest.mark.parametrize(
    ("limit", "used", "refused"),
    [
        pytest.param(3, 0, False, id="first"),
        pytest.param(3, 2, False, id="last"),
        pytest.param(3, 3, True, id="one more"),
        pytest.param(3, 99, True, id="limit lowered below the use"),
        pytest.param(0, 0, True, id="0: nothing may be sent"),
        pytest.param(None, 10**9, False, id="unlimited"),
        pytest.param(3, -2, False, id="a count below 0 is 0"),
    ],
)
def test_limit(limit: int | None, used: int, refused: bool) -> None:  # noqa: FBT001 - a column of the table
    """R10: a mail passes while used + 1 <= limit."""
    decision = decided(
        file_rules(setting("*", _DAY, limit)), used_by_alice(mailbox__messages_per_day=used)
    )

    assert refused == decision.refused


def test_refused_mail_costs_nothing() -> None:
    """R6: refused by one scope, a mail is charged in none."""
    decision = decided(
        file_rules(setting("*", _DAY, 3), setting("*", "global.messages_per_day", 100)),
        used_by_alice(mailbox__messages_per_day=3, global__messages_per_day=50),
    )

    assert decision.refused
    assert decision.charges == ()


def test_count_below_zero_is_no_credit() -> None:
    """A counter that was reset while mail was in flight gives no more than the limit."""
    decision = decided(
        file_rules(setting("*", _DAY, 0)), used_by_alice(mailbox__messages_per_day=-5)
    )

    assert decision.exceeded is not None
    assert decision.exceeded.used == 0


def test_new_period_starts_at_zero() -> None:
    """R5: what was used yesterday does not count today."""
    rules = file_rules(setting("*", _DAY, 3))
    yesterday = {key_of(_DAY, "alice@example.org", moment("2026-11-21 23:59:59")): 3}

    assert not decided(rules, yesterday).refused


def test_day_is_the_calendars() -> None:
    """R5: at 23:30 UTC it is tomorrow in Berlin already."""
    facts = Facts(Plans(Rules(), counted_names([]), BERLIN), {})
    decision = decide(Request(ALICE, moment("2026-11-22 23:30")), facts)

    assert {charge.key.period_start for charge in decision.charges} == {moment("2026-11-22 23:00")}


@pytest.mark.parametrize(
    ("full", "named_in_answer"),
    [
        pytest.param(["mailbox.messages_per_day"], "mailbox.messages_per_day", id="mailbox"),
        pytest.param(["mailbox.messages_per_day", "domain.messages_per_day"], "domain.messages_per_day", id="domain before mailbox"),
        pytest.param(["domain.messages_per_minute", "global.messages_per_minute"], "global.messages_per_minute", id="global before domain"),
        pytest.param(["global.messages_per_minute", "mailbox.messages_per_month"], "global.messages_per_minute", id="scope before time"),
        pytest.param(["mailbox.messages_per_minute", "mailbox.messages_per_hour"], "mailbox.messages_per_hour", id="the one that frees up last"),
        pytest.param(["mailbox.messages_per_day", "mailbox.messages_per_month"], "mailbox.messages_per_month", id="month after day"),
        pytest.param(["mailbox.messages_per_day", "mailbox.recipients_per_day"], "mailbox.messages_per_day", id="messages before recipients"),
        pytest.param(["mailbox.messages_per_hour", "mailbox.recipients_per_day"], "mailbox.recipients_per_day", id="recipients that free up later"),
    ],
)  # fmt: skip
def test_answer_names(full: list[str], named_in_answer: str) -> None:
    """R7: global, domain, mailbox; within a scope the limit that frees up last."""
    rules = file_rules(*(setting("*", name, 5) for name in full))
    usage = {key_of(name, SUBJECTS[name.partition(".")[0]]): 5 for name in full}

    exceeded = decided(rules, usage).exceeded

    assert exceeded is not None
    assert named(named_in_answer) == exceeded.limit.name


@pytest.mark.parametrize("frees_up", ["mailbox.messages_per_day", "mailbox.recipients_per_month"])
def test_answer_names_what_never_frees_up(frees_up: str) -> None:
    """R7: within a scope a limit of 0 goes before every limit that a new period helps."""
    off = "mailbox.messages_per_minute"
    rules = file_rules(setting("*", frees_up, 5), setting("*", off, 0))

    exceeded = decided(rules, {key_of(frees_up, SUBJECTS["mailbox"]): 5}).exceeded

    assert exceeded is not None
    assert exceeded.limit.name == named(off)
    assert exceeded.resets_at is None


def test_exceeded_limit_tells_what_the_answer_needs() -> None:
    """R7: an exceeded limit comes with the use and the moment at which it frees up."""
    exceeded = decided(
        file_rules(setting("*", _DAY, 3)), used_by_alice(mailbox__messages_per_day=7)
    ).exceeded

    assert exceeded is not None
    assert Limit(named(_DAY), 3, "*", Origin.FILE) == exceeded.limit
    assert exceeded.used == 7
    assert moment("2026-11-23 00:00") == exceeded.period.end


def test_observe_refuses_nothing_and_counts() -> None:
    """R12: a mail over its limit is charged all the same, and the limit is named."""
    decision = decided(
        file_rules(setting("*", _DAY, 3)), used_by_alice(mailbox__messages_per_day=3), observe=True
    )

    assert not decision.refused
    assert decision.exceeded is not None
    assert charged(decision)["mailbox.messages.day"] == 1


def test_usage_changes_say_how_far_a_limit_is() -> None:
    """Warnings are made from what a counter with a limit was before and is after the mail."""
    (change,) = decided(
        file_rules(setting("*", _DAY, 10)), used_by_alice(mailbox__messages_per_day=7)
    ).usage_changes

    assert (change.limit.max, change.before, change.after) == (10, 7, 8)


@pytest.mark.parametrize(
    ("percent", "used", "is_told"),
    [(80, 78, False), (80, 79, True), (0, 0, True), (None, 99, False)],
)
def test_usage_changes_from_a_percentage(percent: int | None, used: int, *, is_told: bool) -> None:
    """Only counters that come as far as the first warning have a usage change."""
    rules = file_rules(setting("*", _DAY, 100))
    facts = Facts(
        Plans(rules, counted_names(rules.names()), UTC), used_by_alice(mailbox__messages_per_day=used),
        usage_changes_from_percent=percent,
    )  # fmt: skip

    assert is_told == bool(decide(Request(ALICE, NOON), facts).usage_changes)


def test_a_suspension_refuses_each_mail() -> None:
    """R17: a suspended mailbox is refused at MAIL, before any other limit is named; others send."""
    rules = file_rules(setting("*", "global.messages_per_day", 0)).with_rows(
        [Setting("alice@example.org", SUSPENSION, 0)]
    )
    refused = decided(rules)
    other = decided(rules, sender=BOB)

    assert refused.exceeded is not None
    assert other.exceeded is not None
    assert refused.exceeded.limit.name == SUSPENSION
    assert refused.exceeded.resets_at is None
    assert str(other.exceeded.limit.name) == "global.messages_per_day"


def test_a_mail_that_has_begun_is_sent() -> None:
    """R17: a mail that passed MAIL is not refused at its end by a suspension."""
    rules = file_rules(setting("*", "mailbox.recipients_per_day", 9)).with_rows(
        [Setting("example.org", SUSPENSION, 0)]
    )

    assert decided(rules, recipients=2).exceeded is None
    assert decided(rules).refused


def test_a_suspension_in_observe_mode() -> None:
    """R12, R17: in observe mode a suspended mailbox is told of, counted, and sends."""
    decision = decided(Rules().with_rows([Setting("*", SUSPENSION, 0)]), observe=True)

    assert decision.exceeded is not None
    assert (decision.refused, bool(decision.charges)) == (False, True)


def test_a_share_refuses_the_thief_alone() -> None:
    """R16: who has used a tenth of the server's limit is refused by his share; others send on."""
    rules = Rules(
        Settings.of(
            [setting("*", "global.messages_per_day", 100)],
            [Share("*", Scope.MAILBOX, Scope.GLOBAL, 10)],
        )
    )
    used = used_by_alice(global__messages_per_day=10, mailbox__messages_per_day=10)

    refused = decided(rules, used)
    assert refused.exceeded is not None
    assert (str(refused.exceeded.limit.name), refused.exceeded.limit.max) == (_DAY, 10)
    assert refused.exceeded.limit.origin is Origin.SHARE
    assert not decided(rules, used, sender=BOB).refused
