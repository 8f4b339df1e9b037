"""The rig itself: its servers behave as the ones that sendlimit meets in production."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pymysql
import pytest

from support.rig import empty_milter
from support.rig.dovecot import PrivateDovecot
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.postfix import PrivatePostfix
from support.rig.process import Process, accepts_connections, free_port, running, wait_for
from support.rig.smtp import SmtpClient, many_mails

ALICE = "alice@example.org"
ELSEWHERE = "someone@example.com"

# Prints the process ids of a MariaDB and of a Postfix with its children.
_START_AND_DIE = """
import os, pathlib, signal, sys
from support.rig.mariadb import PrivateMariaDB
from support.rig.postfix import PrivatePostfix
from support.rig.process import wait_for

folder = pathlib.Path(sys.argv[1])
mariadb = PrivateMariaDB(folder / "mariadb")
mariadb.start()
postfix = PrivatePostfix(folder / "postfix", sasl_path="inet:127.0.0.1:1")
postfix.start()
master = postfix.process.pid
listing = pathlib.Path(f"/proc/{master}/task/{master}/children")
children = wait_for(listing.read_text, 20, "children of Postfix's master")
print(mariadb.process.pid, master, children, flush=True)
os.kill(os.getpid(), signal.SIGKILL)
"""

Seen = Callable[[], list[dict[str, Any]]]


@pytest.fixture
def seen_at_mail(postfix: PrivatePostfix, folder: Path) -> Iterator[Seen]:
    """What the empty milter, which runs for one test, has seen so far."""
    milter = Process(
        "empty milter",
        [sys.executable, empty_milter.__file__, postfix.milter_socket],
        folder / "milter.log",
    )
    milter.start()
    try:
        milter.wait_until(lambda: accepts_connections(postfix.milter_socket), 20, "listens")
        yield lambda: [json.loads(line) for line in milter.log_text().splitlines()]
    finally:
        milter.kill()  # libmilter takes up to 5 s to end in good order
        postfix.milter_socket.unlink(missing_ok=True)


@pytest.mark.postfix
class TestPostfix:
    """Mail through Postfix, Dovecot and a milter."""

    @pytest.mark.parametrize("port", ["submission_port", "smtp_port"])
    def test_authenticated_mail(
        self, postfix: PrivatePostfix, seen_at_mail: Seen, port: str
    ) -> None:
        """Authenticated mail is accepted on both ports; the milter sees the login lower-cased."""
        with SmtpClient(getattr(postfix, port), "ALICE@Example.org") as client:
            reply = client.send_mail(ALICE, ELSEWHERE)

        assert (reply.code, reply.enhanced, reply.stage) == (250, "2.0.0", ".")
        assert seen_at_mail()[0]["{auth_authen}"] == ALICE

    def test_incoming_mail(self, postfix: PrivatePostfix, seen_at_mail: Seen) -> None:
        """Incoming mail without AUTH passes on port 25; the milter sees no login."""
        with SmtpClient(postfix.smtp_port) as client:
            reply = client.send_mail(ELSEWHERE, ALICE)

        assert reply.code == 250
        assert seen_at_mail()[0]["{auth_authen}"] is None

    def test_daemon_name(self, postfix: PrivatePostfix, seen_at_mail: Seen) -> None:
        """The submission port calls itself ORIGINATING, port 25 does not."""
        for port in (postfix.submission_port, postfix.smtp_port):
            with SmtpClient(port, ALICE) as client:
                client.mail(ALICE)

        assert [seen["{daemon_name}"] for seen in seen_at_mail()] == [
            "ORIGINATING",
            "mail.example.org",
        ]

    def test_no_relay_without_auth(self, postfix: PrivatePostfix) -> None:
        """Without AUTH no port relays, and the reply says at which command."""
        with SmtpClient(postfix.smtp_port) as client:
            assert _code_and_stage(client, ELSEWHERE) == (554, "RCPT")
        with SmtpClient(postfix.submission_port) as client:
            assert _code_and_stage(client, ALICE) == (554, "RCPT")

    def test_wrong_password(self, postfix: PrivatePostfix) -> None:
        """A wrong password is refused."""
        with SmtpClient(postfix.submission_port) as client:
            assert client.auth(ALICE, "wrong").code == 535

    def test_no_milter(self, postfix: PrivatePostfix) -> None:
        """While no milter listens, mail passes (default_action=accept)."""
        assert not postfix.milter_socket.exists()

        with SmtpClient(postfix.submission_port, ALICE) as client:
            assert client.send_mail(ALICE, ELSEWHERE).code == 250

    def test_many_mails(self, postfix: PrivatePostfix, seen_at_mail: Seen) -> None:
        """Many mails over several connections are all counted, and leave the queue."""
        outcomes = many_mails(60, 6, postfix.submission_port, ALICE)

        assert outcomes == {"250 2.0.0": 60}
        assert len(seen_at_mail()) == 60
        wait_for(postfix.queue_is_empty, 20, "empty queue", postfix.log_tail)

    def test_odd_dialogues(self, postfix: PrivatePostfix) -> None:
        """The client can pipeline, send BDAT, and keeps the dialogue."""
        with SmtpClient(postfix.submission_port, ALICE) as client:
            replies = client.pipeline(
                f"MAIL FROM:<{ALICE}>", f"RCPT TO:<{ELSEWHERE}>", "RSET", "DATA"
            )
            client.mail(ALICE)
            client.rcpt(ELSEWHERE)
            chunk = client.bdat(b"Subject: x\r\n\r\nx\r\n")
            client.quit()

        assert [reply.code for reply in replies] == [250, 250, 250, 503]
        assert (chunk.code, chunk.stage) == (250, "BDAT")
        assert "C: RSET" in client.dialogue

    def test_leading_dot(self, folder: Path, dovecot: PrivateDovecot) -> None:
        """A second Postfix can run beside the first, and delivers octets unchanged to Maildirs."""
        message = b"Subject: dots\r\n\r\n.\r\n..\r\nend\r\n"
        second = PrivatePostfix(
            folder / "postfix", sasl_path=dovecot.sasl_path, chroot=False, maildirs_of=[ALICE]
        )

        with running(second) as postfix:
            with SmtpClient(postfix.smtp_port) as client:
                assert client.send_mail(ELSEWHERE, ALICE, message).code == 250
                assert client.rset().code == 250
            wait_for(lambda: postfix.delivered(ALICE), 20, "a mail", postfix.log_tail)

            (delivered,) = postfix.delivered(ALICE)
            assert delivered.read_bytes().endswith(b"\n\n.\n..\nend\n")

    def test_reload(self, folder: Path, dovecot: PrivateDovecot) -> None:
        """A setting changed by postconf is in force after reload(), but not for open sessions."""
        own = PrivatePostfix(
            folder / "postfix",
            sasl_path=dovecot.sasl_path,
            settings={"smtpd_sasl_auth_enable": "no"},
        )

        with running(own) as postfix, SmtpClient(postfix.smtp_port) as before:
            postfix.postconf("smtpd_sasl_auth_enable=yes")
            postfix.reload(open_sessions=1)
            with SmtpClient(postfix.smtp_port) as after:
                assert after.auth(ALICE).code == 235
            assert before.auth(ALICE).code == 503

    def test_unreachable(self) -> None:
        """A port where nothing listens is an error of the client, not an outcome."""
        with pytest.raises(OSError, match="refused"):
            SmtpClient(free_port())


@pytest.mark.mariadb
class TestMariaDB:
    """The private MariaDB."""

    def test_durability(self, mariadb: PrivateMariaDB) -> None:
        """Every commit is flushed to disk, as by default."""
        assert mariadb.query("SELECT @@innodb_flush_log_at_trx_commit") == [(1,)]

    def test_user(self, database: Database) -> None:
        """The database's user can log in by socket and by TCP, and not without a password."""
        password = database.password_file.read_text().strip()
        for address in (
            {"unix_socket": str(database.socket)},
            {"host": "127.0.0.1", "port": database.port},
        ):
            connection = pymysql.connect(
                user=database.user, password=password, database=database.name, **address
            )
            connection.close()
            with pytest.raises(pymysql.OperationalError, match="Access denied"):
                pymysql.connect(user=database.user, database=database.name, **address)

    def test_fresh(self, mariadb: PrivateMariaDB, database: Database) -> None:
        """A database begins without tables, whatever the test before made."""
        assert mariadb.query("SHOW TABLES", database=database.name) == []
        mariadb.query("CREATE TABLE left_behind (x INT)", database=database.name)

    test_fresh_again = test_fresh

    def test_restart(self, folder: Path) -> None:
        """A killed server starts again with its rows, on the same port, with other options."""
        with running(PrivateMariaDB(folder / "mariadb")) as server:
            server.query("CREATE DATABASE kept")
            server.kill()
            server.start()
            server.restart("--max-connections=17")

            assert server.query("SHOW DATABASES LIKE 'kept'") == [("kept",)]
            assert server.query("SELECT @@max_connections") == [(17,)]

    def test_freeze(self, folder: Path) -> None:
        """A frozen server takes connections and answers nothing until it is thawed."""
        with running(PrivateMariaDB(folder / "mariadb")) as server:
            server.freeze()
            with pytest.raises(pymysql.OperationalError, match="timed out"):
                pymysql.connect(host="127.0.0.1", port=server.port, read_timeout=0.2)
            server.thaw()

            assert server.query("SELECT 1") == [(1,)]


