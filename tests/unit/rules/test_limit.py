"""The names of limits and counters: rules R3, R4, R7 and R14."""

import pytest

from sendlimit.rules.limit import (
    EVERYONE,
    LIMIT_NAMES,
    Scope,
    Settings,
    counted_names,
    counted_sender,
    holding,
    levels,
    subject_of,
)
from sendlimit.rules.mailbox import Sender
from support.counting_samples import ALICE, DAILY, NOON, named, setting


def test_counted_names_keep_the_order_of_the_answer() -> None:
    """R7, R14: names are counted in one order, each once, and never recipients_per_message."""
    found = counted_names([*reversed(LIMIT_NAMES), *LIMIT_NAMES])

    assert LIMIT_NAMES[:-1] == found


def test_limit_names_are_the_config_files() -> None:
    """Every limit of the config file has its name: 72 windows and recipients_per_message."""
    assert len(LIMIT_NAMES) == 73
    assert str(LIMIT_NAMES[-1]) == "mailbox.recipients_per_message"


@pytest.mark.parametrize(
    ("scope", "expected"), [(Scope.GLOBAL, "*"), (Scope.DOMAIN, "example.org"), (Scope.MAILBOX, "alice@example.org")]
)  # fmt: skip
def test_subject_of_a_scope(scope: Scope, expected: str) -> None:
    """R4: the server, the domain as a pool, the mailbox."""
    assert expected == subject_of(scope, ALICE)


@pytest.mark.parametrize(
    ("scope", "expected"),
    [
        (Scope.GLOBAL, ["*"]),
        (Scope.DOMAIN, ["example.org", "*"]),
        (Scope.MAILBOX, ["alice@example.org", "example.org", "*"]),
    ],
)
def test_levels(scope: Scope, expected: list[str]) -> None:
    """R10: the levels of each scope, the most specific first."""
    assert expected == list(levels(scope, ALICE))


@pytest.mark.parametrize(
    ("scope", "subject", "expected"),
    [
        (Scope.MAILBOX, "alice@example.org", ALICE),
        (Scope.MAILBOX, "alice", Sender("alice", None)),
        (Scope.DOMAIN, "example.org", Sender("", "example.org")),
    ],
)
def test_counted_subject_has_its_levels(scope: Scope, subject: str, expected: Sender) -> None:
    """R10: what was counted under a name is looked up by the levels of that name."""
    sender = counted_sender(scope, subject)

    assert sender == expected
    assert next(levels(scope, sender)) == subject


def test_settings_that_hold() -> None:
    """R10: a boost holds until its last second is over; what has no end always holds."""
    lasting, boost = setting("*", DAILY, 3), setting("*", DAILY, 9, NOON)

    assert holding([lasting, boost], NOON - 1) == [lasting, boost]
    assert holding([lasting, boost], NOON) == [lasting]


def test_settings_name_what_they_limit() -> None:
    """R14: a name is in force when any subject is limited by it; "unlimited" limits nothing."""
    settings = Settings.of(
        [
            setting(EVERYONE, DAILY, None),
            setting(ALICE.mailbox, DAILY, 3),
            setting(EVERYONE, "global.messages_per_hour", None),
        ]
    )

    assert settings.names() == {named(DAILY)}


def test_later_setting_replaces_the_earlier() -> None:
    """Of two settings of one limit for one subject the last one is kept."""
    last = setting(EVERYONE, DAILY, 5)

    assert [*Settings.of([setting(EVERYONE, DAILY, 3), last]).by_subject.values()] == [last]
