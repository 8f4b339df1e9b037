"""Start, reload and end of the daemon, as systemd and an admin do it."""

import grp
import shutil
import signal
import socket
import sqlite3
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.mailboxes import FreshDomain
from support.rig.milter_client import MilterClient
from support.rig.postfix import PrivatePostfix
from support.rig.process import running, wait_for
from support.rig.smtp import Reply, SmtpClient

ELSEWHERE = "someone@example.com"
BAD_CONFIGS = sorted((Path(__file__).parents[1] / "bad_configs").iterdir())
LOGIN = "alice@example.org"


@pytest.fixture
def sqlite(folder: Path) -> Counters:
    """An empty SQLite store."""
    return in_sqlite(folder / "sendlimit.db")


@pytest.fixture
def settings(folder: Path, sqlite: Counters) -> dict[str, Any]:
    """A configuration with two mails a day, on a socket without Postfix."""
    return configuration(
        folder,
        folder / "milter.sock",
        sqlite.settings,
        limits={"mailbox": {"messages_per_day": 2}},
    )


@pytest.fixture
def daemon(folder: Path, settings: dict[str, Any]) -> Iterator[Sendlimit]:
    """A running daemon."""
    with running(Sendlimit(folder, settings)) as daemon:
        yield daemon


class TestStop:
    """SIGTERM."""

    @pytest.mark.postfix
    def test_mails_in_flight(
        self, folder: Path, postfix: PrivatePostfix, domain: FreshDomain, settings: dict[str, Any]
    ) -> None:
        """Mails that are under way when the daemon is told to stop are answered, none is lost."""
        settings["milter"] = {"socket": f"unix:{postfix.milter_socket}"}
        settings["limits"] = {}
        replies: list[Reply] = []
        stopped = threading.Event()

        def send_until_stopped() -> None:
            while not stopped.is_set():
                with SmtpClient(postfix.submission_port, domain.alice) as client:
                    replies.extend(client.send_mail(domain.alice, ELSEWHERE) for _ in range(5))
                    client.quit()

        clients = [threading.Thread(target=send_until_stopped) for _ in range(5)]
        with running(Sendlimit(folder, settings)) as daemon:
            try:
                for client in clients:
                    client.start()
                wait_for(lambda: len(replies) > 20, 30, "mails under way")
                assert daemon.stop() == 0
                after = len(replies)
                wait_for(lambda: len(replies) > after + 10, 30, "mails without the daemon")
            finally:
                stopped.set()
                for client in clients:
                    client.join()

        assert {reply.code for reply in replies} == {250}
        assert daemon.lines("stopping signal=SIGTERM")
        assert daemon.lines("stopped booked=yes")

    def test_question_in_flight(self, daemon: Sendlimit, folder: Path) -> None:
        """A MAIL that waits for the locked database is answered although the daemon stops."""
        with MilterClient(folder / "milter.sock") as client:
            assert client.mail(LOGIN).kind == "continue"
            client.abort()
            answers = []
            asking = threading.Thread(target=lambda: answers.append(client.mail(LOGIN)))
            with closing(sqlite3.connect(folder / "sendlimit.db", isolation_level=None)) as other:
                other.execute("BEGIN IMMEDIATE")
                asking.start()
                daemon.wait_for_lines("batch-retried")
                daemon.process.send_signal(signal.SIGTERM)
                daemon.wait_for_lines("stopping signal=SIGTERM")
            asking.join()

        assert [answer.kind for answer in answers] == ["continue"]
        assert daemon.process.wait_for_exit(30) == 0

    def test_leaves_nothing(self, daemon: Sendlimit, folder: Path) -> None:
        """The socket is gone after a clean end, and no count is left to book."""
        assert daemon.stop() == 0

        assert not list(folder.glob("milter.sock*"))
        assert not list((folder / "state").iterdir())

    def test_second_signal(self, daemon: Sendlimit) -> None:
        """SIGINT ends the daemon as well."""
        daemon.process.send_signal(signal.SIGINT)

        assert daemon.process.wait_for_exit(30) == 0
        assert daemon.lines("stopping signal=SIGINT")


