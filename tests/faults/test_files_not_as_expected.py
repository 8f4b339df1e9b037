"""Every place where a file, folder or lock is opened, with everything in its place that it may find.

Each cell of the table: the place gives its own error or goes on, within seconds, with no file left
open, nothing written elsewhere, and without reading a gigabyte.
"""

import os
import resource
import signal
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from types import FrameType
from typing import NamedTuple

import pytest

from sendlimit.config import Config
from sendlimit.config.login_map import read_login_map
from sendlimit.config.reading import load, read_password
from sendlimit.config.timezone import system_zone
from sendlimit.config.web import WebSection
from sendlimit.counting.daemon_status import NAME as STATUS
from sendlimit.counting.daemon_status import read_status, write_status
from sendlimit.counting.journal import SEGMENT_MIN, Journal
from sendlimit.counting.journal_segment import file_name
from sendlimit.counting.left_journals import left_journals
from sendlimit.counting.pending import PendingWrites
from sendlimit.counting.state_dir_lock import lock_folder
from sendlimit.counting.unbooked_file import UnbookedEntry, UnbookedFile
from sendlimit.daemon.listener import Listener
from sendlimit.daemon.sdnotify import notify
from sendlimit.daemon.settings import make_state_dir
from sendlimit.doctor import reach
from sendlimit.doctor.bypasses import webmail
from sendlimit.errors import SendlimitError
from sendlimit.notify.notifier import check_ca_file
from sendlimit.postfix.backup import Backup
from sendlimit.postfix.log_source import log_lines
from sendlimit.postfix.snapshot import read_text_file
from sendlimit.store.connection import open_connection
from sendlimit.store.foreign import read_rows
from sendlimit.store.location import MariaDBLocation, SQLiteLocation, parse_url
from sendlimit.store.sqlite_lock import lock_for_daemon
from sendlimit.store.tls import tls_context
from sendlimit.web.sockets import open_sockets
from support.counting_samples import ALICES_DAY
from support.daemon_status_samples import STATUS as STATUS_SAMPLE

# What hangs in C hears no alarm: then the run ends with a trace of it.
pytestmark = pytest.mark.timeout(60, method="thread")

_NOBODY = 65534
_HANGS_S = 5
_GIGABYTE = 1 << 30
_MOST_KIB = 200 << 10
"""How much memory a place may take for a file of a gigabyte."""


class Spoiled(NamedTuple):
    """What lies in the place of a file.

    Attributes:
        make: puts it there.
        as_nobody: whether the place is tried without root's rights.
    """

    make: Callable[[Path], object]
    as_nobody: bool = False


def _content(content: bytes, mode: int = 0o600, owner: int = -1) -> Callable[[Path], object]:
    def make(path: Path) -> None:
        path.write_bytes(content)
        path.chmod(mode)
        os.chown(path, owner, -1)

    return make


def _gigabyte(path: Path) -> None:
    path.touch(0o600)
    os.truncate(path, _GIGABYTE)


def _link_to_elsewhere(path: Path) -> None:
    elsewhere = path.with_name("elsewhere")
    elsewhere.write_bytes(b"elsewhere\n")
    elsewhere.chmod(0o600)
    path.symlink_to(elsewhere)


def _socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))


SPOILED = {
    "missing": Spoiled(lambda path: path),
    "folder": Spoiled(lambda path: path.mkdir(0o700)),
    "pipe": Spoiled(lambda path: os.mkfifo(path, 0o600)),
    "socket": Spoiled(_socket),
    "dangling link": Spoiled(lambda path: path.symlink_to("nowhere")),
    "link to itself": Spoiled(lambda path: path.symlink_to(path)),
    "link to elsewhere": Spoiled(_link_to_elsewhere),
    "link to a device": Spoiled(lambda path: path.symlink_to("/dev/zero")),
    "empty": Spoiled(_content(b"")),
    "not UTF-8": Spoiled(_content(b"\xff\xfe\x00 = 1\n")),
    "NUL": Spoiled(_content(b"\0" * 4096)),
    "a gigabyte": Spoiled(_gigabyte),
    "unreadable": Spoiled(_content(b"x\n", 0), as_nobody=True),
    "of somebody else": Spoiled(_content(b"x\n", owner=12345), as_nobody=True),
    "missing, in a folder of somebody else": Spoiled(lambda path: path, as_nobody=True),
}


def _config(path: Path) -> object:
    return load(path)


def _login_map(path: Path) -> object:
    return read_login_map(Config.model_validate({"identity": {"map_file": str(path)}}), path)


def _password(path: Path) -> object:
    store = {"url": "mariadb://sendlimit@127.0.0.1/sendlimit", "password_file": str(path)}
    return read_password(Config.model_validate({"store": store}), path)


