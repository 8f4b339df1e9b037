"""iRedAPD's table `throttle` as settings.

Facts from iredmail/iRedAPD 60b2eed: only kind "outbound" is about logged-in senders. Of the rows
that fit a sender the one with the highest priority that has a value (not -1) decides each
setting, whatever its period; 0 is unlimited. Each sender is counted by itself, also by the row
of a domain. `max_msgs` counts recipients, `max_rcpts` those of one mail. A period begins with its
first mail; a row without a period is ignored. `max_rcpts` came with 5.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.onboarding.reading import Reading, in_order, number_of, remarks, text_of
from sendlimit.rules.limit import (
    EVERYONE,
    RECIPIENTS_PER_MESSAGE,
    LimitName,
    Scope,
    Setting,
    Unit,
)
from sendlimit.rules.mailbox import domain_key, sender_of
from sendlimit.rules.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TABLE = "throttle"

_OUTBOUND = "outbound"
_INHERIT = -1
_DAY_S = 86400
_WINDOWS = {60: Window.MINUTE, 3600: Window.HOUR, _DAY_S: Window.DAY} | {
    days * _DAY_S: Window.MONTH for days in (28, 29, 30, 31)
}

_ADDRESS = "is about a client's IP address: only logins are counted"
_SUBDOMAINS = "is about all subdomains of a domain: a limit is for one domain"
_TOP_LEVEL = "is about a top-level domain: a limit is for one domain"
_WILDCARD = "is about one name in all domains: a limit is for one mailbox"
_NO_PERIOD = "has period 0: iRedAPD ignores it, too"
_SIZE = "'msg_size' limits the size of a mail: Postfix does, with message_size_limit"
_BYTES = "'max_quota' limits bytes: only messages and recipients are counted"
_ON_THE_CLOCK = "the period began with its first mail; here it is the calendar's {window}"
_MONTH = "{days} days become the calendar month"
_PRIORITY = "went behind a row for more senders by its 'priority'; here a mailbox goes before its domain, and that before everyone"


class _Rule(NamedTuple):
    """A row that is about senders who log in.

    Attributes:
        account: as in the table.
        levels: the subject, then those above it, up to everyone.
        max_msgs: -1 leaves it to the levels above, 0 is unlimited.
        window: of max_msgs; None when its period is none of ours.
    """

    account: str
    levels: tuple[str, ...]
    priority: int
    period: int
    max_msgs: int
    max_rcpts: int
    window: Window | None

    @property
    def subject(self) -> str:
        return self.levels[0]


def read(rows: Iterable[Mapping[str, object]]) -> Reading:
    """Make settings of rows.

    Args:
        rows: of `throttle`.

    Raises:
        SendlimitError: they are not rows of `throttle`.
    """
    left_out: list[tuple[str, str]] = []
    rules: list[_Rule] = []
    for row in rows:
        account = text_of(row, "account").lower()
        kind = text_of(row, "kind")
        levels = _levels(account)
        if kind != _OUTBOUND:
            left_out.append(
                (f"has kind '{kind}': only mail of logged-in users is counted", account)
            )
        elif isinstance(levels, str):
            left_out.append((levels, account))
        elif not number_of(row, "period"):
            left_out.append((_NO_PERIOD, account))
        else:
            rule = _rule(row, account, levels)
            rules.append(rule)
            left_out.extend((reason, account) for reason in _unsayable(row, rule))
    different = [(reason, rule.account) for rule in rules for reason in _differences(rule, rules)]
    settings = [setting for rule in rules for setting in _settings(rule, rules)]
    return Reading(in_order(settings), remarks(left_out), remarks(different))


def _levels(account: str) -> tuple[str, ...] | str:
    """Return the subjects that an account stands for and stands below, or why there are none."""
    local, at, domain = account.rpartition("@")
    if account == "@.":
        return (EVERYONE,)
    if not at or account == "@ip":
        return _ADDRESS
    if not local:
        if domain.startswith("."):
            return _SUBDOMAINS
        return (domain_key(domain), EVERYONE) if "." in domain else _TOP_LEVEL
    if domain == "*":
        return _WILDCARD
    sender = sender_of(account)
    return (sender.mailbox, *((sender.domain,) if sender.domain else ()), EVERYONE)


def _rule(row: Mapping[str, object], account: str, levels: tuple[str, ...]) -> _Rule:
    period = number_of(row, "period")
    return _Rule(
        account,
        levels,
        number_of(row, "priority"),
        period,
        number_of(row, "max_msgs"),
        number_of(row, "max_rcpts") if "max_rcpts" in row else _INHERIT,
        _WINDOWS.get(period),
    )


def _unsayable(row: Mapping[str, object], rule: _Rule) -> Iterator[str]:
    """Say what of a row has no place here."""
    if number_of(row, "msg_size") > 0:
        yield _SIZE
    if number_of(row, "max_quota") > 0:
        yield _BYTES
    if rule.max_msgs > 0 and rule.window is None:
        yield (
            f"'max_msgs' in a period of {rule.period} s: allowed are a minute (60), an hour (3600),"
            f" a day ({_DAY_S}) and a month ({30 * _DAY_S})"
        )


def _differences(rule: _Rule, rules: Iterable[_Rule]) -> Iterator[str]:
    """Say what is set but counts in another way."""
    if rule.max_msgs > 0 and rule.window is not None:
        yield _ON_THE_CLOCK.format(window=rule.window)
        if rule.window is Window.MONTH:
            yield _MONTH.format(days=rule.period // _DAY_S)
    if any(other.priority > rule.priority for other in _above(rule, rules)):
        yield _PRIORITY


def _settings(rule: _Rule, rules: Iterable[_Rule]) -> Iterator[Setting]:
    if rule.max_rcpts >= 0:
        yield Setting(rule.subject, RECIPIENTS_PER_MESSAGE, rule.max_rcpts or None)
    if rule.max_msgs < 0 or (rule.max_msgs > 0 and rule.window is None):
        return
    # The row decides alone, whatever its period; here each window is a limit of its own, so
    # those of the levels above have to be lifted.
    for other in _above(rule, rules):
        if other.max_msgs > 0 and other.window not in {rule.window, None}:
            yield Setting(rule.subject, _per(other.window), None)
    if rule.window is not None:
        yield Setting(rule.subject, _per(rule.window), rule.max_msgs or None)


def _above(rule: _Rule, rules: Iterable[_Rule]) -> Iterator[_Rule]:
    """Yield the rows for more senders, those of this one among them."""
    return (other for other in rules if other.subject in rule.levels[1:])


def _per(window: Window | None) -> LimitName:
    return LimitName(Scope.MAILBOX, Unit.RECIPIENTS, window or Window.DAY)
