"""A daemon is cut off or stopped between the two packets of a batch, with the latch locked."""

import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_mariadb
from support.rig.daemon import Sendlimit
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.milter_client import Answer, MilterClient
from support.rig.process import running, wait_for
from support.rig.relay import Relay

pytestmark = pytest.mark.mariadb

DECISION_TIMEOUT_S = 20
"""Longer than all that is waited for here: no mail is accepted undecided unless said so."""
SERVER_ENDS_IT_S = 5
PACKET_1 = b"RETURNING used"


class Pair:
    """Two daemons on one database; one of them reaches it through a relay."""

    def __init__(self, relay: Relay, relayed: Sendlimit, direct: Sendlimit) -> None:
        """Take them, running."""
        self.relay = relay
        self.relayed = relayed
        self.direct = direct


def socket_of(daemon: Sendlimit) -> Path:
    """Return the milter socket."""
    return daemon.config_file.parent / "milter.sock"


def send(daemon: Sendlimit, login: str) -> Answer:
    """Send one mail."""
    with MilterClient(socket_of(daemon), timeout_s=2 * DECISION_TIMEOUT_S) as client:
        return client.send_mail(login)


@pytest.fixture
def counters(mariadb: PrivateMariaDB, database: Database) -> Counters:
    """Empty tables."""
    return in_mariadb(mariadb, database)


@contextmanager
def pair(folder: Path, database: Database, limit: int, timeout_s: float) -> Iterator[Pair]:
    """Run two daemons with a limit for each mailbox."""
    with ExitStack() as stack:
        relay = stack.enter_context(Relay(database.port))
        daemons = []
        for name, port in (("relayed", relay.port), ("direct", database.port)):
            url = f"mariadb://{database.user}@127.0.0.1:{port}/{database.name}"
            settings = configuration(
                folder / name,
                folder / name / "milter.sock",
                {
                    "url": url,
                    "password_file": str(database.password_file),
                    "decision_timeout_s": timeout_s,
                },
                limits={"mailbox": {"messages_per_day": limit}},
            )
            daemons.append(stack.enter_context(running(Sendlimit(folder / name, settings))))
        yield Pair(relay, *daemons)


class Mail(threading.Thread):
    """A mail under way in a thread of its own."""

    def __init__(self, daemon: Sendlimit, login: str) -> None:
        """Send it at once."""
        super().__init__()
        self._daemon = daemon
        self._login = login
        self._answers: list[Answer] = []
        self.start()

    def run(self) -> None:
        """Send it."""
        self._answers.append(send(self._daemon, self._login))

    def answer(self) -> Answer:
        """Wait for the answer."""
        self.join(2 * DECISION_TIMEOUT_S)
        (answer,) = self._answers
        return answer


def test_stopped_between_the_packets(folder: Path, database: Database, counters: Counters) -> None:
    """SIGSTOP with the latch locked: the other daemon goes on after 5 s, the limit holds for both.

    The one that wakes up has granted on numbers that hold no more, in a transaction that the
    server has ended: it decides anew instead of answering.
    """
    with pair(folder, database, 1, DECISION_TIMEOUT_S) as daemons:
        daemons.relay.hold_at(PACKET_1)
        late = Mail(daemons.relayed, "alice@example.org")
        daemons.relay.wait_until_held()
        daemons.relayed.process.freeze()
        begin = time.monotonic()
        assert send(daemons.direct, "alice@example.org").kind == "continue"
        assert time.monotonic() - begin < SERVER_ENDS_IT_S + 3

        daemons.relay.release()
        daemons.relayed.process.thaw()
        assert late.answer().kind == "reply"
        assert daemons.relayed.lines("batch-retried .*connection lost")
        counters.wait_until_used("alice@example.org", 1)


def test_answered_early_within_the_time(
    folder: Path, database: Database, counters: Counters
) -> None:
    """Held for a moment only, the batch is what it would have been."""
    with pair(folder, database, 1, DECISION_TIMEOUT_S) as daemons:
        daemons.relay.hold_at(PACKET_1)
        late = Mail(daemons.relayed, "alice@example.org")
        daemons.relay.wait_until_held()
        daemons.relay.release()

        assert late.answer().kind in {"continue", "accept"}
        assert send(daemons.direct, "alice@example.org").kind == "reply"
        counters.wait_until_used("alice@example.org", 1)


def test_network_cut_between_the_packets(
    folder: Path, database: Database, counters: Counters
) -> None:
    """A network that is cut with the latch locked stops the other daemon for 5 s, not for hours.

    The mail of the daemon that is cut off is accepted undecided, and booked once it is back.
    """
    with pair(folder, database, 100, 2.0) as daemons:
        daemons.relay.hold_at(PACKET_1)
        cut_off = Mail(daemons.relayed, "alice@example.org")
        daemons.relay.wait_until_held()
        wait_for(
            lambda: send(daemons.direct, "bob@x.org").kind and counters.used("bob@x.org"),
            SERVER_ENDS_IT_S + 5,
            "the other daemon decides",
        )

        assert cut_off.answer().kind in {"continue", "accept"}
        daemons.relayed.wait_for_lines("accepted-on-failure")
        counters.wait_until_used("alice@example.org", 1)
