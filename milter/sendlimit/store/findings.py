"""What the doctor found at its last run, as er_finding keeps it for the web pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.store.sqltime import from_sql, to_sql
from sendlimit.store.transaction import atomically
from sendlimit.store.unreadable import moment_or_none, readable, text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendlimit.store.connection import Connection
    from sendlimit.store.rows import Row

RUN = "run"
"""The check whose row says when the doctor last looked."""

_TEXT_MAX = 255
_READ = "SELECT `check`, code, subject, level, text, first_at, last_at FROM er_finding"
_REMOVE = "DELETE FROM er_finding"
_ADD = """
INSERT INTO er_finding (`check`, code, subject, level, text, first_at, last_at)
VALUES (%s, %s, %s, %s, %s, %s, %s)"""


class KeptFinding(NamedTuple):
    """A row of er_finding.

    Attributes:
        check: what was looked at, a name of docs/doctor.md.
        code: the finding.
        subject: what is wrong: a service, a file, ...; "": nothing in particular.
        level: "warning" or "error".
        text: what was found.
        first_at: the first run that found it and every run since; seconds since 1970.
    """

    check: str
    code: str
    subject: str
    level: str
    text: str
    first_at: int


class Findings(NamedTuple):
    """What the last run found; at is None when there was none yet."""

    at: int | None
    found: list[KeptFinding]


def read_findings(connection: Connection) -> Findings:
    """Return what the doctor last found, errors first."""
    rows = connection.execute(_READ)
    at = next((moment_or_none(row[6]) for row in rows if row[0] == RUN), None)
    found = readable("er_finding", [row for row in rows if row[0] != RUN], _finding)
    found.sort(key=lambda each: (each.level != "error", each.check, each.code, each.subject))
    return Findings(at, found)


def _finding(row: Row) -> KeptFinding:
    check, code, subject, level, words = (text(value) for value in row[:5])
    if level not in {"warning", "error"}:
        raise ValueError(f"{level!r} is not a level")
    return KeptFinding(check, code, subject, level, words, from_sql(row[5]))


def keep_findings(connection: Connection, found: Iterable[KeptFinding], at: int) -> None:
    """Replace what is kept by what a run has found.

    Args:
        connection: to the tables.
        found: of the run; what was found before keeps its first_at.
        at: when the run was, seconds since 1970.
    """

    def work() -> None:
        since = {each[:3]: each.first_at for each in read_findings(connection).found}
        rows = {(each.check, each.code, each.subject[:_TEXT_MAX]): each for each in found}
        connection.execute(_REMOVE)
        for key, each in rows.items():
            first_at = since.get(key, at)
            connection.execute(_ADD, (*key, each.level, each.text, to_sql(first_at), to_sql(at)))
        connection.execute(_ADD, (RUN, "", "", "ok", "", to_sql(at), to_sql(at)))

    atomically(connection, work)