def _tls(option: str) -> Callable[[Path], object]:
    def open_(path: Path) -> object:
        more = f"&tls_cert={path}" if option == "tls_key" else ""
        location = parse_url(f"mariadb://u@127.0.0.1/d?tls=verify-ca&{option}={path}{more}")
        assert isinstance(location, MariaDBLocation)
        assert location.tls is not None
        return tls_context(location.tls)

    return open_


def _unbooked(path: Path) -> object:
    return UnbookedFile(path.parent).load()


def _save_unbooked(path: Path) -> None:
    UnbookedFile(path.parent).save([UnbookedEntry("id", PendingWrites({ALICES_DAY: 1}))])


def _status(path: Path) -> object:
    return read_status(path.parent)


def _write_status(path: Path) -> None:
    write_status(path.parent, STATUS_SAMPLE)


def _left_journals(path: Path) -> None:
    _, problems = left_journals(path.parent, "")
    if problems:
        raise ValueError(*problems)


def _journal(path: Path) -> None:
    Journal(path.parent, "c0ffee", "1ea5e", "b007", SEGMENT_MIN).close()


def _lock_of_folder(path: Path) -> None:
    os.close(lock_folder(path, "state_dir"))


def _lock_of_sqlite(path: Path) -> None:
    os.close(lock_for_daemon(SQLiteLocation(str(path).removesuffix(".lock"))))


def _sqlite(path: Path) -> None:
    open_connection(SQLiteLocation(str(path))).close()


def _foreign_sqlite(path: Path) -> object:
    return read_rows(SQLiteLocation(str(path)), "", "SELECT 1 FROM t")


def _text_of_postfix(path: Path) -> object:
    return read_text_file(path)


def _state_dir(path: Path) -> object:
    return make_state_dir(Config(state_dir=str(path)), path)


def _backup(path: Path) -> object:
    return Backup(path.parents[2], Path("/etc/postfix"))


def _milter_socket(path: Path) -> None:
    section = Config.model_validate(
        {"milter": {"socket": f"unix:{str(path).removesuffix('.lock')}", "socket_group": "root"}}
    ).milter
    listener = Listener(section, path)
    listener.claim()
    listener.remove()


def _ask_daemon(path: Path) -> None:
    if found := reach.daemon(f"unix:{path}").findings:
        raise ValueError(found[0].problem)


def _web_socket(path: Path) -> None:
    section = WebSection(read_socket=str(path).removesuffix(".new"), read_socket_owner="root")
    open_sockets(section).remove()


def _webmail(path: Path) -> None:
    check = webmail([path])
    if check.findings or not check.message.startswith("Roundcube logs in"):
        raise ValueError(check.message)


def _notify(path: Path) -> None:
    os.environ["NOTIFY_SOCKET"] = str(path)
    try:
        notify("READY=1")
    finally:
        del os.environ["NOTIFY_SOCKET"]


class Place(NamedTuple):
    """A place where something is opened.

    Attributes:
        open: opens it.
        name: of the file.
        raises: what it may raise.
        takes: spoiled files for which it goes on.
    """

    open: Callable[[Path], object]
    name: str
    raises: type[Exception] | tuple[type[Exception], ...]
    takes: frozenset[str]


def _takes(*names: str) -> frozenset[str]:
    assert set(names) <= SPOILED.keys()
    return frozenset(names)


_TEXT = _takes("link to elsewhere", "empty", "NUL")
_ANYTHING = frozenset(SPOILED)
_ANY_OCTETS = _takes("link to elsewhere", "empty", "not UTF-8", "NUL")
_NOTHING_THERE = _takes("missing")
_OVERWRITTEN = _ANYTHING - {
    "folder",
    "missing, in a folder of somebody else",
    "unreadable",
    "of somebody else",
}

