"""Asking the daemon's socket, and whether Postfix could."""

import grp
import os
import pwd
import socket
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest

from sendlimit.config.sections import MilterSection
from sendlimit.doctor import reach
from sendlimit.doctor.reach import daemon_answers, mode_problem
from sendlimit.postfix.findings import ServiceStatus
from sendlimit.postfix.services import Role
from sendlimit.postfix.snapshot import SmtpdService, Snapshot
from support.postfix_samples import snapshot_of


@contextmanager
def listener(path: Path, answer: bytes) -> Iterator[list[bytes]]:
    """Listen once, read a packet, send the answer; yields what was read."""
    read: list[bytes] = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen()

        def serve() -> None:
            client, _ = server.accept()
            with client:
                read.append(client.recv(100))
                client.sendall(answer)
                client.shutdown(socket.SHUT_WR)
                read.append(client.recv(100))

        thread = threading.Thread(target=serve)
        thread.start()
        yield read
        thread.join(10)


@pytest.mark.parametrize(
    ("answer", "is_milter"),
    [
        (b"\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x00", True),
        (b"220 mail.example.org ESMTP\r\n", False),
        (b"", False),
    ],
    ids=["milter", "smtp", "silence"],
)
def test_daemon_answers(folder: Path, answer: bytes, *, is_milter: bool) -> None:
    """A server that negotiates as a milter is one; the conversation is ended in good order."""
    with listener(folder / "s", answer) as read:
        assert daemon_answers(f"unix:{folder}/s") is is_milter
    assert read[0][:5] == b"\x00\x00\x00\x0dO"
    assert read[1] == b"\x00\x00\x00\x01Q"


def test_nobody_listens(folder: Path) -> None:
    """A path without a listener is an OSError."""
    with pytest.raises(FileNotFoundError):
        daemon_answers(f"unix:{folder}/none")


def test_mode_problem(folder: Path) -> None:
    """Postfix needs its way through every folder, and the socket through its group."""
    group = grp.getgrgid(pwd.getpwnam("postfix").pw_gid).gr_name
    inner = folder / "inner"
    inner.mkdir()
    inner.chmod(0o750)
    path = inner / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    path.chmod(0o660)
    section = MilterSection(socket=f"unix:{path}", socket_group=group)
    assert mode_problem(section) == f"Postfix can't enter {inner}"
    os.chown(inner, -1, grp.getgrnam(group).gr_gid)
    assert mode_problem(section) == (
        f"Postfix may not use {path}: its user is not in group {group}, or the mode is wrong"
    )
    os.chown(path, -1, grp.getgrnam(group).gr_gid)
    assert mode_problem(section) is None


def test_no_mode_problem() -> None:
    """An unknown group and a missing file are named; a TCP socket has no mode."""
    section = MilterSection(socket="unix:/nowhere/s", socket_group="no-such-group")
    assert mode_problem(section) == "there is no group no-such-group (milter.socket_group)"
    section = MilterSection(socket="unix:/nowhere/s", socket_group="root")
    assert mode_problem(section) == "/nowhere can't be read: No such file or directory"
    assert mode_problem(MilterSection(socket="inet:1@127.0.0.1", socket_group="none")) is None


@pytest.mark.parametrize(
    ("failure", "remedy"),
    [
        (FileNotFoundError(2, "No such file"), "systemctl start sendlimit"),
        (ConnectionRefusedError(111, "refused"), "systemctl start sendlimit"),
        (PermissionError(13, "denied"), "run this as root"),
        (TimeoutError("timed out"), "systemctl restart sendlimit"),
    ],
    ids=["nobody", "dead", "stranger", "hangs"],
)
def test_daemon(monkeypatch: pytest.MonkeyPatch, failure: OSError, remedy: str) -> None:
    """Why a daemon does not answer decides what mends it."""

    def fail(*_address: object) -> bool:
        raise failure

    monkeypatch.setattr(reach, "daemon_answers", fail)

    (finding,) = reach.daemon("unix:/s").findings

    assert finding.remedy.startswith(remedy)


def test_daemon_is_somebody_else(folder: Path) -> None:
    """A program that is no milter on the socket is told apart from no program."""
    with listener(folder / "s", b"220 mail.example.org ESMTP\r\n"):
        (finding,) = reach.daemon(f"unix:{folder}/s").findings

    assert "no milter" in finding.problem


