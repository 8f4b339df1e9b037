"""The rules of counting: R3, R4, R6, R7, R9, R12 and R14, and the limit itself (R10)."""

from collections.abc import Mapping

import pytest

from sendlimit.rules.decision import Decision, Request
from sendlimit.rules.limit import (
    SUSPENSION,
    Charge,
    CounterKey,
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
from sendlimit.rules.policy import Facts, decide, recipient_beyond
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

_DAY = "mailbox.messages_per_day"
_SUBJECTS = {"global": "*", "domain": "example.org", "mailbox": "alice@example.org"}


def _decide(
    rules: Rules,
    usage: Mapping[CounterKey, int] | None = None,
    *,
    recipients: int = 0,
    sender: Sender = ALICE,
    observe: bool = False,
) -> Decision:
    """Decide a mail at noon, with everything counted that these rules limit."""
    facts = Facts(Plans(rules, counted_names(rules.names()), UTC), usage or {}, observe)
    return decide(Request(sender, NOON, recipients), facts)


def _used(**counters: int) -> dict[CounterKey, int]:
    """Return usage by names such as mailbox__messages_per_day, of Alice and hers."""
    return {
        key_of(name.replace("__", "."), _SUBJECTS[name.partition("__")[0]]): used
        for name, used in counters.items()
    }


def _charged(decision: Decision) -> dict[str, int]:
    return {f"{key.scope}.{key.unit}.{key.window}": amount for key, amount in decision.charges}


def test_message_counts_once_in_each_scope() -> None:
    """R14: without any limit a mail is counted a day for server, domain and mailbox."""
    decision = _decide(Rules())

    assert decision.charges == (
        Charge(key_of("global.messages_per_day", "*"), 1),
        Charge(key_of("domain.messages_per_day", "example.org"), 1),
        Charge(key_of(_DAY, "alice@example.org"), 1),
    )
    assert not decision.refused


def test_login_without_domain_has_no_pool() -> None:
    """R4: a mailbox without a domain counts for itself and for the server only."""
    decision = _decide(Rules(), sender=Sender("alice", None))

    assert _charged(decision) == {"global.messages.day": 1, "mailbox.messages.day": 1}


def test_other_windows_are_counted_while_limited_anywhere() -> None:
    """R14: a limit per minute on another mailbox makes every mailbox's minutes count."""
    rules = file_rules(setting("bob@example.org", "mailbox.messages_per_minute", 5))

    assert _charged(_decide(rules))["mailbox.messages.minute"] == 1


def test_unlimited_makes_nothing_count() -> None:
    """R14: "unlimited" is no limit."""
    rules = file_rules(setting("*", "mailbox.messages_per_minute", None))

    assert "mailbox.messages.minute" not in _charged(_decide(rules))


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
    decision = _decide(file_rules(setting("*", _DAY, limit)), _used(mailbox__messages_per_day=used))

    assert refused == decision.refused


def test_refused_mail_costs_nothing() -> None:
    """R6: refused by one scope, a mail is charged in none."""
    decision = _decide(
        file_rules(setting("*", _DAY, 3), setting("*", "global.messages_per_day", 100)),
        _used(mailbox__messages_per_day=3, global__messages_per_day=50),
    )

    assert decision.refused
    assert decision.charges == ()


def test_count_below_zero_is_no_credit() -> None:
    """A counter that was reset while mail was in flight gives no more than the limit."""
    decision = _decide(file_rules(setting("*", _DAY, 0)), _used(mailbox__messages_per_day=-5))

    assert decision.exceeded is not None
    assert decision.exceeded.used == 0


def test_new_period_starts_at_zero() -> None:
    """R5: what was used yesterday does not count today."""
    rules = file_rules(setting("*", _DAY, 3))
    yesterday = {key_of(_DAY, "alice@example.org", moment("2026-11-21 23:59:59")): 3}

    assert not _decide(rules, yesterday).refused


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
    usage = {key_of(name, _SUBJECTS[name.partition(".")[0]]): 5 for name in full}

    exceeded = _decide(rules, usage).exceeded

    assert exceeded is not None
    assert named(named_in_answer) == exceeded.limit.name


@pytest.mark.parametrize("frees_up", ["mailbox.messages_per_day", "mailbox.recipients_per_month"])
def test_answer_names_what_never_frees_up(frees_up: str) -> None:
    """R7: within a scope a limit of 0 goes before every limit that a new period helps."""
    off = "mailbox.messages_per_minute"
    rules = file_rules(setting("*", frees_up, 5), setting("*", off, 0))

    exceeded = _decide(rules, {key_of(frees_up, _SUBJECTS["mailbox"]): 5}).exceeded

    assert exceeded is not None
    assert exceeded.limit.name == named(off)
    assert exceeded.resets_at is None


def test_exceeded_limit_tells_what_the_answer_needs() -> None:
    """R7: an exceeded limit comes with the use and the moment at which it frees up."""
    exceeded = _decide(
        file_rules(setting("*", _DAY, 3)), _used(mailbox__messages_per_day=7)
    ).exceeded

    assert exceeded is not None
    assert Limit(named(_DAY), 3, "*", Origin.FILE) == exceeded.limit
    assert exceeded.used == 7
    assert moment("2026-11-23 00:00") == exceeded.period.end


def test_recipients_are_charged_at_the_end() -> None:
    """R9: at end-of-message the recipients are charged, and the message not again."""
    rules = file_rules(setting("*", "mailbox.recipients_per_day", 10))

    assert _charged(_decide(rules, recipients=10)) == {"mailbox.recipients.day": 10}


@pytest.mark.parametrize(("used", "recipients", "refused"), [(0, 10, False), (0, 11, True), (4, 6, False), (4, 7, True)])  # fmt: skip
def test_recipients_pass_all_or_none(used: int, recipients: int, refused: bool) -> None:  # noqa: FBT001 - a column
    """R9: the mail that would pass the limit is refused with all its recipients."""
    decision = _decide(
        file_rules(setting("*", "mailbox.recipients_per_day", 10)),
        _used(mailbox__recipients_per_day=used),
        recipients=recipients,
    )

    assert refused == decision.refused
    assert bool(decision.charges) != refused


def test_message_limit_does_not_bear_on_the_end() -> None:
    """R9: a mail that has its message reserved is not refused at its end for messages."""
    rules = file_rules(setting("*", _DAY, 3), setting("*", "mailbox.recipients_per_day", 10))

    assert not _decide(rules, _used(mailbox__messages_per_day=3), recipients=1).refused


@pytest.mark.parametrize(("used", "refused"), [(9, False), (10, True)])
def test_no_recipient_left_is_refused_at_mail(used: int, refused: bool) -> None:  # noqa: FBT001 - a column
    """R9: a mailbox with no recipient left is refused at MAIL already."""
    decision = _decide(
        file_rules(setting("*", "mailbox.recipients_per_day", 10)),
        _used(mailbox__recipients_per_day=used),
    )

    assert refused == decision.refused


@pytest.mark.parametrize(
    ("settings", "used", "first_refused"),
    [
        pytest.param({"mailbox.recipients_per_message": 3}, {}, 4, id="per message"),
        pytest.param({"mailbox.recipients_per_day": 10}, {"mailbox__recipients_per_day": 8}, 3, id="what was left"),
        pytest.param({"mailbox.recipients_per_message": 3, "domain.recipients_per_hour": 2}, {}, 3, id="the smaller"),
    ],
)  # fmt: skip
def test_recipient_beyond_what_was_left(
    settings: Mapping[str, int], used: Mapping[str, int], first_refused: int
) -> None:
    """R9: RCPT is refused beyond recipients_per_message and beyond what was left at MAIL."""
    rules = file_rules(*(setting("*", name, value) for name, value in settings.items()))
    recipient_usage = _decide(rules, _used(**used)).recipient_usage

    assert recipient_beyond(recipient_usage, first_refused - 1) is None
    assert recipient_beyond(recipient_usage, first_refused) is not None


_EXTERNAL = ("mailbox.external_messages_per_day", "mailbox.external_recipients_per_day")


@pytest.mark.parametrize("name", _EXTERNAL)
def test_mail_is_not_refused_for_external_limits(name: str) -> None:
    """R18: at MAIL it is not known yet whether the mail leaves the server, also when nothing is left, or less than nothing."""
    decision = _decide(file_rules(setting("*", name, 3)), _used(**{name.replace(".", "__"): 7}))

    assert not decision.refused
    assert decision.counts_external
    assert recipient_beyond(decision.recipient_usage, 5, external=0) is None
    assert recipient_beyond(decision.recipient_usage, 1, external=1) is not None


@pytest.mark.parametrize(
    ("name", "used", "recipients", "external", "refused"),
    [
        pytest.param(_EXTERNAL[0], 2, 9, 9, False, id="one message, however many recipients"),
        pytest.param(_EXTERNAL[0], 3, 9, 1, True, id="no message left"),
        pytest.param(_EXTERNAL[0], 3, 9, 0, False, id="no message left, a local one"),
        pytest.param(_EXTERNAL[1], 1, 9, 2, False, id="as many recipients as are left"),
        pytest.param(_EXTERNAL[1], 1, 3, 3, True, id="more than are left"),
        pytest.param(_EXTERNAL[1], 7, 9, 0, False, id="over the limit, all local"),
    ],
)
def test_end_of_an_external_mail(
    name: str, used: int, recipients: int, external: int, *, refused: bool
) -> None:
    """R6, R18: charged at the end, all or none, by what is external of it."""
    facts = Facts(
        Plans(file_rules(setting("*", name, 3)), counted_names([named(name)]), UTC),
        {key_of(name, ALICE.mailbox): used},
    )
    decision = decide(Request(ALICE, NOON, recipients, external=external), facts)

    assert decision.refused == refused
    amount = external if name == _EXTERNAL[1] else min(1, external)
    charged = {} if refused or not amount else {key_of(name, ALICE.mailbox): amount}
    assert dict(decision.charges) == charged
    assert [change.after - change.before for change in decision.usage_changes] == [
        *charged.values()
    ]


def test_no_recipients_in_one_mail_refuses_at_mail() -> None:
    """R9, R10: recipients_per_message 0 stops a mailbox at MAIL."""
    decision = _decide(file_rules(setting("*", "mailbox.recipients_per_message", 0)))

    assert decision.refused
    assert decision.exceeded is not None
    assert decision.exceeded.limit.max == 0


@pytest.mark.parametrize(
    ("limit", "counts"),
    [
        ("mailbox.recipients_per_day", True),
        ("mailbox.recipients_per_message", False),
        (_DAY, False),
    ],
)
def test_end_has_recipients_to_charge(limit: str, counts: bool) -> None:  # noqa: FBT001 - a column
    """R9: the ledger is asked again only while recipients are counted in some window."""
    assert counts == _decide(file_rules(setting("*", limit, 5))).counts_recipients


def test_observe_refuses_nothing_and_counts() -> None:
    """R12: a mail over its limit is charged all the same, and the limit is named."""
    decision = _decide(
        file_rules(setting("*", _DAY, 3)), _used(mailbox__messages_per_day=3), observe=True
    )

    assert not decision.refused
    assert decision.exceeded is not None
    assert _charged(decision)["mailbox.messages.day"] == 1


def test_usage_changes_say_how_far_a_limit_is() -> None:
    """Warnings are made from what a counter with a limit was before and is after the mail."""
    (change,) = _decide(
        file_rules(setting("*", _DAY, 10)), _used(mailbox__messages_per_day=7)
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
        Plans(rules, counted_names(rules.names()), UTC), _used(mailbox__messages_per_day=used),
        usage_changes_from_percent=percent,
    )  # fmt: skip

    assert is_told == bool(decide(Request(ALICE, NOON), facts).usage_changes)


def test_a_suspension_refuses_each_mail() -> None:
    """R17: a suspended mailbox is refused at MAIL, before any other limit is named; others send."""
    rules = file_rules(setting("*", "global.messages_per_day", 0)).with_rows(
        [Setting("alice@example.org", SUSPENSION, 0)]
    )
    refused = _decide(rules)
    other = _decide(rules, sender=BOB)

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

    assert _decide(rules, recipients=2).exceeded is None
    assert _decide(rules).refused


def test_a_suspension_in_observe_mode() -> None:
    """R12, R17: in observe mode a suspended mailbox is told of, counted, and sends."""
    decision = _decide(Rules().with_rows([Setting("*", SUSPENSION, 0)]), observe=True)

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
    used = _used(global__messages_per_day=10, mailbox__messages_per_day=10)

    refused = _decide(rules, used)
    assert refused.exceeded is not None
    assert (str(refused.exceeded.limit.name), refused.exceeded.limit.max) == (_DAY, 10)
    assert refused.exceeded.limit.origin is Origin.SHARE
    assert not _decide(rules, used, sender=BOB).refused
