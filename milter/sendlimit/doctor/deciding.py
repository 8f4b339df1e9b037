"""Ask the running daemon whether it decides: it says so in a file of state_dir."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.counting.daemon_status import NAME, OLD_S, DaemonStatus, read_status
from sendlimit.daemon.descriptors import NEAR_PERCENT
from sendlimit.doctor.check import Check, found, passed
from sendlimit.postfix.finding import error, warning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sendlimit.postfix.finding import Finding

_LOG = "journalctl -u sendlimit -n 50"
_RESTART = f"systemctl restart sendlimit; if it stays: {_LOG}"
_CAUSES = {
    "loading": ("it has not reached the database yet", f"wait some seconds; if it stays: {_LOG}"),
    "away": ("its database is away", "mend the database as the check of it says; sendlimit goes on by itself"),
    "stuck": (
        "a transaction of it does not end",
        "look what holds the lock (MariaDB: SHOW FULL PROCESSLIST); sendlimit goes on by itself",
    ),
    "fault": ("an error of sendlimit ends its batches", f"{_LOG}, and report it; systemctl restart sendlimit"),
    "waiting": (
        "another daemon on the same database decides, and this one waits for it",
        f"see that the other daemon is well (sendlimit db status); if it stays: {_LOG}",
    ),
}  # fmt: skip
_METERED_WHY = (
    "the limits hold on by what the daemon knew last and has counted since; a mailbox that it knows"
    " nothing of begins at 0, and changes by commands do not reach it"
)
_JOURNAL_WHY = (
    "what is accepted while the database is away may be lost if the daemon is killed meanwhile, and"
    " without a journal nothing is decided from memory"
)
_JOURNAL_REMEDY = (
    "make space in the directory that it names, which has to be the daemon's own; a journal that could"
    " not be made at the start: systemctl restart sendlimit"
)
_WHY = "no limit holds meanwhile: mail is accepted (or refused: store.on_failure), and booked later"


def deciding(state_dir: Path, now: float, *, meters: bool = False) -> Check:
    """Check whether the daemon that answers on the socket decides.

    Args:
        state_dir: of the configuration.
        now: seconds since 1970.
        meters: store.on_failure = "meter".
    """
    path = state_dir / NAME
    try:
        status = read_status(state_dir)
    except PermissionError:
        why = "whether the daemon decides can't be told"
        remedy = "run this as root: sudo sendlimit doctor"
        return found(
            "deciding", warning("status", str(path), "this user may not read it", why, remedy)
        )
    except OSError as failure:
        return found("deciding", _untold(path, f"it can't be read: {failure.strerror}"))
    if status is None:
        return found("deciding", _untold(path, "the daemon that answers has not written it"))
    if status.is_old(now):
        return found("deciding", _untold(path, f"it is {abs(now - status.at):.0f} s old"))
    findings = tuple(_troubles(status))
    if findings:
        return found("deciding", *findings)
    outage = _OUTAGES.get(status.how, "") if meters else ""
    return passed(
        "deciding", f"the daemon decides, from {_HOW.get(status.how, status.how)}{outage}"
    )


_HOW = {"memory": "memory", "batches": "the database"}
_OUTAGES = {
    "memory": '; without the database the limits hold on from memory (store.on_failure = "meter")',
    "batches": '; without the database mail passes, as store.on_failure = "meter" needs a daemon that is'
    " alone on one server",
}
"""What store.on_failure = "meter" means, by how the daemon decides."""


def _untold(path: Path, problem: str) -> Finding:
    return error(
        "status",
        str(path),
        problem,
        f"a daemon that works writes it every {OLD_S} s or sooner: it hangs, has another state_dir,"
        " or is of another release",
        _RESTART,
    )


def _troubles(status: DaemonStatus) -> Iterator[Finding]:
    if not status.decides and status.how == "metered":
        words, remedy = _CAUSES.get(status.state, (status.state, _RESTART))
        problem = (
            f"the limits hold on from memory: {words}: {status.error};"
            f" unbooked mails: {status.unbooked}"
        )
        yield warning("metered", "daemon", problem, _METERED_WHY, remedy)
    elif not status.decides:
        words, remedy = _CAUSES.get(status.state, (status.state, _RESTART))
        reason = f": {status.error}" if status.error else ""
        problem = f"nothing is decided, {words}{reason}; unbooked mails: {status.unbooked}"
        yield error("undecided", "daemon", problem, _WHY, remedy)
    if status.journal:
        yield warning("journal", "crash journal", status.journal, _JOURNAL_WHY, _JOURNAL_REMEDY)
    if status.descriptors * 100 >= status.descriptors_max * NEAR_PERCENT > 0:
        yield warning(
            "descriptors",
            "daemon",
            f"{status.descriptors} of {status.descriptors_max} file descriptors are open",
            "each connection of Postfix takes one; without one it waits, and its mail with it",
            "raise LimitNOFILE of the unit (systemctl edit sendlimit), systemctl restart sendlimit",
        )
