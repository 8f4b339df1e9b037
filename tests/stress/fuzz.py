"""Hostile conversations against a real daemon, beside well-formed ones: `script/fuzz`.

Each round plays some conversations of tests/hostile/conversations.py at once, in an order that
comes from the seed, while well-formed clients send their mails in between. After each round the
daemon must live, hold no descriptor, thread or reservation more, have written nothing but clean
log lines, and its counters must be what was accepted.
"""

import argparse
import contextlib
import functools
import itertools
import random
import secrets
import select
import signal
import socket
import sys
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
from pathlib import Path

from bench.footprint import Footprint, footprint
from bench.sampling import progress

from hostile.conversations import Conversation, conversation
from stress.daemon_log import DaemonLog
from stress.well_formed import MAILBOXES, FuzzError, WellFormedClients, demand
from support.rig.configuration import configuration
from support.rig.counters import in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.process import private_folder, running, wait_for

AT_ONCE = 8
LIMIT = 20
"""Messages a day and mailbox."""
RECIPIENTS_MAX = 5
"""Recipients of one mail."""

_ENDINGS = ("end", "abort", "close")
_MAILS_A_ROUND = 3
_WRITE_S = 0.3  # a deaf client's write waits for answers that it never reads
_READ_S = 0.02
_SETTLES_S = 30
_PATIENCE_S = 2
_TELL_S = 10
_SYSLOG_SOCKET = 1  # opened when libmilter has something to log, where /dev/log is there
_WORKERS_SPARE = 12  # libmilter keeps up to 10 idle workers; they end when they are more
# glibc fills memory with rubbish, so that reading too far shows; Python says where it crashed.
_ENVIRONMENT = {"MALLOC_PERTURB_": "165", "PYTHONFAULTHANDLER": "1"}
_ROWS = "SELECT scope, subject, unit, `window`, used FROM er_counter WHERE used <> 0"


