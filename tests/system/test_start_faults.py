"""What is not as expected when the daemon starts: only a wrong file ends it for good.

systemd starts a daemon again unless it ends with exit code 2: what may pass must not have it.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.daemon import Sendlimit
from support.rig.milter_client import MilterClient

_MARIADB = "mariadb://sendlimit@127.0.0.1:1/sendlimit"
_READABLE_BY_ALL = 0o644


def _folder_at(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).mkdir(0o700, parents=True)


def _file_at(name: str, content: bytes = b"", mode: int = 0o600) -> Callable[[Path], None]:
    def make(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
        path.chmod(mode)

    return make


def _dangling_link_at(name: str) -> Callable[[Path], None]:
    return lambda folder: (folder / name).symlink_to(folder / "gone" / name)


def _pipe_at(name: str) -> Callable[[Path], None]:
    """Make a pipe into which nothing is ever written: reading it would wait for ever."""

    def make(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.unlink(missing_ok=True)
        os.mkfifo(path, 0o600)

    return make


def _nothing(folder: Path) -> None:
    del folder


@pytest.mark.parametrize(
    ("store", "make", "sentence"),
    [
        pytest.param({}, _folder_at("milter.sock.lock"), r"milter\.socket: .*lock: Is a directory", id="lock-is-a-folder"),
        pytest.param({}, _dangling_link_at("milter.sock.lock"), r"milter\.socket: .*lock: ", id="lock-is-a-link"),
        pytest.param({}, _file_at("state"), r"state_dir: .* can't be made: File exists", id="state-dir-is-a-file"),
        pytest.param({}, _dangling_link_at("state"), r"state_dir: .* can't be made: ", id="state-dir-is-a-dangling-link"),
        pytest.param({"password_file": "{folder}/pw"}, _nothing, r"store\.password_file: .* No such file", id="no-password"),
        pytest.param({"password_file": "{folder}/pw"}, _folder_at("pw"), r"store\.password_file: .* Is a directory", id="password-is-a-folder"),
        pytest.param({"password_file": "{folder}/pw"}, _file_at("pw", b"\xc3"), r"store\.password_file: .* not UTF-8", id="half-a-password"),
        pytest.param({"password_file": "{folder}/pw"}, _file_at("pw", b"x", _READABLE_BY_ALL), r"store\.password_file: every local user", id="password-for-all"),
        pytest.param({"url": _MARIADB + "?tls=verify-ca&tls_ca={folder}/ca.pem"}, _nothing, r"store\.url: .*ca\.pem", id="no-ca"),
        pytest.param({"password_file": "{folder}/pw"}, _pipe_at("pw"), r"store\.password_file: .* Is not a regular file", id="password-is-a-pipe"),
        pytest.param({"url": _MARIADB + "?tls=verify-ca&tls_ca={folder}/ca.pem"}, _pipe_at("ca.pem"), r"store\.url: .*ca\.pem.* Is not a regular file", id="ca-is-a-pipe"),
        pytest.param({}, _pipe_at("sendlimit.toml"), r"sendlimit\.toml: can't be read: Is not a regular file", id="config-is-a-pipe"),
        pytest.param({}, lambda folder: (folder / "sendlimit.toml").unlink(), r"sendlimit\.toml: can't be read: No such file", id="no-config"),
    ],
)  # fmt: skip
def test_passing_fault(
    folder: Path, store: dict[str, str], make: Callable[[Path], None], sentence: str
) -> None:
    """A file or folder that can't be used is named, and the daemon may be started again."""
    daemon = _daemon(folder, store)
    make(folder)
    daemon.process.start()

    assert daemon.process.wait_for_exit(30) == 1
    assert daemon.lines(sentence), daemon.process.log_text()
    assert "Traceback" not in daemon.process.log_text()


def _daemon(folder: Path, store: dict[str, str]) -> Sendlimit:
    filled = {"url": f"sqlite:///{folder}/s.db"} | (
        {"url": _MARIADB} if "password_file" in store else {}
    )
    filled |= {key: value.replace("{folder}", str(folder)) for key, value in store.items()}
    return Sendlimit(folder, configuration(folder, folder / "milter.sock", filled))


@pytest.mark.parametrize(
    ("make", "event"),
    [
        pytest.param(_folder_at("s.db"), "store-down", id="database-is-a-folder"),
        pytest.param(_file_at("s.db", b"no database" * 100), "store-down", id="database-is-no-database"),
        pytest.param(_dangling_link_at("s.db"), "store-down", id="database-is-a-dangling-link"),
        pytest.param(_folder_at("state/unbooked.json"), "journal-unreadable", id="unbooked-is-a-folder"),
        pytest.param(_pipe_at("s.db"), "store-down", id="database-is-a-pipe"),
        pytest.param(_pipe_at("state/unbooked.json"), "journal-unreadable", id="unbooked-is-a-pipe"),
        pytest.param(_file_at("state/unbooked.json", b"\xff{"), "journal-unreadable", id="unbooked-is-damaged"),
    ],
)  # fmt: skip
def test_fault_that_stops_no_mail(folder: Path, make: Callable[[Path], None], event: str) -> None:
    """What only the counting needs is one ERROR line; the daemon runs and mail passes."""
    daemon = _daemon(folder, {})
    make(folder)
    daemon.start()
    try:
        assert daemon.wait_for_lines(f"ERROR {event} ")
        with MilterClient(folder / "milter.sock") as client:
            assert client.send_mail("alice@example.org").kind == "continue"
    finally:
        daemon.stop()


def test_reload_with_a_pipe(folder: Path) -> None:
    """A pipe in the place of the file is a rejected reload, and the daemon goes on to obey signals."""
    daemon = _daemon(folder, {})
    daemon.start()
    _pipe_at("sendlimit.toml")(folder)
    assert "Is not a regular file" in daemon.reload()
    assert daemon.stop() == 0


def test_mended_fault(folder: Path) -> None:
    """What was in the way is taken away, and the daemon starts: nothing is left of the failure."""
    daemon = _daemon(folder, {})
    (folder / "milter.sock.lock").mkdir()
    daemon.process.start()
    assert daemon.process.wait_for_exit(30) == 1
    shutil.rmtree(folder / "milter.sock.lock")
    daemon.start()
    assert daemon.stop() == 0