def test_store_url(store_url: str) -> None:
    """A test that asks for store_url runs with each kind of store."""
    assert store_url.split(":", maxsplit=1)[0] in {"sqlite", "mariadb"}


class TestProcess:
    """Starting and ending of programs."""

    def test_dies_with_its_starter(self, folder: Path) -> None:
        """Programs and their children are gone when the process that started them was killed."""
        starter = subprocess.run(
            [sys.executable, "-c", _START_AND_DIE, folder],
            env=os.environ | {"PYTHONPATH": "tests", "TMPDIR": str(folder)},
            stdout=subprocess.PIPE,
            check=False,
        )

        assert starter.returncode == -signal.SIGKILL
        pids = [int(pid) for pid in starter.stdout.split()]
        assert len(pids) > 2
        wait_for(lambda: all(map(_has_ended, pids)), 5, "end of the programs")

    def test_children_that_nothing_refers_to(self) -> None:
        """end_children() ends what was started, groups included, and waits for it."""
        code = """\
import subprocess
from support.rig.process import end_children
alone = subprocess.Popen(["sleep", "100"])
group = subprocess.Popen(
    ["sh", "-c", "sleep 100 & echo $!; wait"], stdout=subprocess.PIPE, start_new_session=True
)
print(alone.pid, group.pid, int(group.stdout.readline()))
end_children()
"""
        done = subprocess.run(
            [sys.executable, "-c", code],
            env=os.environ | {"PYTHONPATH": "tests"},
            capture_output=True,
            check=True,
        )

        pids = [int(pid) for pid in done.stdout.split()]
        wait_for(lambda: all(map(_has_ended, pids)), 5, "end of the programs")

    def test_early_end(self, folder: Path) -> None:
        """Waiting for a program that has ended fails at once and shows what it printed."""
        process = Process("sh", ["sh", "-c", "echo sorry; exit 3"], folder / "log")
        process.start()

        with pytest.raises(ChildProcessError, match=r"(?s)sh ended with 3 before: peace.*sorry"):
            process.wait_until(lambda: False, 20, "peace")

    def test_deadline(self) -> None:
        """Waiting ends at the deadline and says what was waited for."""
        with pytest.raises(TimeoutError, match=r"not within 0.05 s: peace\nbecause"):
            wait_for(lambda: False, 0.05, "peace", lambda: "because")

    def test_stop(self, folder: Path) -> None:
        """stop() ends a frozen program and its children."""
        process = Process("sh", ["sh", "-c", "sleep 100 & echo $!; wait"], folder / "log")
        process.start()
        child = int(process.wait_until(process.log_text, 20, "prints its child"))
        process.freeze()
        process.stop()

        wait_for(lambda: _has_ended(child), 5, "end of the child")


def test_free_port() -> None:
    """Ports stay apart from those that the kernel gives to outgoing connections."""
    lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])

    assert free_port() < lowest


def _code_and_stage(client: SmtpClient, recipient: str) -> tuple[int, str]:
    reply = client.send_mail(ELSEWHERE, recipient)
    return reply.code, reply.stage


def _has_ended(pid: int) -> bool:
    """Tell whether the process is gone or waits only to be collected by its parent."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z"
    except (FileNotFoundError, ProcessLookupError):  # before it is opened, while it is read
        return True
