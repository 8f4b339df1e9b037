"""Who can reach the socket and the daemon's files: Postfix and the daemon, no other local user."""

import contextlib
import socket
import stat
import subprocess
from pathlib import Path
from typing import Any

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.mariadb import PrivateMariaDB
from support.rig.milter_client import MilterClient
from support.rig.postfix import PrivatePostfix
from support.rig.process import Process, running

LOGIN = "alice@example.org"
_CONNECT = "import socket, sys; socket.socket(socket.AF_UNIX).connect(sys.argv[1])"


@pytest.fixture
def sqlite(folder: Path) -> Counters:
    """A SQLite store in the folder."""
    return in_sqlite(folder / "sendlimit.db")


@pytest.fixture
def settings(folder: Path, sqlite: Counters) -> dict[str, Any]:
    """A configuration with the socket in a folder that every user can enter."""
    return configuration(folder, folder / "milter.sock", sqlite.settings)


def connect_as(user: str, groups: list[str], path: Path) -> str:
    """Connect to a unix socket as another user; return the last line of its complaint, or ""."""
    done = subprocess.run(
        ["/usr/bin/python3", "-I", "-c", _CONNECT, path],
        capture_output=True,
        text=True,
        check=False,
        user=user,
        group=groups[0],
        extra_groups=groups[1:],
        cwd="/",
    )
    return done.stderr.strip().rpartition("\n")[2]


def readable_by(user: str, path: Path) -> bool:
    """Say whether another user can read a file."""
    done = subprocess.run(
        ["cat", path], capture_output=True, check=False, user=user, group="nogroup", extra_groups=[]
    )
    return done.returncode == 0


class TestSocket:
    """Who can connect."""

    def test_another_user(self, folder: Path, settings: dict[str, Any]) -> None:
        """The socket's own mode keeps another user out, even in a folder open to all."""
        with running(Sendlimit(folder, settings)):
            complaint = connect_as("nobody", ["nogroup"], folder / "milter.sock")

        assert complaint == "PermissionError: [Errno 13] Permission denied"

    def test_postfix(self, folder: Path, settings: dict[str, Any]) -> None:
        """Postfix's user, with the groups that Postfix gives it, gets in."""
        with running(Sendlimit(folder, settings)):
            assert connect_as("postfix", ["postfix"], folder / "milter.sock") == ""

    def test_folder(self, postfix: PrivatePostfix) -> None:
        """In Postfix's queue directory another user does not even reach the socket."""
        with socket.socket(socket.AF_UNIX) as listener:
            path = postfix.milter_socket.with_name("open.sock")
            listener.bind(str(path))
            listener.listen()
            path.chmod(0o666)
            try:
                complaint = connect_as("nobody", ["nogroup"], path)
                assert connect_as("postfix", ["postfix"], path) == ""
            finally:
                path.unlink()

        assert complaint == "PermissionError: [Errno 13] Permission denied"

    def test_never_open_to_others(self, folder: Path, settings: dict[str, Any]) -> None:
        """With no umask at all the socket, its lock and the files of the state are closed to others."""
        daemon = Sendlimit(folder, settings)
        daemon.process = _without_umask(daemon)
        with running(daemon), MilterClient(folder / "milter.sock") as client:
            assert client.send_mail(LOGIN).kind == "continue"
            modes = {
                path.name: stat.filemode(path.stat().st_mode)
                for path in [folder / "state", *folder.glob("milter.sock*"), *folder.glob("*.db*")]
            }

        assert modes == {
            "state": "drwxr-x---",
            "milter.sock": "srw-rw----",
            "milter.sock.lock": "-rw-------",
            "sendlimit.db": "-rw-rw----",
            "sendlimit.db.lock": "-rw-------",
            "sendlimit.db-wal": "-rw-rw----",
            "sendlimit.db-shm": "-rw-rw----",
        }


class TestFiles:
    """Who can read what the daemon writes and needs."""

    def test_sqlite(self, folder: Path, settings: dict[str, Any]) -> None:
        """Another user can read neither the counters in SQLite nor its journal."""
        with running(Sendlimit(folder, settings)):
            files = list(folder.glob("sendlimit.db*"))
            assert {file.suffix for file in files} == {".db", ".db-wal", ".db-shm", ".lock"}
            assert not any(readable_by("nobody", file) for file in files)

    @pytest.mark.mariadb
    def test_unbooked_counts(self, folder: Path, settings: dict[str, Any]) -> None:
        """Counts that wait for the database on disk are closed to others."""
        settings["store"] = {"url": f"mariadb://nobody@localhost/x?unix_socket={folder}/none.sock"}
        daemon = Sendlimit(folder, settings)
        daemon.process = _without_umask(daemon)
        with running(daemon):
            with MilterClient(folder / "milter.sock") as client:
                assert client.send_mail(LOGIN).kind == "continue"
            daemon.stop()

        files = list((folder / "state").iterdir())
        assert [file for file in files if "journal" in file.name or "unbooked" in file.name]
        assert not any(readable_by("nobody", file) for file in files)
        assert not [file for file in files if file.stat().st_mode & stat.S_IRWXO]

    @pytest.mark.mariadb
    @pytest.mark.parametrize("mode", [0o644, 0o604])
    def test_password_in_a_readable_config_file(
        self, folder: Path, settings: dict[str, Any], mariadb: PrivateMariaDB, mode: int
    ) -> None:
        """A config file with a password in it that all can read is refused, its password unsaid."""
        url = f"mariadb://sendlimit:topsecret@localhost/x?unix_socket={mariadb.socket}"
        daemon = Sendlimit(folder, settings | {"store": {"url": url}})
        daemon.config_file.chmod(mode)

        _is_refused(
            daemon, f"{daemon.config_file}: store.url: holds a password and every local user"
        )

    @pytest.mark.mariadb
    @pytest.mark.parametrize("mode", [0o644, 0o604])
    def test_readable_password_file(
        self, folder: Path, settings: dict[str, Any], mariadb: PrivateMariaDB, mode: int
    ) -> None:
        """A password file that all can read is refused, its content unsaid."""
        secret = folder / "store.password"
        secret.write_text("topsecret\n")
        secret.chmod(mode)
        url = f"mariadb://sendlimit@localhost/x?unix_socket={mariadb.socket}"
        store = {"url": url, "password_file": str(secret)}
        daemon = Sendlimit(folder, settings | {"store": store})

        sentence = f"store.password_file: every local user can read {secret}"
        _is_refused(daemon, sentence, exit_code=1)


def _without_umask(daemon: Sendlimit) -> Process:
    """Return the daemon's process with the most careless umask there is."""
    shell = ["sh", "-c", 'umask 0; exec "$0" "$@"']
    return Process("sendlimit", [*shell, *daemon.process.argv], daemon.process.log)


def _is_refused(daemon: Sendlimit, sentence: str, *, exit_code: int = 2) -> None:
    """Start a daemon that must say a sentence and end with an exit code."""
    with contextlib.ExitStack() as stack:
        stack.callback(daemon.kill)
        daemon.process.start()
        assert daemon.process.wait_for_exit(30) == exit_code

    assert daemon.lines(sentence.replace(".", r"\."))
    assert not daemon.lines("topsecret")
