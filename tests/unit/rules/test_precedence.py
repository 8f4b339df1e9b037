"""Which setting of a limit wins: rule R10."""

from collections.abc import Iterable

import pytest

from sendlimit.rules.limit import EVERYONE, Limit, Origin, Setting, holding
from support.counting_samples import ALICE, BOB, NOON, file_rules, named, setting

_DAY = "mailbox.messages_per_day"


def _winner(*rows: Setting, file: Iterable[Setting] = ()) -> tuple[int | None, Origin]:
    won = file_rules(*file).with_rows(holding(rows, NOON)).winner(named(_DAY), ALICE)
    assert won is not None
    return won[0].max, won[1]


_EVERYONE = setting("*", _DAY, 1)
_DOMAIN = setting("example.org", _DAY, 2)
_MAILBOX = setting("alice@example.org", _DAY, 3)


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        pytest.param([_EVERYONE], 1, id="everyone"),
        pytest.param([_EVERYONE, _DOMAIN], 2, id="domain before everyone"),
        pytest.param([_EVERYONE, _DOMAIN, _MAILBOX], 3, id="mailbox before domain"),
        pytest.param([_MAILBOX, _DOMAIN, _EVERYONE], 3, id="whatever the order"),
        pytest.param(
            [_EVERYONE, setting("example.org", _DAY, None)], None, id="unlimited wins as well"
        ),
        pytest.param([setting("*", _DAY, None), _MAILBOX], 3, id="limit before unlimited for all"),
    ],
)
def test_most_specific_wins(settings: list[Setting], expected: int | None) -> None:
    """R10: mailbox, then its domain, then everyone, in the file as in the database."""
    assert (expected, Origin.FILE) == _winner(file=settings)
    assert (expected, Origin.OVERRIDE) == _winner(*settings)


def test_row_beats_the_file_on_one_level() -> None:
    """R10: on the same level a row in the database beats the file."""
    assert _winner(setting("example.org", _DAY, 7), file=[_DOMAIN]) == (7, Origin.OVERRIDE)


def test_file_beats_a_row_on_a_wider_level() -> None:
    """R10: the mailbox in the file is more specific than its domain in the database."""
    assert _winner(setting("example.org", _DAY, 7), file=[_MAILBOX]) == (3, Origin.FILE)


@pytest.mark.parametrize(
    ("until", "expected"),
    [
        pytest.param(NOON + 1, (9, Origin.BOOST), id="valid"),
        pytest.param(NOON, (7, Origin.OVERRIDE), id="ended this second"),
        pytest.param(NOON - 1, (7, Origin.OVERRIDE), id="ended"),
    ],
)
def test_boost(until: int, expected: tuple[int, Origin]) -> None:
    """R10: a boost beats the lasting row and the file until it ends; then they hold again."""
    lasting, boost = setting("example.org", _DAY, 7), setting("example.org", _DAY, 9, until)

    assert expected == _winner(lasting, boost, file=[_DOMAIN])
    assert expected == _winner(boost, lasting, file=[_DOMAIN])


def test_boost_for_everyone_is_not_more_specific() -> None:
    """R10: a boost beats others on its own level only."""
    assert _winner(setting("*", _DAY, 9, NOON + 60), file=[_MAILBOX]) == (3, Origin.FILE)


def test_each_limit_has_its_own_winner() -> None:
    """R10: an override of the limit per day leaves the limit per hour as it was."""
    rules = file_rules(_EVERYONE, setting("*", "mailbox.messages_per_hour", 5)).with_rows(
        [_MAILBOX]
    )

    assert rules.limit(named("mailbox.messages_per_hour"), ALICE) == Limit(
        named("mailbox.messages_per_hour"), 5, EVERYONE, Origin.FILE
    )


def test_setting_of_a_mailbox_is_not_its_neighbours() -> None:
    """R10: Bob is not touched by what is set for Alice."""
    rules = file_rules(_EVERYONE, _MAILBOX)
    limit = rules.limit(named(_DAY), BOB)

    assert limit is not None
    assert limit.max == 1
