"""Mail of open sessions while the daemon stops: what it accepts is counted, and the stop ends."""

import fcntl
import os
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from support.notice_receivers import webhook_receiver
from support.rig.counters import Counters, in_mariadb, in_sqlite
from support.rig.lone_daemon import LoneDaemon
from support.rig.mariadb import PrivateMariaDB
from support.rig.milter_client import MilterClient
from support.rig.process import accepts_connections, running, wait_for

pytestmark = [pytest.mark.mariadb, pytest.mark.timeout(200)]

LOGIN, FULL = "busy@example.org", "full@example.org"
CLIENTS = 5
STOPS_S = 25
"""What a stop may take: systemd's unit waits longer."""
SETTLES_S = 30
ENOUGH = 20
LIMITS = {
    "mailbox": {"messages_per_day": 10**6},
    "for": {FULL: {"mailbox": {"messages_per_day": 1}}},
}
WITH_SYSLOG = """
set -e
mount -t tmpfs none "$1"
touch "$1/null" && mount --bind /dev/null "$1/null"
ln -s "$2" "$1/log"
mount --move "$1" /dev
shift 2
exec "$@"
"""


class OpenSessions:
    """Clients that send mail on the connection that they have, until the daemon hangs up.

    Attributes:
        accepted: mails whose end was answered.
        refused: other answers than "go on".
    """

    def __init__(self, path: Path) -> None:
        self.accepted = 0
        self.refused: list[str] = []
        self._mutex = threading.Lock()
        self._sessions = [MilterClient(path) for _ in range(CLIENTS)]
        self._threads = [
            threading.Thread(target=self._send, args=[session]) for session in self._sessions
        ]

    def __enter__(self) -> Self:
        """Begin, and wait for the first mails."""
        for thread in self._threads:
            thread.start()
        self.wait_for_more()
        return self

    def __exit__(self, *_exc_info: object) -> None:
        """Hang up, if the daemon has not."""
        for session in self._sessions:
            session.close()
        self.join()

    def wait_for_more(self) -> None:
        """Wait until some more mails are accepted."""
        goal = self.accepted + ENOUGH
        wait_for(lambda: self.accepted >= goal, SETTLES_S, "more mails")

    def join(self) -> None:
        """Wait until the daemon has hung up."""
        for thread in self._threads:
            thread.join()

    def _send(self, session: MilterClient) -> None:
        while True:
            try:
                kind = session.send_mail(LOGIN).kind
            except OSError:
                return
            with self._mutex:
                if kind == "continue":
                    self.accepted += 1
                else:
                    self.refused.append(kind)


def is_all_counted(store: Counters, sent: OpenSessions) -> None:
    """Prove that each mail is counted whose end was answered; one a session had none yet."""
    assert not sent.refused
    wait_for(
        lambda: sent.accepted <= store.used(LOGIN) <= sent.accepted + CLIENTS,
        SETTLES_S,
        f"{sent.accepted} mails are counted",
        lambda: f"{store.used(LOGIN)} are",
    )


@pytest.fixture(params=["mariadb", "sqlite"])
def store(request: pytest.FixtureRequest, folder: Path) -> Counters:
    """Empty tables: the daemon is alone on them."""
    if request.param == "sqlite":
        return in_sqlite(folder / "s.db")
    return in_mariadb(request.getfixturevalue("mariadb"), request.getfixturevalue("database"))


def full_disk(daemon: LoneDaemon) -> Callable[[], object]:
    """Let the state folder have no room for the crash journal; return what ends that."""
    state = daemon.socket.parent / "state"
    state.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1M", "none", state], check=True)
    return lambda: subprocess.run(["umount", state], check=True)


@pytest.mark.parametrize("is_durable", [True, False], ids=["journal", "no journal"])
def test_a_notice_that_hangs(folder: Path, store: Counters, is_durable: bool) -> None:  # noqa: FBT001
    """A webhook hangs at SIGTERM: the seconds that it is given are spent before the counting ends."""
    with webhook_receiver() as receiver, ExitStack() as cleanup:
        settings = {**store.settings, "decision_timeout_s": 1.0}
        daemon = LoneDaemon(folder / "d", settings, LIMITS, notify={"webhook_url": receiver.url})
        if not is_durable:
            cleanup.callback(full_disk(daemon))
        with running(daemon):
            daemon.wait_for_mode("memory" if is_durable else "shared")
            receiver.hangs.set()
            assert [daemon.passes(FULL) for _ in range(2)] == [True, False]
            receiver.wait_for(1)
            with OpenSessions(daemon.socket) as sent:
                assert daemon.process.stop(STOPS_S) == 0
                sent.join()
        assert daemon.lines("stopped booked=yes")
        assert not daemon.faults
        with running(daemon):
            is_all_counted(store, sent)


@pytest.mark.parametrize(("on_failure", "mode"), [("accept", "undecided"), ("meter", "metered")])
def test_a_database_that_is_away(
    folder: Path,
    fragile: Counters,
    fragile_mariadb: PrivateMariaDB,
    on_failure: str,
    mode: str,
) -> None:
    """Mail that passes during a stop without a database is booked by the next start."""
    settings = {**fragile.settings, "decision_timeout_s": 1.0, "on_failure": on_failure}
    daemon = LoneDaemon(folder / "d", settings, LIMITS)
    with running(daemon):
        daemon.wait_for_mode("memory")
        fragile_mariadb.kill()
        daemon.wait_for_mode(mode)
        with OpenSessions(daemon.socket) as sent:
            assert daemon.process.stop(STOPS_S) == 0
            sent.join()
    assert daemon.lines("stopped booked=no")
    assert not daemon.faults
    fragile_mariadb.start()
    with running(daemon):
        is_all_counted(fragile, sent)


@contextmanager
def full_pipe() -> Iterator[int]:
    """Make a pipe without room for a line, whose reader never reads; yield its writing end."""
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    os.set_blocking(writing, False)
    try:
        while True:
            os.write(writing, b"x")
    except BlockingIOError:
        os.set_blocking(writing, True)
    try:
        yield writing
    finally:
        os.close(reading)
        os.close(writing)


@contextmanager
def full_syslog(path: Path) -> Iterator[None]:
    """Make a socket of syslog whose program hangs, and fill it."""
    with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as hanging:
        hanging.bind(str(path))
        with closing(socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)) as other:
            other.setblocking(False)  # noqa: FBT003 - socket's order
            try:
                while True:
                    other.sendto(b"x", str(path))
            except BlockingIOError:
                yield


def test_nobody_reads_the_log(folder: Path, store: Counters) -> None:
    """Standard output, standard error and syslog are full: SIGTERM ends the daemon, all is counted."""
    tables: dict[str, Any] = {"log": {"level": "debug", "syslog": True}}
    daemon = LoneDaemon(folder / "d", store.settings, LIMITS, **tables)
    (folder / "dev").mkdir()
    words = ["unshare", "--mount", "sh", "-c", WITH_SYSLOG, "-"]
    words += [str(folder / "dev"), str(folder / "syslog"), *daemon.process.argv]
    with full_pipe() as writing, full_syslog(folder / "syslog"):
        process = subprocess.Popen(words, stdout=writing, stderr=writing)
        try:
            wait_for(lambda: accepts_connections(daemon.socket), SETTLES_S, "a daemon")
            with OpenSessions(daemon.socket) as sent:
                process.terminate()
                assert process.wait(STOPS_S) == 0
                sent.join()
        finally:
            process.kill()
            process.wait()
    with running(daemon):
        is_all_counted(store, sent)
