"""Ask the daemon on its socket, and find out whether Postfix can connect to it.

As root the latter is tried: a child process with Postfix's user, chrooted or not, negotiates with
the daemon. Other users read the modes of the socket and the directories above it.
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
from sendlimit.doctor.check import Check, found, passed
from sendlimit.postfix.finding import error
from sendlimit.postfix.milter_socket import parse_milter_socket
from sendlimit.store.owner import as_owner

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sendlimit.config.sections import MilterSection
    from sendlimit.postfix.finding import Finding
    from sendlimit.postfix.findings import ServiceStatus
    from sendlimit.postfix.snapshot import Snapshot

_POSTFIX = "postfix"
_ATTEMPT_S = 10  # the child is ended then: a look-up of a name may hang
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
            return passed("daemon", f"{spec}: the daemon answers")
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
    """Find out for each attached service whether it can connect to the daemon."""
    chrooted = {service.key for service in snapshot.services if service.is_chrooted}
    endpoints: dict[tuple[str, bool], list[str]] = {}
    for status in statuses:
        if status.is_attached:
            endpoint = status.chain[status.position - 1]
            endpoints.setdefault((endpoint, status.key in chrooted), []).append(status.key)
    findings: list[Finding] = []
    for (endpoint, is_chrooted), keys in endpoints.items():
        problem = _access_problem(
            endpoint, snapshot.queue_directory, section, is_chrooted=is_chrooted
        )
        if problem is not None:
            remedy = _access_remedy(section, snapshot.queue_directory)
            findings.append(error("unreachable", ", ".join(keys), problem, _WHY, remedy))
    if findings:
        return found("reachable", *findings)
    how = "tried as" if os.geteuid() == 0 else "by the modes, for"
    inside = " inside of the chroot" if any(is_inside for _, is_inside in endpoints) else ""
    return passed("reachable", f"{how} user {_POSTFIX}{inside}")


def by_modes(section: MilterSection) -> Check:
    """Read from the modes whether Postfix can connect to the daemon, without a look at Postfix."""
    problem = mode_problem(section)
    if problem is None:
        return passed("reachable", f"by the modes, for user {_POSTFIX}")
    remedy = _access_remedy(section)
    return found("reachable", error("unreachable", section.socket, problem, _WHY, remedy))


def _access_problem(
    endpoint: str, queue_directory: Path, section: MilterSection, *, is_chrooted: bool
) -> str | None:
    if os.geteuid() != 0:
        return mode_problem(section)
    reason = negotiate_as_postfix(endpoint, queue_directory, is_chrooted=is_chrooted)
    if reason is None:
        return None
    inside = " from inside of the chroot" if is_chrooted else ""
    return f"user {_POSTFIX} can't ask {endpoint}{inside}: {reason}"


def _access_remedy(section: MilterSection, queue_directory: Path | None = None) -> str:
    """Return the command that lets Postfix use the socket, or the setting to change."""
    if section.path is None:
        return "set milter.socket to an address of this host that Postfix can connect to"
    path, folder = shlex.quote(str(section.path)), shlex.quote(str(section.path.parent))
    group = shlex.quote(section.socket_group)
    if queue_directory is not None and not section.path.is_relative_to(queue_directory):
        return f"set milter.socket to a path inside of {queue_directory}"
    command = (
        f"chgrp {group} {folder} {path} && chmod g+x {folder} && chmod {section.socket_mode} {path}"
    )
    return as_owner(section.path, command, section.socket_group)


def negotiate_as_postfix(endpoint: str, queue_directory: Path, *, is_chrooted: bool) -> str | None:
    """Negotiate with a milter as smtpd would; only root can.

    Args:
        endpoint: as Postfix writes it: "unix:PATH", "inet:HOST:PORT"; a path is relative to the
            queue directory.
        queue_directory: Postfix's.
        is_chrooted: whether to chroot into it.

    Returns:
        What went wrong; None: the milter answered.
    """
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        _run_as_postfix(writer, endpoint, queue_directory, is_chrooted=is_chrooted)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        problem = pipe.read().decode(errors="backslashreplace")
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return f"no answer within {_ATTEMPT_S} s"
    return problem or None


def _run_as_postfix(
    writer: int, endpoint: str, queue_directory: Path, *, is_chrooted: bool
) -> None:
    """Negotiate as smtpd in a child process, write what went wrong to a pipe, and end the process.

    Groups, chroot and user are changed in the order of Postfix's chroot_uid().
    """
    problem = b""
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
        problem = (reason.strerror or str(reason)).encode()
    except KeyError:
        problem = f"there is no user {_POSTFIX}".encode()
    except BaseException as fault:  # noqa: BLE001 - the child must not go on as the command
        problem = repr(fault).encode()
    finally:
        os.write(writer, problem)
        os._exit(0)


def _address(endpoint: str) -> tuple[socket.AddressFamily, Address]:
    """Parse an endpoint of smtpd_milters; a host's name is looked up."""
    kind, _, rest = endpoint.partition(":")
    if kind != "inet":
        return socket.AF_UNIX, rest
    host, _, port = rest.rpartition(":")
    # As bytes: for a str Python would load the codec "idna", which is outside of the chroot.
    name = host.removeprefix("[").removesuffix("]").encode()
    family, _, _, _, address = socket.getaddrinfo(name, port.encode(), type=socket.SOCK_STREAM)[0]
    return family, (str(address[0]), int(address[1]))


def mode_problem(section: MilterSection) -> str | None:
    """Say why Postfix may not use a unix socket, by owner, group and mode; None: it may."""
    path, group = section.path, section.socket_group
    if path is None:
        return None
    try:
        gid = grp.getgrnam(group).gr_gid
    except KeyError:
        return f"there is no group {group} (milter.socket_group)"
    try:
        account = pwd.getpwnam(_POSTFIX)
        uid, gids = account.pw_uid, set(os.getgrouplist(_POSTFIX, account.pw_gid))
    except KeyError:
        uid, gids = -1, {gid}
    try:
        for folder in reversed(path.parents):
            if not _may(folder.stat(), uid, gids, stat.S_IXUSR):
                return f"Postfix can't enter {folder}"
        may_use = _may(path.stat(), uid, gids, stat.S_IRUSR | stat.S_IWUSR)
    except OSError as failure:
        return f"{failure.filename} can't be read: {failure.strerror}"
    if may_use:
        return None
    return f"Postfix may not use {path}: its user is not in group {group}, or the mode is wrong"


def _may(status: os.stat_result, uid: int, gids: set[int], owner_bits: int) -> bool:
    """Apply the rules of access(2) for another user."""
    if status.st_uid == uid:
        needed = owner_bits
    elif status.st_gid in gids:
        needed = owner_bits >> 3
    else:
        needed = owner_bits >> 6
    return status.st_mode & needed == needed
