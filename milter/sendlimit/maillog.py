"""Log lines: "EVENT key=value ...", one function for each event.

docs/operations.md explains every event; a test compares both. A value that holds anything but
letters, digits and plain punctuation is quoted, and its control characters are escaped: nothing
from the network can forge a line.
"""

from __future__ import annotations

import logging
import os
import re
import sys
import traceback
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sendlimit.errors import SendlimitError
    from sendlimit.rules.decision import LimitUsage
    from sendlimit.rules.suspicion import Suspension

logger = logging.getLogger("sendlimit")

_PLAIN = re.compile(r"[\w@.+/:<>\[\]{}*?=,;!#$%&^|~()'-]+", re.ASCII)


def escaped(value: object) -> str:
    """Return a value as a line shows it: plain, or quoted with escapes."""
    text = str(value)
    if _PLAIN.fullmatch(text):
        return text
    inner = text.replace("\\", "\\\\").replace('"', '\\"')
    return '"' + "".join(char if char.isprintable() else ascii(char)[1:-1] for char in inner) + '"'


PRIORITIES = {logging.ERROR: 3, logging.WARNING: 4, logging.INFO: 6, logging.DEBUG: 7}
"""Of the levels. Source: syslog(3)."""


def stderr_is_journal() -> bool:
    """Say whether standard error ends in systemd's journal, which reads "<3>" before a line.

    Source: systemd.exec(5) JOURNAL_STREAM, sd-daemon(3).
    """
    device, _, inode = os.environ.get("JOURNAL_STREAM", "").partition(":")
    try:
        status = os.fstat(2)
    except OSError:
        return False
    return (device, inode) == (str(status.st_dev), str(status.st_ino))


def _line(level: int, event: str, **values: object) -> None:
    if logger.isEnabledFor(level):
        logger.log(
            level,
            "%s",
            " ".join([event, *(f"{key}={escaped(value)}" for key, value in values.items())]),
        )


class Refusal(NamedTuple):
    """A refusal as the log has it.

    Attributes:
        exceeded: the limit.
        mailbox: who logged in.
        client: the address of the client.
        sender: the reverse path.
        resets_at: when the limit frees up, on the calendar's clock; None: never.
        refused: False in observe mode: the mail was let through.
    """

    exceeded: LimitUsage
    mailbox: str
    client: str
    sender: str
    resets_at: datetime | None
    refused: bool = True


def _refusal(event: str, refusal: Refusal, client_mailboxes: int, **number: int) -> None:
    exceeded = refusal.exceeded
    _line(
        logging.INFO,
        event,
        mailbox=refusal.mailbox,
        client=refusal.client,
        sender=refusal.sender,
        scope=exceeded.limit.name.scope,
        subject=exceeded.key.subject,
        unit=exceeded.limit.name.unit,
        window=exceeded.limit.name.window,
        limit=exceeded.limit.max,
        used=exceeded.used,
        resets_at=refusal.resets_at.isoformat() if refusal.resets_at else "never",
        client_mailboxes=client_mailboxes,
        **number,
    )


def refused(refusal: Refusal, client_mailboxes: int) -> None:
    """A mail or a recipient was refused; the client was, for so many mailboxes in an hour."""
    _refusal("refused", refusal, client_mailboxes)


def would_refuse(refusal: Refusal, client_mailboxes: int) -> None:
    """A mail was let through in observe mode that "enforce" would have refused."""
    _refusal("would-refuse", refusal, client_mailboxes)


def refusals_merged(refusal: Refusal, client_mailboxes: int, number: int) -> None:
    """That many further refusals by one limit within a minute, the last of them in full."""
    _refusal("refusals-merged", refusal, client_mailboxes, number=number)


def would_refuse_merged(refusal: Refusal, client_mailboxes: int, number: int) -> None:
    """The same of mail that was let through in observe mode."""
    _refusal("would-refuse-merged", refusal, client_mailboxes, number=number)