PLACES = {
    "configuration": Place(_config, "sendlimit.toml", SendlimitError, _takes("empty")),
    "password": Place(_password, "pw", SendlimitError, _TEXT),
    "login map": Place(_login_map, "logins", SendlimitError, _takes("empty")),
    "CA of notices": Place(lambda path: check_ca_file(str(path), "notify.ca_file"), "ca.pem", SendlimitError, _takes()),
    "CA of the database": Place(_tls("tls_ca"), "ca.pem", SendlimitError, _takes()),
    "certificate": Place(_tls("tls_cert"), "cert.pem", SendlimitError, _takes()),
    "key": Place(_tls("tls_key"), "key.pem", SendlimitError, _takes()),
    "time zone": Place(system_zone, "localtime", ValueError, _takes("missing", "missing, in a folder of somebody else")),
    "unbooked file": Place(_unbooked, "unbooked.json", ValueError, _takes("missing", "dangling link", "missing, in a folder of somebody else")),
    "unbooked file, written": Place(_save_unbooked, "unbooked.new", OSError, _OVERWRITTEN),
    "status": Place(_status, STATUS, OSError, _ANYTHING - {"folder", "socket", "dangling link", "link to itself", "link to elsewhere", "link to a device", "unreadable", "of somebody else"}),
    "status, written": Place(_write_status, "status.new", OSError, _OVERWRITTEN),
    "left journal": Place(_left_journals, file_name("c0ffee", 0), ValueError, _takes("missing", "empty", "NUL", "a gigabyte", "missing, in a folder of somebody else")),
    "new journal": Place(_journal, file_name("c0ffee", 0), SendlimitError, _NOTHING_THERE),
    "lock of state_dir": Place(_lock_of_folder, "state", SendlimitError, _takes("folder")),
    "lock of SQLite": Place(_lock_of_sqlite, "s.db.lock", SendlimitError, _takes("missing", "pipe", "empty", "not UTF-8", "NUL", "a gigabyte")),
    "SQLite": Place(_sqlite, "s.db", SendlimitError, _takes("missing", "empty")),
    "foreign SQLite": Place(_foreign_sqlite, "other.db", SendlimitError, _takes()),
    "file of Postfix": Place(_text_of_postfix, "main.cf", SendlimitError, _ANY_OCTETS | {"missing", "dangling link", "missing, in a folder of somebody else"}),
    "log of Postfix": Place(lambda path: log_lines(path, 0), "mail.log", OSError, _ANY_OCTETS | {"a gigabyte"}),
    "backup of Postfix": Place(_backup, "postfix-backup/%2Fetc%2Fpostfix/record.json", SendlimitError, _takes("missing")),
    "state_dir": Place(_state_dir, "state", SendlimitError, _takes("missing", "folder")),
    "milter socket": Place(_milter_socket, "m.sock", SendlimitError, _takes("missing", "socket", "dangling link", "link to itself")),
    "lock of the milter socket": Place(_milter_socket, "m.sock.lock", SendlimitError, _takes("missing", "pipe", "empty", "not UTF-8", "NUL", "a gigabyte")),
    "daemon's socket": Place(_ask_daemon, "m.sock", ValueError, _takes()),
    "socket of the web process": Place(_web_socket, "w.sock", SendlimitError, _takes("missing", "socket")),
    "socket of the web process, new": Place(_web_socket, "w.sock.new", SendlimitError, _OVERWRITTEN | {"missing"}),
    "Roundcube": Place(_webmail, "config.inc.php", ValueError, _takes()),
    "systemd's socket": Place(_notify, "notify", (), _ANYTHING),
}  # fmt: skip


@contextmanager
def _within_seconds() -> Iterator[None]:
    """Fail when the body hangs."""

    def alarm(_signal: int, _frame: FrameType | None) -> None:
        pytest.fail(f"it hangs for {_HANGS_S} s")

    before = signal.signal(signal.SIGALRM, alarm)
    signal.alarm(_HANGS_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


@contextmanager
def _as(uid: int) -> Iterator[None]:
    """Take away root's rights meanwhile."""
    if uid == 0:
        yield
        return
    os.setegid(uid)
    os.seteuid(uid)
    try:
        yield
    finally:
        os.seteuid(0)
        os.setegid(0)


def _open_files() -> int:
    return len([*Path("/proc/self/fd").iterdir()])


def _tried(folder: Path, place: Place, name: str) -> str:
    """Try a place with one spoiled file; return what is wrong, "" for nothing."""
    what, path = SPOILED[name], folder / place.name
    path.parent.mkdir(parents=True, mode=0o700, exist_ok=True)
    folder.chmod(0o755)
    what.make(path)
    before, memory = _open_files(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    refused: Exception | None = None
    with _within_seconds(), _as(_NOBODY if what.as_nobody else 0):
        try:
            place.open(path)
        except place.raises as error:
            refused = error
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory
    elsewhere = path.with_name("elsewhere")
    facts = {
        f"takes it: {refused!r}": (refused is None) != (name in place.takes),
        "leaves a file open": _open_files() != before,
        f"takes {grown} KiB of memory": grown > _MOST_KIB,
        "writes elsewhere": elsewhere.exists() and elsewhere.read_bytes() != b"elsewhere\n",
        "makes a file elsewhere": path.with_name("nowhere").exists(),
    }
    return "; ".join(fact for fact, is_so in facts.items() if is_so)


@pytest.mark.parametrize("name", PLACES)
def test_place(folder: Path, name: str) -> None:
    """Each is refused with the place's own error, or is one of those that the place may take."""
    wrong = {}
    for number, spoiled in enumerate(SPOILED):
        own = folder / str(number)
        own.mkdir()
        if fault := _tried(own, PLACES[name], spoiled):
            wrong[spoiled] = fault

    assert wrong == {}
