"""Which setting of a limit wins: rule R10."""

from collections.abc import Iterable

import pytest

from sendlimit.rules.learning import LearnRule
from sendlimit.rules.limit import (
    EVERYONE,
    Limit,
    Origin,
    Scope,
    Setting,
    Settings,
    Share,
    holding,
)
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.precedence import Rules
from support.counting_samples import ALICE, BOB, CAROL, NOON, file_rules, named, setting

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


def _learned_winner(*rows: Setting, file: Iterable[Setting]) -> tuple[int | None, Origin]:
    won = file_rules(*file).with_rows(rows).winner(named(_DAY), ALICE)
    assert won is not None
    return won[0].max, won[1]


def test_learned_limits() -> None:
    """R15: a limit that is learned is each subject's own, or at_least; a row of another one is not."""
    rule = LearnRule(200, 50, 1000)
    file = [Setting("*", named(_DAY), 50, learn=rule)]
    own = Setting(ALICE.mailbox, named(_DAY), 122, learned_from=0)

    assert _learned_winner(file=file) == (50, Origin.LEARNED)
    assert _learned_winner(own._replace(subject=BOB.mailbox), file=file) == (50, Origin.LEARNED)
    assert _learned_winner(own, file=file) == (122, Origin.LEARNED)


def test_learned_limits_are_below_all_others() -> None:
    """R10, R15: an override or a more specific setting of the file goes before what was learned."""
    file = [Setting("*", named(_DAY), 50, learn=LearnRule(200, 50, 1000))]
    own = Setting(ALICE.mailbox, named(_DAY), 122, learned_from=0)

    assert _learned_winner(own, setting("*", _DAY, 7), file=file) == (7, Origin.OVERRIDE)
    assert _learned_winner(own, setting("*", _DAY, 8, NOON), file=file) == (8, Origin.BOOST)
    assert _learned_winner(own, file=[*file, setting("example.org", _DAY, 9)]) == (9, Origin.FILE)


def test_bounds_of_the_file_hold() -> None:
    """R15: bounds that were changed in the file hold at once, not only when it is learned again."""
    own = Setting(ALICE.mailbox, named(_DAY), 122, learned_from=0)
    for rule, expected in ((LearnRule(200, 1, 100), 100), (LearnRule(200, 200, 300), 200)):
        file = [Setting("*", named(_DAY), rule.at_least, learn=rule)]
        assert _learned_winner(own, file=file) == (expected, Origin.LEARNED)


_GLOBAL_DAY = setting("*", "global.messages_per_day", 999)
_TENTH = Share("*", Scope.MAILBOX, Scope.GLOBAL, 10)


def _shared(*file: Setting, shares: Iterable[Share] = (_TENTH,)) -> Rules:
    return Rules(Settings.of(file, shares))


def _alices(rules: Rules, name: str = _DAY) -> tuple[int, Origin] | None:
    limit = rules.limit(named(name), ALICE)
    return None if limit is None else (limit.max, limit.origin)


def test_share() -> None:
    """R16: a mailbox may use a tenth of the server's limit; without that limit there is no share."""
    assert _alices(_shared(_GLOBAL_DAY)) == (99, Origin.SHARE)
    assert _alices(_shared()) is None
    assert _alices(_shared(_GLOBAL_DAY), "mailbox.messages_per_hour") is None
    assert _alices(_shared(_GLOBAL_DAY), "domain.messages_per_day") is None
    assert _alices(_shared(setting("*", "global.messages_per_day", None))) is None


@pytest.mark.parametrize(
    ("own", "expected"),
    [(50, (50, Origin.FILE)), (200, (99, Origin.SHARE)), (None, (99, Origin.SHARE)), (99, (99, Origin.FILE))],
)  # fmt: skip
def test_the_smaller_one_holds(own: int | None, expected: tuple[int, Origin]) -> None:
    """R16: of the own limit and the share the smaller one holds."""
    assert _alices(_shared(_GLOBAL_DAY, setting("*", _DAY, own))) == expected


def test_share_of_the_limit_in_force() -> None:
    """R10, R16: a share is part of the wider limit that holds now: a boost makes it greater."""
    boost = setting("*", "global.messages_per_day", 5000, NOON)
    assert _alices(_shared(_GLOBAL_DAY).with_rows([boost])) == (500, Origin.SHARE)


@pytest.mark.parametrize(("most", "expected"), [(5, 1), (1, 1), (0, 0), (10, 1), (25, 2)])
def test_small_limits(most: int, expected: int) -> None:
    """R16: a share is a whole number, at least 1 unless nothing may be sent at all."""
    rules = _shared(setting("*", "global.messages_per_day", most))
    assert _alices(rules) == (expected, Origin.SHARE)


def test_shares_of_single_subjects() -> None:
    """R10, R16: the most specific share holds."""
    shares = [
        _TENTH,
        _TENTH._replace(subject="example.org", percent=20),
        _TENTH._replace(subject=BOB.mailbox, percent=30),
    ]
    rules = _shared(_GLOBAL_DAY, shares=shares)
    limits = [rules.limit(named(_DAY), sender) for sender in (ALICE, BOB, CAROL)]
    assert [limit and limit.max for limit in limits] == [199, 299, 99]


def test_shares_of_shares() -> None:
    """R16: a mailbox's share of its domain is part of the domain's share of the server."""
    shares = [
        Share("*", Scope.DOMAIN, Scope.GLOBAL, 50),
        Share("*", Scope.MAILBOX, Scope.DOMAIN, 50),
    ]
    rules = _shared(setting("*", "global.messages_per_day", 100), shares=shares)
    assert _alices(rules, "domain.messages_per_day") == (50, Origin.SHARE)
    assert _alices(rules) == (25, Origin.SHARE)
    assert rules.limit(named(_DAY), Sender("root", None)) is None


def test_what_shares_count() -> None:
    """R14, R16: where the server has a limit, what shares are counted by is counted; else not."""
    hour = setting("*", "global.recipients_per_hour", 500)
    names = {str(name) for name in _shared(hour).names()}
    assert names == {"global.recipients_per_hour", "mailbox.recipients_per_hour"}
    both = [Share("*", Scope.DOMAIN, Scope.GLOBAL, 50), Share("*", Scope.MAILBOX, Scope.DOMAIN, 50)]
    for shares in (both, both[::-1]):
        names = {str(name) for name in _shared(hour, shares=shares).names()}
        assert len(names) == 3
    assert _shared().names() == set()
    one_mail = setting("*", "mailbox.recipients_per_message", 5)
    assert len(_shared(one_mail).names()) == 1