def rcpt_mailer_missing() -> None:
    """A recipient came without {rcpt_mailer} while a limit on external mail is in force; it counts as external."""
    _line(logging.WARNING, "rcpt-mailer-missing", asked_for="from the next connection on")


def _suspension(event: str, suspension: Suspension) -> None:
    until = suspension.until
    _line(
        logging.WARNING,
        event,
        mailbox=suspension.sender.mailbox,
        reason=suspension.reason,
        number=suspension.number,
        clients=",".join(suspension.clients),
        until="released" if until is None else datetime.fromtimestamp(until, UTC).isoformat(),
    )


def suspended(suspension: Suspension) -> None:
    """A login may send nothing until then: it had so many refusals or client networks."""
    _suspension("suspended", suspension)


def would_suspend(suspension: Suspension) -> None:
    """The same in observe mode: it goes on sending."""
    _suspension("would-suspend", suspension)


def suspend_failed(mailbox: str, error: SendlimitError) -> None:
    """A login could not be suspended, and is tried again until the database is back."""
    _line(logging.ERROR, "suspend-failed", mailbox=mailbox, error=error)


def accepted(mailbox: str, client: str, sender: str, queue_id: str, recipients: int) -> None:
    """A mail was accepted and counted."""
    _line(
        logging.DEBUG,
        "accepted",
        mailbox=mailbox,
        client=client,
        sender=sender,
        queue_id=queue_id,
        recipients=recipients,
    )


def accepted_on_failure(mailbox: str, reason: str) -> None:
    """A mail was accepted without a decision; its count is booked when the database is back."""
    _line(logging.WARNING, "accepted-on-failure", mailbox=mailbox, reason=reason)


def refused_on_failure(mailbox: str, reason: str) -> None:
    """A mail was refused without a decision, as store.on_failure = "tempfail" says."""
    _line(logging.WARNING, "refused-on-failure", mailbox=mailbox, reason=reason)


def store_awaited(error: SendlimitError) -> None:
    """The database can't be reached at the start; it may start a moment later."""
    _line(logging.INFO, "store-awaited", error=error)


def store_down(error: SendlimitError) -> None:
    """Nothing is decided: the database is away or stuck, or an error of sendlimit ended a batch."""
    _line(logging.ERROR, "store-down", error=error)


def store_back(bookings: int) -> None:
    """Mail is decided again, and that many mails accepted meanwhile are booked."""
    _line(logging.WARNING, "store-back", bookings=bookings)


def counting(mode: str) -> None:
    """How mail is decided has changed."""
    _line(logging.INFO, "counting", mode=mode)


def journal_unavailable(error: SendlimitError) -> None:
    """There is no crash journal: decisions are not made from memory."""
    _line(logging.WARNING, "journal-unavailable", error=error)


def journal_full(error: SendlimitError) -> None:
    """The crash journal has no space: what is accepted from now on is kept in memory alone."""
    _line(logging.ERROR, "journal-full", error=error)


def journal_whole() -> None:
    """All that is not booked is in the crash journal again."""
    _line(logging.INFO, "journal-whole")


def batch_retried(error: SendlimitError) -> None:
    """A transaction is done again: a conflict with another writer, or a lost connection."""
    _line(logging.INFO, "batch-retried", error=error)


def row_unreadable(table: str, key: str, problem: str) -> None:
    """A row of the tables can't be read and does not count; all others do."""
    _line(logging.ERROR, "row-unreadable", table=table, row=key, problem=problem)


def views_outdated(error: SendlimitError) -> None:
    """The SQL views could not be told the file's limits; counting goes on."""
    _line(logging.WARNING, "views-outdated", error=error)


def journal_unreadable(error: ValueError) -> None:
    """The counts of an earlier stop can't be read; their file was put aside."""
    _line(logging.ERROR, "journal-unreadable", error=error)


