"""Start, reload and end of the daemon; with Postfix and a database they are system tests."""

import signal
import socket
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from sendlimit.config import Config
from sendlimit.daemon.service import Service
from sendlimit.errors import ConfigError, SocketInUse, StateDirInUse
from support.rig.configuration import configuration
from support.rig.counters import in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.milter_client import MilterClient

_ALICE = "alice@example.org"


@pytest.fixture
def systemd(folder: Path) -> Iterator[socket.socket]:
    """The socket that the daemon reports to."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(folder / "notify"))
        server.settimeout(30)
        yield server


def _daemon(folder: Path, **store: object) -> Sendlimit:
    settings = configuration(folder, folder / "milter.sock", in_sqlite(folder / "s.db").settings)
    settings["store"] = settings["store"] | store
    return Sendlimit(folder, settings, {"NOTIFY_SOCKET": str(folder / "notify")})


def test_wrong_file_is_found_before_anything_is_started(folder: Path) -> None:
    """A wrong config file, or one that names a wrong file, raises; no thread was started."""
    threads = threading.active_count()
    file = folder / "sendlimit.toml"
    for text in ("mode = 7", '[notify]\nwebhook_url = "http://h/"\nwebhook_secret_file = "/no"'):
        file.write_text(f'state_dir = "{folder}"\n{text}\n')
        with pytest.raises(ConfigError):
            Service(file)

    assert threading.active_count() == threads


def test_socket_in_use(folder: Path) -> None:
    """A socket on which another daemon listens ends the start before anything is started."""
    threads = threading.active_count()
    daemon = _daemon(folder)
    service = Service(daemon.config_file)
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(folder / "milter.sock"))
        other.listen()
        with pytest.raises(SocketInUse):
            service.serve()

    assert threading.active_count() == threads


def test_state_dir_in_use(folder: Path, systemd: socket.socket) -> None:
    """A second daemon with a state_dir that is in use does not start, and says which key to change."""
    first = _daemon(folder)
    settings = configuration(folder, folder / "other.sock", in_sqlite(folder / "s.db").settings)
    (folder / "second").mkdir()
    second = Sendlimit(folder / "second", settings)
    first.start()
    try:
        assert systemd.recv(100) == b"READY=1"
        with pytest.raises(StateDirInUse, match=rf"state_dir: {folder}/state: .*another state_dir"):
            Service(second.config_file).serve()
    finally:
        assert first.stop() == 0


def test_journal_dir_in_use(folder: Path, systemd: socket.socket) -> None:
    """So with a journal_dir: what lies there may be of another database."""
    other = in_sqlite(folder / "other.db").settings
    for name in ("first", "second"):
        (folder / name).mkdir()
    first, second = (
        Sendlimit(
            folder / name,
            configuration(
                folder / name, folder / f"{name}.sock", other, journal_dir=str(folder / "run")
            ),
            {"NOTIFY_SOCKET": str(folder / "notify")},
        )
        for name in ("first", "second")
    )
    first.start()
    try:
        assert systemd.recv(100) == b"READY=1"
        assert len([*(folder / "run").glob("journal.*")]) == 2
        with pytest.raises(StateDirInUse, match=rf"journal_dir: {folder}/run: .*another journal_"):
            Service(second.config_file).serve()
    finally:
        assert first.stop() == 0
    assert [*(folder / "run").iterdir()] == []


def test_states_are_reported_in_order(folder: Path, systemd: socket.socket) -> None:
    """READY=1 comes when mail is taken, STOPPING=1 when the daemon is told to stop."""
    daemon = _daemon(folder)
    daemon.start()
    try:
        assert systemd.recv(100) == b"READY=1"
        with MilterClient(folder / "milter.sock") as client:
            assert client.send_mail(_ALICE).kind == "continue"
    finally:
        assert daemon.stop() == 0
    while (state := systemd.recv(100)) == b"WATCHDOG=1":
        pass

    assert state == b"STOPPING=1"
    assert [line.split()[1] for line in daemon.lines()] == [
        "config-loaded", "nothing-limited", "counting", "started", "accepted", "stopping", "stopped",
    ]  # fmt: skip


def test_second_interrupt_ends_at_once(folder: Path, systemd: socket.socket) -> None:
    """A stop waits for the callbacks that run; a second Ctrl-C does not."""
    daemon = _daemon(folder, decision_timeout_s=30)
    daemon.start()
    assert systemd.recv(100) == b"READY=1"
    with (
        MilterClient(folder / "milter.sock") as client,
        closing(sqlite3.connect(folder / "s.db", isolation_level=None)) as other,
    ):
        assert client.mail(_ALICE).kind == "continue"
        client.abort()
        other.execute("BEGIN IMMEDIATE")
        waiting = threading.Thread(target=_mail, args=(client,))
        waiting.start()
        daemon.wait_for_lines("batch-retried")
        daemon.process.send_signal(signal.SIGINT)
        daemon.wait_for_lines("stopping signal=SIGINT")
        while systemd.recv(100) != b"STOPPING=1":
            pass
        daemon.process.send_signal(signal.SIGINT)

        assert daemon.process.wait_for_exit(10) == 1
        waiting.join()
    assert not daemon.lines("stopped")


def _mail(client: MilterClient) -> None:
    """Begin a mail; the daemon may go before it answers."""
    try:
        client.mail(_ALICE)
    except OSError:
        return


@pytest.mark.parametrize(
    "failure", [ConfigError(["x: wrong"]), RuntimeError("no more threads"), MemoryError()]
)
def test_reload_that_fails(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
    failure: Exception,
) -> None:
    """Whatever a reload raises, the daemon goes on with the settings before, and says so."""
    service = Service(_daemon(folder).config_file)
    service._build()
    before = (service._config, service._ledger.settings, service._state.settings)

    def fail(path: Path) -> Config:
        assert path == folder / "sendlimit.toml"
        raise failure

    monkeypatch.setattr("sendlimit.daemon.service.load", fail)
    service._reload()

    assert (service._config, service._ledger.settings, service._state.settings) == before
    assert any(record.getMessage().startswith("config-rejected ") for record in caplog.records)
