"""Learn the limits of all subjects, and write what has changed (R15): the daemon and `sendlimit learn`."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.learning import days_to_learn_from, learn
from sendlimit.rules.limit import counted_sender
from sendlimit.rules.window import Window
from sendlimit.store.learned import (
    CHUNK,
    Span,
    counts_by_subject,
    learned_of,
    refusals_by_subject,
    replace_learned,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from sendlimit.rules.learning import Learned
    from sendlimit.rules.limit import LimitName
    from sendlimit.rules.precedence import Rules
    from sendlimit.rules.window import Calendar
    from sendlimit.store.changes import Author, Made
    from sendlimit.store.connection import Connection


class LearnedLimit(NamedTuple):
    """What was learned about one limit of one subject.

    Attributes:
        name: the limit.
        subject: the mailbox or domain.
        before: what it had; None: nothing learned.
        learned: what it has; None: there is nothing to learn from any more.
        why: where it comes from, in words.
    """

    name: LimitName
    subject: str
    before: int | None
    learned: Learned | None
    why: str

    @property
    def is_changed(self) -> bool:
        """Whether the limit is another one than before."""
        return self.before != (self.learned.max if self.learned else None)


def names_to_learn(rules: Rules) -> list[LimitName]:
    """Return the limits that the file wants to be learned, for whomever."""
    return sorted(
        {setting.name for setting in rules.file.by_subject.values() if setting.learn is not None}
    )


def learn_limits(
    connection: Connection, rules: Rules, calendar: Calendar, at: int
) -> list[LearnedLimit]:
    """Work out every limit that is to be learned; nothing is written.

    Args:
        connection: to the tables.
        rules: the settings in force without boosts: a subject for which one of them holds that is
            not learned has no learned limit.
        calendar: cuts the periods.
        at: now, seconds since 1970; the running day is left out.
    """
    return [
        found
        for name in names_to_learn(rules)
        for found in _learn_name(connection, name, rules, calendar, at)
    ]


def _learn_name(
    connection: Connection, name: LimitName, rules: Rules, calendar: Calendar, at: int
) -> Iterator[LearnedLimit]:
    span = Span(*days_to_learn_from(calendar, at))
    before = learned_of(connection, name)
    refusals = refusals_by_subject(connection, name.scope, span)
    for subject, counts in counts_by_subject(connection, name, span):
        won = rules.winner(name, counted_sender(name.scope, subject))
        rule = won[0].learn if won else None
        if rule is None:
            continue
        refused_days = {
            day for first, last in refusals.get(subject, ()) for day in _days(calendar, first, last)
        }
        learned = learn(rule, counts, refused_days, calendar)
        if learned is not None:
            old = before.pop(subject, None)
            yield LearnedLimit(
                name, subject, old.setting.max if old else None, learned, learned.why(rule)
            )
    for subject, old in before.items():
        yield LearnedLimit(name, subject, old.setting.max, None, "")


def _days(calendar: Calendar, first: int, last: int) -> Iterator[int]:
    """Yield the start of each day in which a refusal may have been."""
    at = first
    while True:
        day = calendar.period(Window.DAY, at)
        yield day.start
        if last < day.end:
            return
        at = day.end


def write_learned(
    connection: Connection, found: Sequence[LearnedLimit], author: Author
) -> Iterator[Made[None]]:
    """Write what has changed, CHUNK subjects in a transaction; yield each as it is committed."""
    by_name: dict[LimitName, list[LearnedLimit]] = {}
    for one in found:
        if one.is_changed:
            by_name.setdefault(one.name, []).append(one)
    for name, changed in by_name.items():
        for start in range(0, len(changed), CHUNK):
            new: Mapping[str, tuple[Learned, str] | None] = {
                one.subject: None if one.learned is None else (one.learned, one.why)
                for one in changed[start : start + CHUNK]
            }
            yield replace_learned(connection, name, new, author)
