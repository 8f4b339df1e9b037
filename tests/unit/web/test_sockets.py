"""The sockets that are listened on."""

import os
import pwd
import socket
from pathlib import Path

import pytest

from sendlimit.config.web import WebSection
from sendlimit.errors import ConfigError, ListenError, SocketInUse
from sendlimit.web.peer import SocketRole
from sendlimit.web.sockets import give_up_capabilities, open_sockets

_USER = pwd.getpwuid(os.getuid()).pw_name


@pytest.fixture
def section(tmp_path: Path) -> WebSection:
    """Two unix sockets of this user, and a free port."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    return WebSection(
        listen=f"127.0.0.1:{port}",
        admin_socket=str(tmp_path / "admin.sock"),
        admin_socket_owner=_USER,
        read_socket=str(tmp_path / "read.sock"),
        read_socket_owner=_USER,
    )


def test_open_and_remove(section: WebSection, tmp_path: Path) -> None:
    """Unix sockets have mode 0600, their owner and role; afterwards nothing is left of them."""
    sockets = open_sockets(section)
    try:
        for role in ("admin", "read"):
            info = (tmp_path / f"{role}.sock").stat()
            assert (info.st_mode & 0o777, info.st_uid) == (0o600, os.getuid())
        assert [*sockets.roles.values()] == [
            SocketRole("admin", os.getuid()),
            SocketRole("read", os.getuid()),
        ]
        assert len(sockets.listeners) == 3
    finally:
        sockets.remove()
    assert [*tmp_path.iterdir()] == []


def test_a_stale_socket_is_replaced(section: WebSection, tmp_path: Path) -> None:
    """A file that a killed process has left is no obstacle."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(tmp_path / "admin.sock"))
    open_sockets(section).remove()


def test_another_file_is_not_replaced(section: WebSection, tmp_path: Path) -> None:
    """A path that is mistyped may be that of a file that is needed."""
    (tmp_path / "read.sock").write_text("kept")
    with pytest.raises(ListenError, match=r"read\.sock exists and is not a socket: remove it"):
        open_sockets(section)
    assert (tmp_path / "read.sock").read_text() == "kept"


def test_a_live_socket_is_not_stolen(section: WebSection, tmp_path: Path) -> None:
    """Where another process answers, the start fails and leaves nothing behind."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(tmp_path / "read.sock"))
        other.listen()
        with pytest.raises(SocketInUse, match=r"web.read_socket"):
            open_sockets(section)
    assert [path.name for path in tmp_path.iterdir()] == ["read.sock"]


def test_port_in_use(section: WebSection) -> None:
    """A port that is taken is named."""
    assert section.address
    with (
        socket.create_server(section.address),
        pytest.raises(ListenError, match=r"web.listen: 127.0.0.1:.*in use"),
    ):
        open_sockets(section)


def test_unknown_owner(section: WebSection) -> None:
    """An owner who is no user of this host is an error of the configuration."""
    wrong = section.model_copy(update={"read_socket_owner": "no-such-user"})
    with pytest.raises(
        ConfigError, match=r"web.read_socket_owner: there is no user 'no-such-user'"
    ):
        open_sockets(wrong)


def test_no_folder(section: WebSection) -> None:
    """A folder that is not there is named with the key."""
    wrong = section.model_copy(update={"admin_socket": "/nonexistent/admin.sock"})
    with pytest.raises(ListenError, match=r"web.admin_socket: /nonexistent"):
        open_sockets(wrong)


def test_capabilities() -> None:
    """A process without root has none afterwards."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            if os.getuid() == 0:
                os.setuid(65534)
            give_up_capabilities()
            status = Path("/proc/self/status").read_text()
            words = dict(line.split(":\t") for line in status.splitlines() if ":\t" in line)
            code = int(words["CapEff"] + words["CapPrm"], 16)
        finally:
            os._exit(min(code, 1))
    assert os.waitpid(child, 0)[1] == 0