def notice_failed(route: str, event: str, reason: str) -> None:
    """A notice could not be delivered and is given up."""
    _line(logging.WARNING, "notice-failed", route=route, notice=event, reason=reason)


def notices_dropped(route: str, number: int) -> None:
    """That many notices were dropped because their receiver was too slow."""
    _line(logging.WARNING, "notices-dropped", route=route, number=number)


def metrics_unavailable(address: str, error: OSError) -> None:
    """The address of the metrics can't be listened on; mail is limited as ever."""
    _line(logging.ERROR, "metrics-unavailable", address=address, error=error.strerror or error)


def config_loaded(path: Path, limits: int) -> None:
    """The settings of the file are in force; it sets that many limits."""
    _line(logging.INFO, "config-loaded", file=path, limits=limits)


def nothing_limited(path: Path) -> None:
    """The file sets no limit: nothing is refused, unless the database sets one."""
    _line(logging.WARNING, "nothing-limited", file=path)


def config_rejected(problems: Iterable[str]) -> None:
    """The file is wrong; the earlier settings stay in force. One line for each problem."""
    for problem in problems:
        _line(logging.ERROR, "config-rejected", error=problem)


def limits_learned(subjects: int, changed: int) -> None:
    """The learned limits are those of today: of so many subjects, so many of them others than before."""
    _line(logging.INFO, "limits-learned", limits=subjects, changed=changed)


def learn_failed(error: SendlimitError) -> None:
    """The limits could not be learned, and are tried again; those of the day before hold."""
    _line(logging.WARNING, "learn-failed", error=error)


def login_map_loaded(entries: int) -> None:
    """The spellings of logins are in force; their number has changed."""
    _line(logging.INFO, "login-map-loaded", entries=entries)


def login_map_rejected(error: SendlimitError) -> None:
    """The spellings of logins are missing or broken; the last ones stay in force."""
    _line(logging.ERROR, "login-map-rejected", error=error)


def restart_needed(key: str) -> None:
    """A changed setting takes effect at the next start."""
    _line(logging.WARNING, "restart-needed", key=key)


def descriptors_low(used: int, limit: int) -> None:
    """File descriptors run short: Postfix's connections will have to wait, and its mail with them."""
    _line(logging.ERROR, "descriptors-low", used=used, limit=limit)


def started(version: str, socket: str, store: object) -> None:
    """The daemon takes mail."""
    _line(logging.INFO, "started", version=version, socket=socket, store=store)


def stopping(signal_name: str) -> None:
    """The daemon got a signal to stop and lets the callbacks in flight end."""
    _line(logging.INFO, "stopping", signal=signal_name)


def stopped(*, booked: bool) -> None:
    """The daemon ends; booked=no: counts that were not booked are in state_dir."""
    _line(logging.INFO, "stopped", booked="yes" if booked else "no")


def fault(where: str) -> None:
    """An exception was caught that is an error of sendlimit; call it in the except clause.

    The trace of each kind is logged once; a repeat is one line. A file that can't be used is no error
    of sendlimit: it is one line without a trace, with its name.
    """
    error = sys.exc_info()[1]
    if isinstance(error, OSError) and error.filename is not None:
        _line(logging.ERROR, "fault", where=where, error=f"{error.filename}: {error.strerror}")
        return
    trace = error.__traceback__ if error else None
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    kind = (where, type(error), trace.tb_lineno if trace else 0)
    if kind not in _known_faults:
        _known_faults.add(kind)
        logger.error("%s", "".join(traceback.format_exception(error)).rstrip())
    _line(logging.ERROR, "fault", where=where, error=repr(error))


_known_faults: set[tuple[str, type[object], int]] = set()


def lines_dropped(number: int) -> None:
    """That many log lines were dropped because the reader of the log was too slow."""
    _line(logging.WARNING, "lines-dropped", number=number)


def accepts_debug() -> bool:
    """Say whether lines at level debug are written; their values cost the callback time."""
    return logger.isEnabledFor(logging.DEBUG)
