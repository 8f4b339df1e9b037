"""Reports to systemd, received on a socket as systemd's."""

import os
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.daemon.sdnotify import notify, watchdog_s


@pytest.fixture
def systemd(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[socket.socket]:
    """The socket that reports go to, named as systemd names it."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(folder / "notify"))
        server.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", str(folder / "notify"))
        yield server


def test_state_arrives(systemd: socket.socket) -> None:
    """A state is one datagram."""
    notify("READY=1")

    assert systemd.recv(100) == b"READY=1"


def test_abstract_address(monkeypatch: pytest.MonkeyPatch) -> None:
    """An address that begins with "@" is one without a file."""
    name = f"sendlimit-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(f"\0{name}")
        server.settimeout(20)
        monkeypatch.setenv("NOTIFY_SOCKET", f"@{name}")
        notify("STOPPING=1")

        assert server.recv(100) == b"STOPPING=1"


def test_without_systemd(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Without a socket, or with one that is gone, nothing is sent and nothing fails."""
    monkeypatch.delenv("NOTIFY_SOCKET", raising=False)
    notify("READY=1")
    monkeypatch.setenv("NOTIFY_SOCKET", str(tmp_path / "gone"))
    notify("READY=1")


@pytest.mark.parametrize(
    ("usec", "pid", "expected"),
    [
        pytest.param("10000000", None, 5.0, id="half of 10 s"),
        pytest.param("10000000", str(os.getpid()), 5.0, id="for this process"),
        pytest.param("10000000", "1", None, id="for another process"),
        pytest.param("", None, None, id="no watchdog"),
        pytest.param("-1", None, None, id="not a number"),
    ],
)
def test_watchdog(
    monkeypatch: pytest.MonkeyPatch, usec: str, pid: str | None, expected: float | None
) -> None:
    """The watchdog is answered twice in the time that systemd allows."""
    monkeypatch.setenv("WATCHDOG_USEC", usec)
    monkeypatch.delenv("WATCHDOG_PID", raising=False)
    if pid is not None:
        monkeypatch.setenv("WATCHDOG_PID", pid)

    assert watchdog_s() == expected
