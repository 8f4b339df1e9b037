"""Ask the daemon's socket, and find out whether Postfix can get at it.

As root the latter is really tried: a child process takes Postfix's place, chrooted or not,
and negotiates. Otherwise it is worked out from the modes.
"""

from __future__ import annotations

import grp
import os
import pwd
import shlex
import signal
import socket
import stat
from typing import TYPE_CHECKING

from sendlimit.daemon.milter_client import Address, Conversation, NoMilterError
from sendlimit.doctor.check import Check, error, fine, found
from sendlimit.postfix.milter_socket import parse_milter_socket

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sendlimit.config.sections import MilterSection
    from sendlimit.postfix.findings import Finding, ServiceStatus
    from sendlimit.postfix.snapshot import Snapshot

_POSTFIX = "postfix"
_ATTEMPT_S = 10  # the child is ended then: it may hang in a name server
_WHY = "nobody is limited meanwhile: Postfix lets all mail pass uncounted"


def daemon_answers(spec: str) -> bool:
    """Begin a milter conversation on milter.socket and end it; True when a milter answers.

    Raises:
        OSError: no program listens, or none answers in time.
    """
    try:
        with Conversation(*parse_milter_socket(spec)):
            return True
    except NoMilterError:
        return False


def daemon(spec: str) -> Check:
    """Ask the daemon on milter.socket."""
    remedy = "systemctl start sendlimit"
    try:
        if daemon_answers(spec):
            return fine("daemon", f"{spec}: it answers")
        problem = "somebody listens there who is no milter"
        remedy = "stop that program, or change milter.socket, then: systemctl restart sendlimit"
    except (FileNotFoundError, ConnectionRefusedError):
        problem = "no daemon listens there"
    except PermissionError:
        problem = "this user may not connect"
        remedy = "run this as root: sudo sendlimit doctor"
    except OSError as refusal:
        problem = f"the daemon does not answer: {refusal.strerror or refusal}"
        remedy = "systemctl restart sendlimit"
    return found("daemon", error("daemon", spec, problem, _WHY, remedy))


def reachable(
    snapshot: Snapshot, statuses: Iterable[ServiceStatus], section: MilterSection
) -> Check:
    """Try from each attached service's place whether the daemon can be asked there."""
    chrooted = {service.key for service in snapshot.services if service.is_chrooted}
    places: dict[tuple[str, bool], list[str]] = {}
    for status in statuses:
        if status.is_attached:
            endpoint = status.chain[status.position - 1]
            places.setdefault((endpoint, status.key in chrooted), []).append(status.key)
    findings: list[Finding] = []
    for (endpoint, is_chrooted), keys in places.items():
        problem = _what_keeps_out(
            endpoint, snapshot.queue_directory, section, is_chrooted=is_chrooted
        )
        if problem is not None:
            remedy = _way_in(section, snapshot)
            findings.append(error("unreachable", ", ".join(keys), problem, _WHY, remedy))
    if findings:
        return found("reachable", *findings)
    how = "tried as" if os.geteuid() == 0 else "by the modes, for"
    inside = " inside of the chroot" if any(is_inside for _, is_inside in places) else ""
    return fine("reachable", f"{how} user {_POSTFIX}{inside}")


def _what_keeps_out(
    endpoint: str, queue_directory: Path, section: MilterSection, *, is_chrooted: bool
) -> str | None:
    if os.geteuid() != 0:
        return None if section.path is None else obstacle(section.path, section.socket_group)
    reason = attempt(endpoint, queue_directory, is_chrooted=is_chrooted)
    if reason is None:
        return None
    inside = " from inside of the chroot" if is_chrooted else ""
    return f"user {_POSTFIX} can't ask {endpoint}{inside}: {reason}"


