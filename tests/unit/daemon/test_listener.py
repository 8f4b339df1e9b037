"""The milter socket: whose it is, and that none is stolen. Listening itself is a system test."""

import grp
import os
import re
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sendlimit.config.sections import MilterSection
from sendlimit.daemon.listener import Listener, answers
from sendlimit.errors import ConfigError, ListenError, SocketInUse

_GROUP = grp.getgrgid(os.getgid()).gr_name
_FILE = Path("/etc/sendlimit/sendlimit.toml")


def _listener(path: Path, group: str = _GROUP) -> Listener:
    return Listener(MilterSection(socket=f"unix:{path}", socket_group=group), _FILE)


def _listening(path: Path, backlog: int = 5) -> socket.socket:
    server = socket.socket(socket.AF_UNIX)
    server.bind(str(path))
    server.listen(backlog)
    return server


@pytest.fixture
def path(folder: Path) -> Path:
    """A path that is short enough for a socket."""
    return folder / "milter.sock"


@pytest.fixture
def live(path: Path) -> Iterator[socket.socket]:
    """Another daemon that listens there."""
    with closing(_listening(path)) as server:
        yield server


def test_nobody_answers(path: Path) -> None:
    """A missing file and a free port don't answer."""
    assert not answers(f"unix:{path}")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        assert not answers(f"inet:{free.getsockname()[1]}@127.0.0.1")


@pytest.mark.usefixtures("live")
def test_somebody_answers(path: Path) -> None:
    """A live daemon answers."""
    assert answers(f"unix:{path}")


def test_full_backlog_is_somebody(path: Path) -> None:
    """A daemon that is too busy to take connections is a live daemon."""
    with closing(_listening(path, backlog=0)), closing(socket.socket(socket.AF_UNIX)) as waiting:
        waiting.connect(str(path))

        assert answers(f"unix:{path}")


@pytest.mark.usefixtures("live")
def test_live_socket_is_not_stolen(path: Path) -> None:
    """A second daemon is refused; the first one goes on."""
    with pytest.raises(SocketInUse, match=f"{path}: Another daemon answers"):
        _listener(path).claim()

    assert answers(f"unix:{path}")


def test_claimed_socket_is_not_stolen(path: Path) -> None:
    """Two daemons that start at the same moment: one gets the socket, though none listens yet."""
    first = _listener(path)
    first.claim()

    with pytest.raises(SocketInUse):
        _listener(path).claim()
    first.remove()


def test_stale_socket_is_removed(path: Path) -> None:
    """What a killed daemon left does not stop the next."""
    _listening(path).close()
    assert path.exists()
    listener = _listener(path)
    listener.claim()

    assert not path.exists()
    listener.remove()


def test_file_that_is_no_socket_is_left_alone(path: Path) -> None:
    """A file with a name that is configured by mistake is not removed."""
    path.write_text("precious")

    with pytest.raises(
        ConfigError, match=re.escape(f"milter.socket: {path} exists and is not a socket; remove it")
    ):
        _listener(path).claim()
    assert path.read_text() == "precious"


def test_folder_is_made(path: Path) -> None:
    """A missing folder is made for the group alone."""
    listener = _listener(path.parent / "sendlimit" / "milter.sock")
    listener.claim()

    assert stat.S_IMODE((path.parent / "sendlimit").stat().st_mode) == 0o750
    listener.remove()


def test_folder_that_cannot_be_made(path: Path) -> None:
    """What can't be made is named with its key and the reason."""
    path.write_text("")

    with pytest.raises(ConfigError, match=rf"^{_FILE}: milter\.socket: {path}: "):
        _listener(path / "milter.sock").claim()


def test_unknown_group(path: Path) -> None:
    """A group that the system doesn't know is an error in the file."""
    with pytest.raises(
        ConfigError, match=rf"^{_FILE}: milter\.socket_group: there is no group 'nobodys'$"
    ):
        _listener(path, "nobodys").claim()


def test_port_in_use() -> None:
    """A TCP port that is in use is refused as well."""
    with socket.socket() as server:
        server.bind(("127.0.0.1", 0))
        server.listen()
        spec = f"inet:{server.getsockname()[1]}@127.0.0.1"

        with pytest.raises(SocketInUse, match=spec):
            Listener(MilterSection(socket=spec), _FILE).claim()


def test_remove_leaves_nothing(path: Path) -> None:
    """After the stop neither socket nor lock is left; without a claim nothing is touched."""
    listener = _listener(path)
    listener.claim()
    _listening(path).close()
    listener.remove()
    assert list(path.parent.iterdir()) == []

    _listening(path).close()
    _listener(path).remove()
    assert path.exists()


def test_not_started_is_not_alive(path: Path) -> None:
    """A listener that was not started has no thread."""
    assert not _listener(path).alive()


def test_libmilter_that_gives_up(path: Path) -> None:
    """What libmilter says when it can't listen is in the error; nothing has the socket's name."""

    def refuse(_socket: str) -> None:
        raise OSError("no room")

    listener = _listener(path)
    listener.claim()
    try:
        with pytest.raises(ListenError, match=f"can't listen on unix:{path}: no room$"):
            listener.start(refuse)
        assert not path.exists()
    finally:
        listener.remove()


def test_libmilter_listens_under_another_name(path: Path) -> None:
    """The socket that libmilter makes gets its name only when it works."""
    sockets: list[str] = []
    listener = _listener(path)
    listener.claim()
    try:
        with pytest.raises(ListenError):
            listener.start(sockets.append)
    finally:
        listener.remove()

    assert sockets == [f"unix:{path}.new"]
