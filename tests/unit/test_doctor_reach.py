"""Asking the daemon's socket, and whether Postfix could."""

import grp
import os
import pwd
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sendlimit.doctor import reach
from sendlimit.doctor.reach import daemon_answers, obstacle


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
    """Whoever negotiates as a milter is one; the conversation is ended in good order."""
    with listener(folder / "s", answer) as read:
        assert daemon_answers(socket.AF_UNIX, str(folder / "s")) is is_milter
    assert read[0][:5] == b"\x00\x00\x00\x0dO"
    assert read[1] == b"\x00\x00\x00\x01Q"


def test_nobody_listens(folder: Path) -> None:
    """A path without a listener is an OSError."""
    with pytest.raises(FileNotFoundError):
        daemon_answers(socket.AF_UNIX, str(folder / "none"))


def test_obstacle(folder: Path) -> None:
    """Postfix needs its way through every folder, and the socket through its group."""
    group = grp.getgrgid(pwd.getpwnam("postfix").pw_gid).gr_name
    inner = folder / "inner"
    inner.mkdir()
    inner.chmod(0o750)
    path = inner / "s"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
    path.chmod(0o660)
    assert obstacle(path, group) == f"Postfix can't enter {inner}"
    os.chown(inner, -1, grp.getgrnam(group).gr_gid)
    assert obstacle(path, group) == (
        f"Postfix may not use {path}: its user is not in group {group}, or the mode is wrong"
    )
    os.chown(path, -1, grp.getgrnam(group).gr_gid)
    assert obstacle(path, group) is None
    assert (
        obstacle(path, "no-such-group") == "there is no group no-such-group (milter.socket_group)"
    )


_SPEC = "unix:/s"


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

    (finding,) = reach.daemon(_SPEC, socket.AF_UNIX, "/s").findings

    assert finding.remedy.startswith(remedy)


def test_daemon_is_somebody_else(folder: Path) -> None:
    """A program that is no milter on the socket is told apart from no program."""
    with listener(folder / "s", b"220 mail.example.org ESMTP\r\n"):
        (finding,) = reach.daemon(_SPEC, socket.AF_UNIX, str(folder / "s")).findings

    assert "no milter" in finding.problem


def test_attempt(folder: Path) -> None:
    """In Postfix's place: the socket's mode counts for its user, and the chroot for the path."""
    with listener(folder / "s", b"\x00\x00\x00\x0dO" + bytes(12)):
        (folder / "s").chmod(0o666)
        assert reach.attempt("unix:s", folder, is_chrooted=True) is None
    (folder / "s").unlink()
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(folder / "s"))
        server.listen()
        (folder / "s").chmod(0o600)
        assert reach.attempt("unix:s", folder, is_chrooted=False) == "Permission denied"
        (folder / "s").chmod(0o666)
        path = f"unix:{folder}/s"
        assert reach.attempt(path, folder, is_chrooted=True) == "No such file or directory"


def test_attempt_by_address() -> None:
    """A TCP socket is asked by address; a port where nobody listens refuses."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    endpoint = f"inet:127.0.0.1:{port}"

    assert reach.attempt(endpoint, Path("/"), is_chrooted=False) == "Connection refused"
    assert reach.attempt(f"inet:[::1]:{port}", Path("/"), is_chrooted=False) is not None