class Fuzzer:
    """One daemon on SQLite, its well-formed clients and its hostile ones.

    Attributes:
        seed: of the whole run.
        daemon: is started by the caller.
        asking: the well-formed clients' thread, ended by the caller.
        well_formed: what the well-formed clients have sent.
        rounds: how many were played.
        held_up: well-formed mails that waited until the hostile clients hung up.
        conversations: how many hostile ones were played.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        self.seed = seed
        self._store = in_sqlite(folder / "sendlimit.db")
        self._socket = folder / "milter.sock"
        self.well_formed = WellFormedClients(self._socket)
        self.asking = futures.ThreadPoolExecutor(1)
        self.rounds = 0
        self.held_up = 0
        self.conversations = 0
        unlimited = {login: {"mailbox": {"messages_per_day": "unlimited"}} for login in MAILBOXES}
        settings = configuration(
            folder,
            self._socket,
            self._store.settings,
            limits={
                "mailbox": {"messages_per_day": LIMIT, "recipients_per_message": RECIPIENTS_MAX},
                "for": unlimited,
            },
        )
        self.daemon = Sendlimit(folder, settings, _ENVIRONMENT)
        self._log = DaemonLog(self.daemon.process.log)
        self._before = Footprint(0, 0, 0)

    def warm_up(self) -> None:
        """Let the daemon get what it keeps for good, then remember its size."""
        clients = [self.well_formed.begun(MAILBOXES[0]) for _ in range(AT_ONCE)]
        for client in clients:
            client.close()
        self.well_formed.mail(MAILBOXES[0], "end")
        self._store.wait_until_used(MAILBOXES[0], 1)
        self._before = footprint(self.daemon.process.pid)

    def round(self) -> None:
        """Play one round and check the daemon.

        Raises:
            FuzzError: a check failed; the message has the conversations.
        """
        conversations = self.hostile()
        try:
            self._play(conversations)
            self._check()
        except (FuzzError, OSError) as error:
            shown = "\n".join(map(str, conversations))
            if not self.daemon.process.is_running:
                shown += f"\nthe daemon has ended:\n{self.daemon.process.log_tail()}"
            raise FuzzError(f"{shown}\nseed {self.seed}, round {self.rounds}: {error}") from error
        self.rounds += 1
        self.conversations += len(conversations)

    def hostile(self) -> list[Conversation]:
        """Return the hostile conversations of the next round."""
        return [conversation(f"{self.seed}/{self.rounds}/{number}") for number in range(AT_ONCE)]

    def only(self, hostile: Conversation) -> None:
        """Play one conversation alone and check the daemon.

        Raises:
            FuzzError: a check failed.
        """
        self._play([hostile])
        self._check()

    def _play(self, conversations: Sequence[Conversation]) -> None:
        """Write the conversations, interleaved, with well-formed mails in between and one around it all."""
        order = random.Random(conversations[0].seed)  # noqa: S311 - the same order from the same seed
        turns = [number for number, hostile in enumerate(conversations) for _ in hostile.writes]
        order.shuffle(turns)
        mail_before = {order.randrange(len(turns) or 1) for _ in range(_MAILS_A_ROUND)}
        writes = [iter(hostile.writes) for hostile in conversations]
        with self.well_formed.begun(MAILBOXES[1]) as around, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(_connected(self._socket)) for _ in conversations]
            for turn, number in enumerate(turns):
                if turn in mail_before:
                    mail = (order.choice(MAILBOXES), order.choice(_ENDINGS))
                    self._answered(functools.partial(self.well_formed.mail, *mail), clients)
                if not _wrote(clients[number], next(writes[number])):
                    writes[number] = itertools.repeat(b"")
                if not conversations[number].deaf:
                    _drain(clients[number], 0)
            for client, hostile in zip(clients, conversations, strict=True):
                if not hostile.deaf and order.randrange(2):
                    _drain(client, _READ_S)
            self._answered(lambda: self.well_formed.end(around, MAILBOXES[1]), clients)

    def _answered(self, ask: Callable[[], None], clients: Iterable[socket.socket]) -> None:
        """Send something well-formed; if it waits too long, let the hostile clients hang up.

        libmilter gives a client that stops in the middle of a packet one of its few workers, and
        may then not start another for those that wait (docs/known-issues.md).
        """
        asking = self.asking.submit(ask)
        if not futures.wait([asking], _PATIENCE_S).done:
            self.held_up += 1
            for client in clients:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
        asking.result()

    def _check(self) -> None:
        """Check the daemon, its size, its counters and its log.

        Raises:
            FuzzError: one is broken.
            TimeoutError: the daemon holds what it should let go of, or counts wrongly.
        """
        process = self.daemon.process
        demand(process.is_running, f"the daemon died\n{process.log_tail()}")
        self.well_formed.mail(MAILBOXES[0], "end")
        wait_for(lambda: not self._excess(), _SETTLES_S, "the daemon's old size", self._excess)
        wait_for(lambda: not self._miscounted(), _SETTLES_S, "right counters", self._miscounted)
        self._log.restart()

    def _excess(self) -> str:
        """Say what the daemon holds too much; "" when it is as big as before."""
        now = footprint(self.daemon.process.pid)
        if now.descriptors > self._before.descriptors + _SYSLOG_SOCKET:
            return f"{now.descriptors} descriptors, {self._before.descriptors} before"
        if now.threads > self._before.threads + _WORKERS_SPARE:
            return f"{now.threads} threads, {self._before.threads} before"
        return ""

    def _miscounted(self) -> str:
        """Say what is wrong about the counters; "" when all are right."""
        self._log.read()
        used: defaultdict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for scope, subject, unit, window, number in self._store.query(_ROWS):
            if window == "day":
                used[scope, unit][subject] += number
        mailboxes = used["mailbox", "messages"]
        well_formed = Counter({login: mailboxes[login] for login in MAILBOXES})
        in_domains = sum(used for name, used in mailboxes.items() if "@" in name and name != "@")
        equal = {
            "well-formed mailboxes, sent": (well_formed, self.well_formed.sent),
            "mailboxes, server": (mailboxes.total(), used["global", "messages"].total()),
            "mailboxes in domains, domains": (in_domains, used["domain", "messages"].total()),
            "mailboxes, accepted in the log": (mailboxes.total(), self._log.accepted),
        }
        for what, (one, other) in equal.items():
            if one != other:
                return f"{what}: {one}, {other}"
        over = {name: used for name, used in (mailboxes - well_formed).items() if used > LIMIT}
        return f"over the limit: {over}" if over else ""


@contextlib.contextmanager
def fuzzing(folder: Path, seed: int) -> Iterator[Fuzzer]:
    """Run a daemon with a fuzzer on it."""
    fuzzer = Fuzzer(folder, seed)
    with running(fuzzer.daemon), fuzzer.asking:
        fuzzer.warm_up()
        yield fuzzer


def fuzz(*, seconds: float, seed: int) -> None:
    """Play rounds for so long; print how it went.

    Raises:
        FuzzError: a check failed; the message has the conversation.
    """
    progress(f"fuzzing for {seconds:.0f} s with seed {seed}")
    end_s, told_s = time.monotonic() + seconds, time.monotonic()
    with private_folder("fuzz") as folder, fuzzing(folder / "all", seed) as fuzzer:
        while time.monotonic() < end_s:
            try:
                fuzzer.round()
            except FuzzError as error:
                raise _narrowed(folder, error, fuzzer) from error
            if time.monotonic() > told_s + _TELL_S:
                told_s = time.monotonic()
                progress(f"{fuzzer.conversations} conversations in {fuzzer.rounds} rounds")
    print(
        f"seed {seed}: {fuzzer.conversations} hostile conversations in {fuzzer.rounds} rounds, "
        f"{fuzzer.well_formed.sent.total()} well-formed mails beside them "
        f"({fuzzer.held_up} held up): all counters right"
    )


def _narrowed(folder: Path, error: FuzzError, failed: Fuzzer) -> FuzzError:
    """Look for one conversation that breaks a daemon of its own."""
    for hostile in failed.hostile():
        try:
            with fuzzing(folder / hostile.seed.replace("/", "-"), failed.seed) as fuzzer:
                fuzzer.only(hostile)
        except (FuzzError, OSError) as alone:
            return FuzzError(f"{error}\n\nalone it is enough:\n{hostile}\n{alone}")
    return FuzzError(f"{error}\n\nnone of them is enough alone")


def _connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(_WRITE_S)
    client.connect(str(path))
    return client


def _wrote(client: socket.socket, octets: bytes) -> bool:
    """Write; False: the daemon hung up, or waits until its answers are read."""
    try:
        client.sendall(octets)
    except OSError:
        return False
    return True


def _drain(client: socket.socket, wait_s: float) -> None:
    """Read what is there, or comes within so many seconds."""
    with contextlib.suppress(OSError):
        while select.select([client], [], [], wait_s)[0] and client.recv(65_536):
            pass


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        prog="script/fuzz",
        description="Play hostile conversations with a private daemon, beside well-formed mails.",
    )
    parser.add_argument("--seconds", type=float, default=60, metavar="N", help="how long (60)")
    parser.add_argument("--seed", type=int, metavar="N", help="of an earlier run, to repeat it")
    words = parser.parse_args()
    seed = secrets.randbelow(10**9) if words.seed is None else words.seed
    # Turned into an exception, so that the daemon is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        fuzz(seconds=words.seconds, seed=seed)
    except FuzzError as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
