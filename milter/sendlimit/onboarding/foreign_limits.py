"""The limits of another program as settings, and notes on what has no equal here. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.errors import SendlimitError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sendlimit.rules.limit import Setting


class ImportNote(NamedTuple):
    """A reason why limits could not be taken over, or not exactly.

    Attributes:
        reason: a sentence without subject, such as "has no sender".
        subjects: the subjects that it is true of, as the other program writes them.
    """

    reason: str
    subjects: tuple[str, ...]


class ForeignLimits(NamedTuple):
    """All that was read.

    Attributes:
        settings: each limit of a subject once, sorted by subject.
        left_out: limits that have no equal here; nothing is set for them.
        different: limits that are set, but count in another way than before.
    """

    settings: tuple[Setting, ...]
    left_out: tuple[ImportNote, ...] = ()
    different: tuple[ImportNote, ...] = ()


def notes_by_reason(found: Iterable[tuple[str, str]]) -> tuple[ImportNote, ...]:
    """Group pairs of reason and subject by reason, in the order of first occurrence."""
    by_reason: dict[str, list[str]] = {}
    for reason, subject in found:
        by_reason.setdefault(reason, []).append(subject)
    return tuple(ImportNote(reason, tuple(subjects)) for reason, subjects in by_reason.items())


def sorted_settings(settings: Iterable[Setting]) -> tuple[Setting, ...]:
    """Sort by subject; a later setting of the same limit replaces the earlier one."""
    unique = {(setting.subject, setting.name): setting for setting in settings}
    return tuple(sorted(unique.values(), key=lambda setting: (setting.subject, str(setting.name))))


def text_cell(row: Mapping[str, object], column: str) -> str:
    """Return a text of a row, without blanks around it.

    Raises:
        SendlimitError: there is no such column.
    """
    return str(_cell(row, column)).strip()


def integer_cell(row: Mapping[str, object], column: str) -> int:
    """Return a whole number of a row.

    Raises:
        SendlimitError: there is no such column, or it holds no whole number.
    """
    value = _cell(row, column)
    if not isinstance(value, int):
        raise SendlimitError(f"column {column} has {value!r}, which is not a whole number")
    return value


def _cell(row: Mapping[str, object], column: str) -> object:
    if column not in row:
        raise SendlimitError(f"the table has no column {column}: it has {', '.join(row)}")
    return row[column]
