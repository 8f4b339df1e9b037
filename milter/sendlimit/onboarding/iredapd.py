"""Read iRedAPD's table `throttle`. Pure: its rows come in.

Source: iredmail/iRedAPD 60b2eed. Only rows of kind "outbound" limit logged-in senders. For each
setting the matching row with the highest priority and a value (not -1) decides, whatever its
period; 0 is unlimited. Each sender is counted by itself, also by the row of a domain. `max_msgs`
limits recipients, `max_rcpts` the recipients of one mail. A period begins with its first mail. A
row without a period is ignored. `max_rcpts` exists since 5.0.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.onboarding.foreign_limits import (
    ForeignLimits,
    integer_cell,
    notes_by_reason,
    sorted_settings,
    text_cell,
)
from sendlimit.rules.limit import (
    EVERYONE,
    RECIPIENTS_PER_MESSAGE,
    LimitName,
    Scope,
    Setting,
    Unit,
)
from sendlimit.rules.mailbox import domain_key, sender_of
from sendlimit.rules.window import DAY_S, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

TABLE = "throttle"

_OUTBOUND = "outbound"
_INHERIT = -1
_WINDOWS = {60: Window.MINUTE, 3600: Window.HOUR, DAY_S: Window.DAY} | {
    days * DAY_S: Window.MONTH for days in (28, 29, 30, 31)
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
    """A row that limits logged-in senders.

    Attributes:
        account: as in the table.
        levels: the subject, then the less specific ones, up to everyone.
        max_msgs: -1: the less specific rows decide; 0: unlimited.
        window: of max_msgs; None: no window has this period.
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


def read(rows: Iterable[Mapping[str, object]]) -> ForeignLimits:
    """Read the settings in the rows.

    Args:
        rows: of `throttle`.

    Raises:
        SendlimitError: they are not rows of `throttle`.
    """
    left_out: list[tuple[str, str]] = []
    rules: list[_Rule] = []
    for row in rows:
        account = text_cell(row, "account").lower()
        kind = text_cell(row, "kind")
        levels = _levels(account)
        if kind != _OUTBOUND:
            left_out.append(
                (f"has kind '{kind}': only mail of logged-in users is counted", account)
            )
        elif isinstance(levels, str):
            left_out.append((levels, account))
        elif not integer_cell(row, "period"):
            left_out.append((_NO_PERIOD, account))
        else:
            rule = _rule(row, account, levels)
            rules.append(rule)
            left_out.extend((reason, account) for reason in _not_supported(row, rule))
    different = [(reason, rule.account) for rule in rules for reason in _differences(rule, rules)]
    settings = [setting for rule in rules for setting in _settings(rule, rules)]
    return ForeignLimits(
        sorted_settings(settings), notes_by_reason(left_out), notes_by_reason(different)
    )


def _levels(account: str) -> tuple[str, ...] | str:
    """Return the subject of an account and the less specific ones, or why it has none."""
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
    period = integer_cell(row, "period")
    return _Rule(
        account,
        levels,
        integer_cell(row, "priority"),
        period,
        integer_cell(row, "max_msgs"),
        integer_cell(row, "max_rcpts") if "max_rcpts" in row else _INHERIT,
        _WINDOWS.get(period),
    )


def _not_supported(row: Mapping[str, object], rule: _Rule) -> Iterator[str]:
    """Yield a reason for each value of a row that has no equal here."""
    if integer_cell(row, "msg_size") > 0:
        yield _SIZE
    if integer_cell(row, "max_quota") > 0:
        yield _BYTES
    if rule.max_msgs > 0 and rule.window is None:
        yield (
            f"'max_msgs' in a period of {rule.period} s: allowed are a minute (60), an hour (3600),"
            f" a day ({DAY_S}) and a month ({30 * DAY_S})"
        )


def _differences(rule: _Rule, rules: Iterable[_Rule]) -> Iterator[str]:
    """Yield a reason for each limit that is set but counts in another way."""
    if rule.max_msgs > 0 and rule.window is not None:
        yield _ON_THE_CLOCK.format(window=rule.window)
        if rule.window is Window.MONTH:
            yield _MONTH.format(days=rule.period // DAY_S)
    if any(other.priority > rule.priority for other in _less_specific(rule, rules)):
        yield _PRIORITY


def _settings(rule: _Rule, rules: Iterable[_Rule]) -> Iterator[Setting]:
    if rule.max_rcpts >= 0:
        yield Setting(rule.subject, RECIPIENTS_PER_MESSAGE, rule.max_rcpts or None)
    if rule.max_msgs < 0 or (rule.max_msgs > 0 and rule.window is None):
        return
    # In iRedAPD the row decides alone, whatever its period. Here each window is a limit of its
    # own, so the limits that less specific rows set in other windows are lifted.
    for other in _less_specific(rule, rules):
        if other.max_msgs > 0 and other.window not in {rule.window, None}:
            yield Setting(rule.subject, _per(other.window), None)
    if rule.window is not None:
        yield Setting(rule.subject, _per(rule.window), rule.max_msgs or None)


def _less_specific(rule: _Rule, rules: Iterable[_Rule]) -> Iterator[_Rule]:
    """Yield the rows that match the senders of this one, and more senders."""
    return (other for other in rules if other.subject in rule.levels[1:])


def _per(window: Window | None) -> LimitName:
    return LimitName(Scope.MAILBOX, Unit.RECIPIENTS, window or Window.DAY)
