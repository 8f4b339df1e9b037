"""What is in force, in a sentence; who is near a limit."""

import pytest

from sendlimit.rules.in_force import in_force, least_to_look_at, near_limits
from sendlimit.rules.learning import LearnRule
from sendlimit.rules.limit import SUSPENSION, Scope, Setting, Settings, Share
from sendlimit.rules.precedence import Rules
from support.counting_samples import file_rules, named, setting

_DAY = "mailbox.messages_per_day"
_USUAL = (setting("*", _DAY, 100), setting("*", "global.messages_per_day", 999))


@pytest.mark.parametrize(
    ("rules", "observe", "sentence"),
    [
        (Rules(), False, "enforce: no limit is set, nothing is refused"),
        (Rules(), True, "observe: no limit is set, nothing is refused"),
        (
            file_rules(*_USUAL), False,
            ("enforce: mail is refused beyond 999 messages per day of the whole server,"
            " 100 messages per day of each mailbox"),
        ),
        (
            file_rules(*_USUAL, setting("a@b.org", _DAY, 5), setting("b.org", _DAY, None)), True,
            ("observe: nothing is refused, what would be is recorded; limits: 999 messages per day of"
            " the whole server, 100 messages per day of each mailbox; set for single mailboxes or"
            " domains: 2"),
        ),
        (
            file_rules(setting("a@b.org", _DAY, 5)), False,
            "enforce: no limit is set for everyone; set for single mailboxes or domains: 1",
        ),
        (
            file_rules(setting("*", _DAY, 50)._replace(learn=LearnRule(200, 50, 1000))), False,
            "enforce: mail is refused beyond 50 to 1000 (learned) messages per day of each mailbox",
        ),
        (
            file_rules(*_USUAL[1:]).with_rows([Setting("a@b.org", SUSPENSION, 0)]), False,
            "enforce: mail is refused beyond 999 messages per day of the whole server",
        ),
        (
            file_rules(*_USUAL).with_rows([setting("*", _DAY, None)]), False,
            "enforce: mail is refused beyond 999 messages per day of the whole server",
        ),
    ],
)  # fmt: skip
def test_sentence(rules: Rules, observe: bool, sentence: str) -> None:  # noqa: FBT001 - a column
    """The sentence has the mode, the limits that hold for everyone, and how many have their own."""
    assert in_force(rules, observe=observe) == sentence


def test_near_a_limit() -> None:
    """Who has used the share of a limit in force is near it, whoever it is set for, the fullest first."""
    rules = file_rules(
        setting("*", _DAY, 100), setting("small@b.org", _DAY, 10), setting("big@b.org", _DAY, None),
        setting("off@b.org", _DAY, 0),
    )  # fmt: skip
    counts = [("a@b.org", 80), ("b@b.org", 79), ("big@b.org", 900), ("small@b.org", 12), ("off@b.org", 0)]  # fmt: skip

    found = near_limits(named(_DAY), counts, rules, 80)

    assert [(near.subject, near.used, near.limit.max) for near in found] == [
        ("small@b.org", 12, 10),
        ("a@b.org", 80, 100),
    ]
    assert least_to_look_at(named(_DAY), rules, 80) == 8


@pytest.mark.parametrize(
    ("rules", "name"),
    [
        (Rules(), _DAY),
        (file_rules(setting("*", _DAY, 0), setting("a@b.org", _DAY, None)), _DAY),
        (file_rules(setting("*", "mailbox.recipients_per_message", 5)), "mailbox.recipients_per_message"),
        (file_rules(setting("*", "mailbox.messages_per_hour", 5)), _DAY),
    ],
)  # fmt: skip
def test_no_one_can_be_near(rules: Rules, name: str) -> None:
    """Without a limit that adds up there is no one to look for."""
    assert least_to_look_at(named(name), rules, 80) is None


def test_what_may_be_near_a_share() -> None:
    """R16: a share of the server's limit is a limit that somebody may be near."""
    name = named("mailbox.messages_per_day")
    shares = [Share("*", Scope.MAILBOX, Scope.GLOBAL, 10)]
    file = Settings.of([setting("*", "global.messages_per_day", 1000)], shares)

    assert least_to_look_at(name, Rules(file), 80) == 80
    assert least_to_look_at(name, Rules(Settings.of([], shares)), 80) is None
