"""Who is at the other end of a connection."""

import os
import pwd
import socket
from pathlib import Path

import pytest

from sendlimit.web.peer import Peer, SocketRole, peer_of

_USER = pwd.getpwuid(os.getuid()).pw_name


@pytest.mark.parametrize(("owner", "is_refused"), [(os.getuid(), False), (os.getuid() + 1, True)])
def test_unix_socket(tmp_path: Path, owner: int, *, is_refused: bool) -> None:
    """The kernel says who has connected: only the owner, and root, have the socket's role."""
    path = str(tmp_path / "s")
    with socket.socket(socket.AF_UNIX) as listener, socket.socket(socket.AF_UNIX) as client:
        listener.bind(path)
        listener.listen()
        client.connect(path)
        accepted, _ = listener.accept()
        with accepted:
            peer = peer_of(accepted, {path: SocketRole("read", owner)})
    assert peer == Peer("read", _USER, is_refused=is_refused and os.getuid() != 0)


def test_tcp() -> None:
    """On TCP it is the address, without a role."""
    with (
        socket.create_server(("127.0.0.1", 0)) as listener,
        socket.create_connection(listener.getsockname()),
    ):
        accepted, _ = listener.accept()
        with accepted:
            assert peer_of(accepted, {}) == Peer(None, "127.0.0.1")