def _way_in(section: MilterSection, snapshot: Snapshot) -> str:
    """Write the command that gives Postfix the socket."""
    if section.path is None:
        return "set milter.socket to an address of this host that Postfix can connect to"
    path, folder = shlex.quote(str(section.path)), shlex.quote(str(section.path.parent))
    group = shlex.quote(section.socket_group)
    if not section.path.is_relative_to(snapshot.queue_directory):
        return f"set milter.socket to a path inside of {snapshot.queue_directory}"
    return (
        f"chgrp {group} {folder} {path} && chmod g+x {folder} && chmod {section.socket_mode} {path}"
    )


def attempt(endpoint: str, queue_directory: Path, *, is_chrooted: bool) -> str | None:
    """Negotiate with a milter as smtpd would; only root can.

    Args:
        endpoint: as Postfix has it: "unix:PATH", "inet:HOST:PORT"; a path is relative to the
            queue directory.
        queue_directory: Postfix's.
        is_chrooted: whether to go there for good.

    Returns:
        What went wrong; None: the milter answered.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _be_smtpd(writer, endpoint, queue_directory, is_chrooted=is_chrooted)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        said = pipe.read().decode(errors="backslashreplace")
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"no answer within {_ATTEMPT_S} s"
    return said or None


def _be_smtpd(writer: int, endpoint: str, queue_directory: Path, *, is_chrooted: bool) -> None:
    """Take smtpd's place in a child process, ask, write down what went wrong, and end.

    In the order of Postfix's chroot_uid(): groups, chroot, user.
    """
    words = b""
    try:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(_ATTEMPT_S)
        account = pwd.getpwnam(_POSTFIX)
        os.setgid(account.pw_gid)
        os.initgroups(_POSTFIX, account.pw_gid)
        os.chdir(queue_directory)
        if is_chrooted:
            os.chroot(queue_directory)
        os.setuid(account.pw_uid)
        with Conversation(*_address(endpoint)):
            pass
    except OSError as reason:
        words = (reason.strerror or str(reason)).encode()
    except KeyError:
        words = f"there is no user {_POSTFIX}".encode()
    except BaseException as fault:  # noqa: BLE001 - nothing may leave this process but words
        words = repr(fault).encode()
    finally:
        os.write(writer, words)
        os._exit(0)


def _address(endpoint: str) -> tuple[socket.AddressFamily, Address]:
    """Read an endpoint of Postfix's; names are looked up."""
    kind, _, place = endpoint.partition(":")
    if kind != "inet":
        return socket.AF_UNIX, place
    host, _, port = place.rpartition(":")
    # As bytes: Python would look for the codec of international names, outside of the chroot.
    name = host.removeprefix("[").removesuffix("]").encode()
    family, _, _, _, address = socket.getaddrinfo(name, port.encode(), type=socket.SOCK_STREAM)[0]
    return family, (str(address[0]), int(address[1]))


def obstacle(path: Path, group: str) -> str | None:
    """Say what keeps Postfix from a unix socket, by the modes; None: nothing.

    Args:
        path: the socket.
        group: milter.socket_group, through which Postfix gets in.
    """
    try:
        gid = grp.getgrnam(group).gr_gid
    except KeyError:
        return f"there is no group {group} (milter.socket_group)"
    try:
        account = pwd.getpwnam(_POSTFIX)
        uid, gids = account.pw_uid, set(os.getgrouplist(_POSTFIX, account.pw_gid))
    except KeyError:
        uid, gids = -1, {gid}
    for folder in reversed(path.parents):
        if not _may(folder.stat(), uid, gids, stat.S_IXUSR):
            return f"Postfix can't enter {folder}"
    if not _may(path.stat(), uid, gids, stat.S_IRUSR | stat.S_IWUSR):
        return f"Postfix may not use {path}: its user is not in group {group}, or the mode is wrong"
    return None


def _may(status: os.stat_result, uid: int, gids: set[int], owner_bits: int) -> bool:
    """Apply the rules of access(2) for another user."""
    if status.st_uid == uid:
        needed = owner_bits
    elif status.st_gid in gids:
        needed = owner_bits >> 3
    else:
        needed = owner_bits >> 6
    return status.st_mode & needed == needed
