"""The rules of counting: recipients (R9) and external mail (R18)."""

from collections.abc import Mapping

import pytest

from sendlimit.rules.decision import Request
from sendlimit.rules.limit import counted_names
from sendlimit.rules.plan import Plans
from sendlimit.rules.policy import Facts, decide, recipient_beyond
from support.counting_samples import ALICE, NOON, UTC, file_rules, key_of, named, setting
from support.decisions import charged, decided, used_by_alice

_DAY = "mailbox.messages_per_day"


def test_recipients_are_charged_at_the_end() -> None:
    """R9: at end-of-message the recipients are charged, and the message not again."""
    rules = file_rules(setting("*", "mailbox.recipients_per_day", 10))

    assert charged(decided(rules, recipients=10)) == {"mailbox.recipients.day": 10}


@pytest.mark.parametrize(("used", "recipients", "refused"), [(0, 10, False), (0, 11, True), (4, 6, False), (4, 7, True)])  # fmt: skip
def test_recipients_pass_all_or_none(used: int, recipients: int, refused: bool) -> None:  # noqa: FBT001 - a column
    """R9: the mail that would pass the limit is refused with all its recipients."""
    decision = decided(
        file_rules(setting("*", "mailbox.recipients_per_day", 10)),
        used_by_alice(mailbox__recipients_per_day=used),
        recipients=recipients,
    )

    assert refused == decision.refused
    assert bool(decision.charges) != refused


def test_message_limit_does_not_bear_on_the_end() -> None:
    """R9: a mail that has its message reserved is not refused at its end for messages."""
    rules = file_rules(setting("*", _DAY, 3), setting("*", "mailbox.recipients_per_day", 10))

    assert not decided(rules, used_by_alice(mailbox__messages_per_day=3), recipients=1).refused


@pytest.mark.parametrize(("used", "refused"), [(9, False), (10, True)])
def test_no_recipient_left_is_refused_at_mail(used: int, refused: bool) -> None:  # noqa: FBT001 - a column
    """R9: a mailbox with no recipient left is refused at MAIL already."""
    decision = decided(
        file_rules(setting("*", "mailbox.recipients_per_day", 10)),
        used_by_alice(mailbox__recipients_per_day=used),
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
    recipient_usage = decided(rules, used_by_alice(**used)).recipient_usage

    assert recipient_beyond(recipient_usage, first_refused - 1) is None
    assert recipient_beyond(recipient_usage, first_refused) is not None


_EXTERNAL = ("mailbox.external_messages_per_day", "mailbox.external_recipients_per_day")


@pytest.mark.parametrize("name", _EXTERNAL)
def test_mail_is_not_refused_for_external_limits(name: str) -> None:
    """R18: at MAIL it is not known yet whether the mail leaves the server, also when nothing is left, or less than nothing."""
    decision = decided(
        file_rules(setting("*", name, 3)), used_by_alice(**{name.replace(".", "__"): 7})
    )

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
    decision = decided(file_rules(setting("*", "mailbox.recipients_per_message", 0)))

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
    assert counts == decided(file_rules(setting("*", limit, 5))).counts_recipients
