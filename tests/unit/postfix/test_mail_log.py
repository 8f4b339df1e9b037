"""Postfix's log as text: whose mail was queued, when, and on a connection from when."""

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from sendlimit.postfix.mail_log import QueuedMail, last_written, queued_mails

_ZONE = ZoneInfo("Asia/Tokyo")
_AT = 1764158400  # 2025-11-26 12:00:00 UTC
_CONNECT = "{at} mail postfix/submission/smtpd[7]: connect from host.example[192.0.2.7]"
_LOGIN = (
    "{at} mail postfix/submission/smtpd[7]: 4XyZ: client=host.example[192.0.2.7],"
    " sasl_method=PLAIN, sasl_username=Alice@example.org"
)
_QUEUED = "{at} mail postfix/qmgr[9]: 4XyZ: from=<a@example.org>, size=331, nrcpt=1 (queue active)"
_WHOLE = (_CONNECT, _LOGIN, _QUEUED)
_MAIL = QueuedMail(_AT, _AT, "postfix/submission/smtpd", "192.0.2.7", "Alice@example.org")


def _written(at: int, kind: str) -> str:
    moment = datetime.fromtimestamp(at, UTC)
    if kind == "utc":
        return moment.isoformat(timespec="microseconds").replace("+00:00", "Z")
    if kind == "rfc3339":
        return moment.astimezone(_ZONE).isoformat(timespec="microseconds")
    return moment.astimezone(_ZONE).strftime("%b %e %H:%M:%S")


def _mails(*lines: str, kind: str = "rfc3339", at: int = _AT, now: int = _AT) -> list[QueuedMail]:
    return [*queued_mails((line.format(at=_written(at, kind)) for line in lines), now, _ZONE)]


@pytest.mark.parametrize("kind", ["utc", "rfc3339", "traditional"])
def test_mail_of_a_login(kind: str) -> None:
    """The three lines of a mail, with the time stamps of postlogd and of both kinds of rsyslog."""
    assert _mails(*_WHOLE, kind=kind) == [_MAIL]


def test_year_that_is_not_written() -> None:
    """A date without a year is of the last twelve months, also over New Year."""
    december, january = 1767139200, 1767312000  # 2025-12-31 and 2026-01-02, 00:00 UTC
    (mail,) = _mails(*_WHOLE, kind="traditional", at=december, now=january)
    assert mail.at == december


@pytest.mark.parametrize(
    "lines",
    [
        (_CONNECT, _LOGIN),
        (_CONNECT, _QUEUED),
        (_CONNECT, _LOGIN.partition(", sasl_method")[0], _QUEUED),
        (_CONNECT, _LOGIN, _QUEUED.replace("4XyZ", "4Other")),
        (_CONNECT, _LOGIN, _QUEUED.replace("(queue active)", "removed")),
        tuple(line.replace("{at}", "Foo 99 99:99:99") for line in _WHOLE),
        tuple(line.replace("{at}", "2025-99-26T12:00:00Z") for line in _WHOLE),
        ("", "no line of syslog", "\x00\ufffd"),
    ],
    ids=["given up", "no smtpd line", "no login", "another mail", "removed", "no month", "no date", "noise"],
)  # fmt: skip
def test_no_mail_of_a_login(lines: tuple[str, ...]) -> None:
    """Mail that was not queued, or had no login, and lines that are no log."""
    assert _mails(*lines) == []


def test_log_that_begins_later() -> None:
    """Without the line of the connection it is not known when that began."""
    assert [mail.connected_at for mail in _mails(_LOGIN, _QUEUED)] == [None]


def test_queue_id_that_comes_again() -> None:
    """Short queue IDs come again: each mail is one of its own."""
    other = _LOGIN.replace("Alice", "bob")
    assert [mail.login for mail in _mails(*_WHOLE, other, _QUEUED, _QUEUED)] == [
        "Alice@example.org",
        "bob@example.org",
    ]


def test_addresses_of_clients() -> None:
    """IPv6, a port behind it, and XCLIENT's unknown."""
    for written, client in (("x[2001:db8::7]", "2001:db8::7"), ("x[::1]:4711", "::1"), ("unknown[unknown]", "unknown")):  # fmt: skip
        login = _LOGIN.replace("host.example[192.0.2.7]", written)
        assert [mail.client for mail in _mails(_CONNECT, login, _QUEUED)] == [client]


def test_last_written() -> None:
    """The last line of smtpd or qmgr counts, not another program's; without one there is none."""
    lines = [line.format(at=_written(_AT, "utc")) for line in (*_WHOLE, "{at} mail cron[1]: x")]
    lines.append("noise")
    assert last_written(lines, _AT, _ZONE) == _AT
    assert last_written(lines[3:], _AT, _ZONE) is None