def test_attempt(folder: Path) -> None:
    """In Postfix's place: the socket's mode counts for its user, and the chroot for the path."""
    with listener(folder / "s", b"\x00\x00\x00\x0dO" + bytes(12)):
        (folder / "s").chmod(0o666)
        assert reach.negotiate_as_postfix("unix:s", folder, is_chrooted=True) is None
    (folder / "s").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        server.listen()
        (folder / "s").chmod(0o600)
        assert (
            reach.negotiate_as_postfix("unix:s", folder, is_chrooted=False) == "Permission denied"
        )
        (folder / "s").chmod(0o666)
        path = f"unix:{folder}/s"
        assert (
            reach.negotiate_as_postfix(path, folder, is_chrooted=True)
            == "No such file or directory"
        )


def test_attempt_by_address() -> None:
    """A TCP socket is asked by address; a port where nothing listens refuses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    endpoint = f"inet:127.0.0.1:{port}"

    assert (
        reach.negotiate_as_postfix(endpoint, Path("/"), is_chrooted=False) == "Connection refused"
    )
    assert (
        reach.negotiate_as_postfix(f"inet:[::1]:{port}", Path("/"), is_chrooted=False) is not None
    )


@pytest.fixture(params=[0, 65534], ids=["root's", "the daemon's"])
def attached(
    folder: Path, request: pytest.FixtureRequest
) -> tuple[Snapshot, ServiceStatus, MilterSection]:
    """A chrooted service that asks a socket inside of its chroot, which Postfix may not use."""
    path = folder / "sendlimit" / "s"
    path.parent.mkdir()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    path.chmod(0o600)
    folder.chmod(0o755)
    for each in (path, path.parent):
        os.chown(each, request.param, request.param)
    service = SmtpdService(key="smtp/inet", is_chrooted=True, options={}, effective={})
    snapshot = replace(snapshot_of(service), queue_directory=folder)
    chain = ("unix:sendlimit/s",)
    status = ServiceStatus(key="smtp/inet", role=Role.LIMITED, chain=chain, position=1)
    return snapshot, status, MilterSection(socket=f"unix:{path}", socket_group="postfix")


def test_reachable(
    attached: tuple[Snapshot, ServiceStatus, MilterSection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without root's rights the modes tell; the remedy gives Postfix the directory and socket."""
    snapshot, status, section = attached
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    (finding,) = reach.reachable(snapshot, [status], section).findings

    assert finding.subject == "smtp/inet"
    assert section.path is not None
    assert str(section.path) in finding.problem
    subprocess.run(["bash", "-c", finding.remedy], check=True)
    assert reach.reachable(snapshot, [status], section).findings == ()


def test_not_to_be_mended_by_modes(
    attached: tuple[Snapshot, ServiceStatus, MilterSection], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Sockets elsewhere are not opened by chmod: folders above them may be closed on purpose."""
    snapshot, status, _ = attached
    monkeypatch.setattr(reach, "negotiate_as_postfix", lambda *_place, **_how: "Permission denied")

    for spec in ("unix:/root/s", "inet:10040@192.0.2.1"):
        (finding,) = reach.reachable(snapshot, [status], MilterSection(socket=spec)).findings
        assert finding.remedy.startswith("set milter.socket to")
        assert "from inside of the chroot: Permission denied" in finding.problem


def test_by_modes(attached: tuple[Snapshot, ServiceStatus, MilterSection]) -> None:
    """Without a look at Postfix the modes tell, and the remedy mends them."""
    _, _, section = attached

    (finding,) = reach.by_modes(section).findings

    assert (finding.code, finding.subject) == ("unreachable", section.socket)
    subprocess.run(["bash", "-c", finding.remedy], check=True)
    assert reach.by_modes(section).findings == ()


def test_not_attached(attached: tuple[Snapshot, ServiceStatus, MilterSection]) -> None:
    """A service that does not ask sendlimit is not tried."""
    snapshot, status, section = attached

    check = reach.reachable(snapshot, [replace(status, position=0)], section)

    assert check.findings == ()
