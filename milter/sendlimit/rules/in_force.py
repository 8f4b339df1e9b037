"""What is in force now, in a sentence, and who is near a limit. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import (
    EVERYONE,
    LIMIT_NAMES,
    SUSPENSION,
    LimitName,
    PartOf,
    Scope,
    counted_sender,
)
from sendlimit.rules.subject import SERVER_SUBJECT
from sendlimit.rules.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendlimit.rules.limit import Limit, Setting
    from sendlimit.rules.precedence import Rules

_OWNERS = {
    Scope.GLOBAL: "of the whole server",
    Scope.DOMAIN: "of each domain",
    Scope.MAILBOX: "of each mailbox",
}
_PERCENT = 100


def in_force(rules: Rules, *, observe: bool) -> str:
    """Say which limits hold for everyone, how many subjects have their own, and what happens beyond.

    Args:
        rules: the settings of file and database that hold now.
        observe: whether the mode is "observe".
    """
    words = [
        _limit_in_words(won[0])
        for name in LIMIT_NAMES
        if (won := rules.in_force(name, SERVER_SUBJECT.sender)) is not None
        and won[0].max is not None
    ]
    own = _with_their_own(rules)
    if not words and not own:
        return f"{'observe' if observe else 'enforce'}: no limit is set, nothing is refused"
    everyone = ", ".join(words)
    theirs = f"; set for single mailboxes or domains: {own}" if own else ""
    if observe:
        beyond = f"limits: {everyone}" if words else "no limit is set for everyone"
        return f"observe: nothing is refused, what would be is recorded; {beyond}{theirs}"
    beyond = f"mail is refused beyond {everyone}" if words else "no limit is set for everyone"
    return f"enforce: {beyond}{theirs}"


def _limit_in_words(setting: Setting) -> str:
    name, learn = setting.name, setting.learn
    number = f"{setting.max}" if learn is None else f"{learn.at_least} to {learn.at_most} (learned)"
    return f"{number} {name.unit.words} per {name.window.words} {_OWNERS[name.scope]}"


def _with_their_own(rules: Rules) -> int:
    """Return how many subjects have limits of their own; a suspension is none."""
    origins = (rules.file, rules.overrides, rules.boosts)
    subjects = {
        subject for origin in origins for subject, name in origin.by_subject if name != SUSPENSION
    }
    return len(subjects - {EVERYONE})


class NearLimit(NamedTuple):
    """A counter that is close to its limit, or has reached it.

    Attributes:
        subject: what is counted: "*", a domain or a mailbox.
        limit: the limit in force; never 0.
        used: the count of the running period.
    """

    subject: str
    limit: Limit
    used: int


def least_to_look_at(name: LimitName, rules: Rules, percent: int) -> int | None:
    """Return the smallest count that can be near any subject's limit of this name; None: none can."""
    least = None if name.window is Window.MESSAGE else _least_limit(name, rules)
    return None if least is None else max(1, -(-least * percent // _PERCENT))


def _least_limit(name: LimitName, rules: Rules) -> int | None:
    """Return the smallest limit of this name that any subject may have, also by a share (R16)."""
    origins = (rules.file, rules.overrides, rules.boosts)
    limits = [
        setting.max
        for origin in origins
        for (_, its_name), setting in origin.by_subject.items()
        if its_name == name and setting.max
    ]
    for (scope, of), by_subject in rules.file.shares.items():
        wider = LimitName(of, name.unit, name.window)
        if scope is name.scope and (least := _least_limit(wider, rules)) is not None:
            limits.append(PartOf(wider, least, min(by_subject.values())).part)
    return min(limits, default=None)


def near_limits(
    name: LimitName, counts: Iterable[tuple[str, int]], rules: Rules, percent: int
) -> list[NearLimit]:
    """Return the counters that have used this share of their limit, the fullest first."""
    found = []
    for subject, used in counts:
        limit = rules.limit(name, counted_sender(name.scope, subject))
        if limit is not None and limit.max and used * _PERCENT >= limit.max * percent:
            found.append(NearLimit(subject, limit, used))
    return sorted(found, key=fullest_first)


def fullest_first(near: NearLimit) -> tuple[float, str]:
    """Return what to sort by."""
    return -near.used / near.limit.max, near.subject
