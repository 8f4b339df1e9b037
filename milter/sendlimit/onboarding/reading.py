"""What became of another program's limits: the settings, and what they can't say."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.errors import SendlimitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sendlimit.rules.limit import Setting


class Remark(NamedTuple):
    """Something that could not be taken over, or not exactly.

    Attributes:
        reason: a sentence.
        subjects: whom it concerns, as the other program writes them.
    """

    reason: str
    subjects: tuple[str, ...]


class Reading(NamedTuple):
    """All that was read.

    Attributes:
        settings: what can be said here, each limit of a subject once, by subject.
        left_out: what can't be said here; nothing is set for it.
        different: what is set, but counts in another way than before.
    """

    settings: tuple[Setting, ...]
    left_out: tuple[Remark, ...] = ()
    different: tuple[Remark, ...] = ()


def remarks(found: Iterable[tuple[str, str]]) -> tuple[Remark, ...]:
    """Gather (reason, subject) by reason, in the order of their first coming."""
    by_reason: dict[str, list[str]] = {}
    for reason, subject in found:
        by_reason.setdefault(reason, []).append(subject)
    return tuple(Remark(reason, tuple(subjects)) for reason, subjects in by_reason.items())


def in_order(settings: Iterable[Setting]) -> tuple[Setting, ...]:
    """Sort by subject; a later setting of the same limit goes for the earlier one."""
    unique = {(setting.subject, setting.name): setting for setting in settings}
    return tuple(sorted(unique.values(), key=lambda setting: (setting.subject, str(setting.name))))


def text_of(row: Mapping[str, object], column: str) -> str:
    """Return a text of a foreign row, without blanks around it.

    Raises:
        SendlimitError: there is no such column.
    """
    return str(_cell(row, column)).strip()


def number_of(row: Mapping[str, object], column: str) -> int:
    """Return a whole number of a foreign row.

    Raises:
        SendlimitError: there is no such column, or something else in it.
    """
    value = _cell(row, column)
    if not isinstance(value, int):
        raise SendlimitError(f"column {column} has {value!r}, which is not a whole number")
    return value


def _cell(row: Mapping[str, object], column: str) -> object:
    if column not in row:
        raise SendlimitError(f"the table has no column {column}: it has {', '.join(row)}")
    return row[column]