class TestReload:
    """SIGHUP."""

    def test_good_file(self, daemon: Sendlimit, settings: dict[str, Any], folder: Path) -> None:
        """New limits and texts hold at the next mail, also of a session that is open."""
        with MilterClient(folder / "milter.sock") as client:
            assert [client.send_mail(LOGIN).kind for _ in range(3)] == [
                "continue", "continue", "reply",
            ]  # fmt: skip
            settings["limits"] = {"mailbox": {"messages_per_day": 3}}
            settings["reply"] = {"code": 451, "mailbox": "not now"}
            daemon.write_config(settings)
            assert "config-loaded" in daemon.reload()

            assert client.send_mail(LOGIN).kind == "continue"
            assert client.send_mail(LOGIN).text == "451 4.7.1 not now"

    def test_broken_file(self, daemon: Sendlimit, settings: dict[str, Any], folder: Path) -> None:
        """A wrong file is reported with file, key and what is allowed; the old settings stay."""
        settings["limits"] = {"mailbox": {"messages_per_day": -1}}
        daemon.write_config(settings)
        line = daemon.reload()

        assert "config-rejected" in line
        assert f"{daemon.config_file}: limits.mailbox.messages_per_day" in line
        with MilterClient(folder / "milter.sock") as client:
            kinds = [client.send_mail(LOGIN).kind for _ in range(3)]
        assert kinds == ["continue", "continue", "reply"]

    def test_missing_file(self, daemon: Sendlimit, folder: Path) -> None:
        """A file that is gone is reported; the daemon goes on."""
        daemon.config_file.unlink()

        assert "config-rejected" in daemon.reload()
        with MilterClient(folder / "milter.sock") as client:
            assert client.send_mail(LOGIN).kind == "continue"

    def test_needs_restart(self, daemon: Sendlimit, settings: dict[str, Any]) -> None:
        """A changed socket or store is said to need a restart."""
        settings["store"] = {"url": "sqlite:////nowhere/else.db"}
        settings["milter"] = settings["milter"] | {"socket_mode": "0600"}
        daemon.write_config(settings)
        daemon.reload()

        assert len(daemon.wait_for_lines("restart-needed key=(milter|store)", count=2)) == 2


class TestSocket:
    """Whose socket it is."""

    def test_second_daemon(self, daemon: Sendlimit, settings: dict[str, Any], folder: Path) -> None:
        """A second daemon on a live socket is refused, and the first one is not disturbed."""
        second = Sendlimit(folder / "second", settings)
        second.process.start()

        assert second.process.wait_for_exit(30) == 1
        (sentence,) = second.lines("Another daemon answers on the milter socket")
        assert str(folder / "milter.sock") in sentence
        with MilterClient(folder / "milter.sock") as client:
            assert client.send_mail(LOGIN).kind == "continue"
        assert daemon.process.is_running

    def test_stranger_listens(self, settings: dict[str, Any], folder: Path) -> None:
        """A socket on which another program listens is not taken over either."""
        with socket.socket(socket.AF_UNIX) as stranger:
            stranger.bind(str(folder / "milter.sock"))
            stranger.listen()
            daemon = Sendlimit(folder, settings)
            daemon.process.start()
            assert daemon.process.wait_for_exit(30) == 1

        assert daemon.lines("Another daemon answers on the milter socket")

    def test_stale_socket(self, daemon: Sendlimit, folder: Path) -> None:
        """The socket of a daemon that was killed is replaced at the next start."""
        daemon.kill()
        assert (folder / "milter.sock").is_socket()
        daemon.start()

        with MilterClient(folder / "milter.sock") as client:
            assert client.send_mail(LOGIN).kind == "continue"

    def test_not_a_socket(self, settings: dict[str, Any], folder: Path) -> None:
        """A file that is no socket is left alone and named."""
        (folder / "milter.sock").write_text("precious")
        daemon = Sendlimit(folder, settings)
        daemon.process.start()

        assert daemon.process.wait_for_exit(30) == 2
        assert daemon.lines("milter.sock exists and is not a socket")
        assert (folder / "milter.sock").read_text() == "precious"

    def test_group_and_mode(self, daemon: Sendlimit, folder: Path) -> None:
        """Postfix's group may connect, other users may not."""
        found = (folder / "milter.sock").stat()

        assert daemon.process.is_running
        assert grp.getgrgid(found.st_gid).gr_name == "postfix"
        assert stat.filemode(found.st_mode) == "srw-rw----"


@pytest.mark.parametrize("broken", BAD_CONFIGS[::2], ids=lambda folder: folder.name)
def test_broken_config(broken: Path, tmp_path: Path) -> None:
    """A daemon with a broken file says every sentence that is expected, and exits with 2."""
    file = tmp_path / "sendlimit.toml"
    shutil.copyfile(broken / "sendlimit.toml", file)
    file.chmod(0o644)
    done = subprocess.run(
        [Path(sys.prefix) / "bin" / "sendlimit", "serve", "--config", file],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.returncode == 2
    said = done.stderr.replace(str(file), file.name)
    assert [
        line for line in (broken / "expected").read_text().splitlines() if line not in said
    ] == []
    assert "Traceback" not in said
