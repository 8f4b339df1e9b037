"""Read Postfix's log: which mail of logins smtpd has taken into the queue. Pure.

smtpd logs a login with the queue ID at the first recipient that is accepted, and qmgr the same ID
once the mail is whole: only then can no milter refuse it any more. Source: postlogd(8), smtpd(8)
("client=..., sasl_method=..., sasl_username=..."), qmgr(8) ("from=<...>, ... (queue active)").
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from datetime import tzinfo

_LINE = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\dT\S+|[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) \S+ "
    r"(?P<program>\S+)\[(?P<pid>\d+)\]: (?P<text>.*)"
)
_CONNECT = re.compile(r"connect from ")
_LOGIN = re.compile(
    r"(?P<id>\w+): client=\S*\[(?P<client>[^\]]*)\](?::\d+)?,.* sasl_username=(?P<login>[^,]+)"
)
_QUEUED = re.compile(r"(?P<id>\w+): from=<.* \(queue active\)$")


class QueuedMail(NamedTuple):
    """A mail of a login that is in the queue.

    Attributes:
        at: when it was queued, seconds since 1970.
        connected_at: when the client connected; None: the log begins later.
        program: what took it, as "postfix/submission/smtpd".
        client: the client's address.
        login: as logged: Postfix writes "?" for what can't be printed.
    """

    at: int
    connected_at: int | None
    program: str
    client: str
    login: str


def queued_mails(lines: Iterable[str], now: int, zone: tzinfo) -> Iterator[QueuedMail]:
    """Yield the mails of logins, in the order in which they were queued.

    Args:
        lines: of the log, the oldest first; others than Postfix's are passed over.
        now: seconds since 1970: a date without a year is of the last twelve months.
        zone: the system's, in which a date without a zone is written.
    """
    connected: dict[tuple[str, str], int] = {}
    waiting: dict[str, tuple[str, str, str, int | None]] = {}
    for line in lines:
        match = _LINE.match(line)
        if match is None:
            continue
        program, text = match["program"], match["text"]
        if program.endswith("/smtpd"):
            if not (_CONNECT.match(text) or "sasl_username=" in text):
                continue
            session = (program, match["pid"])
            if (login := _LOGIN.match(text)) is not None:
                waiting[login["id"]] = (
                    program, login["client"], login["login"], connected.get(session)
                )  # fmt: skip
            elif (at := _moment(match["at"], now, zone)) is not None:
                connected[session] = at
        elif program.endswith("/qmgr") and (queued := _QUEUED.match(text)) is not None:
            known = waiting.pop(queued["id"], None)
            at = None if known is None else _moment(match["at"], now, zone)
            if known is not None and at is not None:
                program, client, name, connected_at = known
                yield QueuedMail(at, connected_at, program, client, name)


def last_written(lines: Sequence[str], now: int, zone: tzinfo) -> int | None:
    """Return when smtpd or qmgr wrote last; None: not in these lines. Arguments as queued_mails()."""
    for line in reversed(lines):
        match = _LINE.match(line)
        if match is not None and match["program"].endswith(("/smtpd", "/qmgr")):
            return _moment(match["at"], now, zone)
    return None


def _moment(text: str, now: int, zone: tzinfo) -> int | None:
    """Read the time of a line."""
    try:
        if text[0].isdigit():
            return int(datetime.fromisoformat(text).timestamp())
        latest = datetime.fromtimestamp(now, zone) + timedelta(days=1)
        for year in (latest.year, latest.year - 1):
            read = datetime.strptime(f"{year} {text}", "%Y %b %d %H:%M:%S").replace(tzinfo=zone)
            if read <= latest:
                return int(read.timestamp())
    except ValueError:
        pass
    return None
