"""Hostile conversations against a real daemon, beside well-formed ones: `script/bench --fuzz`.

Each round plays some conversations of tests/hostile/conversations.py at once, in an order that
comes from the seed, while honest clients send their mails in between. After each round the daemon
must live, hold no descriptor, thread or reservation more, have written nothing but clean log
lines, and its counters must be what was accepted.
"""

import contextlib
import functools
import itertools
import random
import re
import select
import socket
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent import futures
from pathlib import Path

from bench.footprint import Footprint, footprint
from bench.honest import MAILBOXES, FuzzError, Honest, demand
from bench.sampling import progress
from hostile.conversations import Conversation, conversation
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
_HONEST_MAILS = 3
_WRITE_S = 0.3  # a deaf client's write waits for answers that it never reads
_READ_S = 0.02
_SETTLES_S = 30
_PATIENCE_S = 2
_TELL_S = 10
_WORKERS_SPARE = 12  # libmilter keeps up to 10 idle workers; they end when they are more
# glibc fills memory with rubbish, so that reading too far shows; Python says where it crashed.
_ENVIRONMENT = {"MALLOC_PERTURB_": "165", "PYTHONFAULTHANDLER": "1"}
_LINE = re.compile(r"(?:DEBUG|INFO|WARNING) [a-z-]+ [a-z_]+=")
_BAD = re.compile(r"^ERROR|fault|lines-dropped|accepted-on-failure .*reason=store")
_ROWS = "SELECT scope, subject, unit, `window`, used FROM er_counter WHERE used <> 0"


class Fuzzer:
    """One daemon on SQLite, its honest clients and its enemies.

    Attributes:
        daemon: is started by the caller.
        asking: the honest clients' thread, ended by the caller.
        honest: what the honest clients have sent.
        rounds: that were played.
        held_up: honest mails that had to wait until the hostile clients hung up.
        conversations: hostile ones that were played.
    """

    def __init__(self, folder: Path, seed: int) -> None:
        """Describe the daemon; nothing is started.

        Args:
            folder: for its files; need not exist.
            seed: of the whole run.
        """
        self.seed = seed
        self._store = in_sqlite(folder / "sendlimit.db")
        self._socket = folder / "milter.sock"
        self.honest = Honest(self._socket)
        self.asking = futures.ThreadPoolExecutor(1)
        self.rounds = 0
        self.held_up = 0
        self.conversations = 0
        honest = {login: {"mailbox": {"messages_per_day": "unlimited"}} for login in MAILBOXES}
        settings = configuration(
            folder,
            self._socket,
            self._store.settings,
            limits={
                "mailbox": {"messages_per_day": LIMIT, "recipients_per_message": RECIPIENTS_MAX},
                "for": honest,
            },
        )
        self.daemon = Sendlimit(folder, settings, _ENVIRONMENT)
        self._log = _Log(self.daemon.process.log)
        self._before = Footprint(0, 0, 0)

    def warm_up(self) -> None:
        """Let the daemon get what it keeps for good, then remember its size."""
        clients = [self.honest.begun(MAILBOXES[0]) for _ in range(AT_ONCE)]
        for client in clients:
            client.close()
        self.honest.mail(MAILBOXES[0], "end")
        self._store.wait_until_used(MAILBOXES[0], 1)
        self._before = footprint(self.daemon.process.pid)

    def round(self) -> None:
        """Play one round and look at the daemon.

        Raises:
            FuzzError: it broke a promise; the message has the conversations.
        """
        enemies = self.enemies()
        try:
            self._play(enemies)
            self._look()
        except (FuzzError, OSError) as error:
            shown = "\n".join(map(str, enemies))
            if not self.daemon.process.is_running:
                shown += f"\nthe daemon has ended:\n{self.daemon.process.log_tail()}"
            raise FuzzError(f"{shown}\nseed {self.seed}, round {self.rounds}: {error}") from error
        self.rounds += 1
        self.conversations += len(enemies)

    def enemies(self) -> list[Conversation]:
        """Return the hostile conversations of the next round."""
        return [conversation(f"{self.seed}/{self.rounds}/{number}") for number in range(AT_ONCE)]

    def only(self, enemy: Conversation) -> None:
        """Play one conversation alone and look at the daemon.

        Raises:
            FuzzError: it broke a promise.
        """
        self._play([enemy])
        self._look()

    def _play(self, enemies: Sequence[Conversation]) -> None:
        """Write the conversations, interleaved, with honest mails in between and one around it all."""
        order = random.Random(enemies[0].seed)  # noqa: S311 - the same order from the same seed
        turns = [number for number, enemy in enumerate(enemies) for _ in enemy.writes]
        order.shuffle(turns)
        honest_before = {order.randrange(len(turns) or 1) for _ in range(_HONEST_MAILS)}
        writes = [iter(enemy.writes) for enemy in enemies]
        with self.honest.begun(MAILBOXES[1]) as around, contextlib.ExitStack() as stack:
            clients = [stack.enter_context(_connected(self._socket)) for _ in enemies]
            for turn, number in enumerate(turns):
                if turn in honest_before:
                    mail = (order.choice(MAILBOXES), order.choice(_ENDINGS))
                    self._answered(functools.partial(self.honest.mail, *mail), clients)
                if not _wrote(clients[number], next(writes[number])):
                    writes[number] = itertools.repeat(b"")
                if not enemies[number].deaf:
                    _drain(clients[number], 0)
            for client, enemy in zip(clients, enemies, strict=True):
                if not enemy.deaf and order.randrange(2):
                    _drain(client, _READ_S)
            self._answered(lambda: self.honest.end(around, MAILBOXES[1]), clients)

    def _answered(self, ask: Callable[[], None], clients: Iterable[socket.socket]) -> None:
        """Do something honest; if it has to wait too long, let the hostile clients hang up.

        libmilter lends a client that stops in the middle of a packet one of its few workers, and
        may then not start another for those who wait (docs/known-issues.md).
        """
        asking = self.asking.submit(ask)
        if not futures.wait([asking], _PATIENCE_S).done:
            self.held_up += 1
            for client in clients:
                with contextlib.suppress(OSError):
                    client.shutdown(socket.SHUT_RDWR)
        asking.result()

    def _look(self) -> None:
        """Prove the promises.

        Raises:
            FuzzError: one is broken.
            TimeoutError: the daemon holds what it should let go of, or counts wrongly.
        """
        process = self.daemon.process
        demand(process.is_running, f"the daemon died\n{process.log_tail()}")
        self.honest.mail(MAILBOXES[0], "end")
        wait_for(lambda: not self._excess(), _SETTLES_S, "the daemon's old size", self._excess)
        wait_for(lambda: not self._miscounted(), _SETTLES_S, "right counters", self._miscounted)
        self._log.restart()

    def _excess(self) -> str:
        """Say what the daemon holds too much; "" when it is as big as before."""
        now = footprint(self.daemon.process.pid)
        if now.descriptors > self._before.descriptors:
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
        honest = Counter({login: mailboxes[login] for login in MAILBOXES})
        in_domains = sum(used for name, used in mailboxes.items() if "@" in name and name != "@")
        equal = {
            "honest mailboxes, sent": (honest, self.honest.sent),
            "mailboxes, server": (mailboxes.total(), used["global", "messages"].total()),
            "mailboxes in domains, domains": (in_domains, used["domain", "messages"].total()),
            "mailboxes, accepted in the log": (mailboxes.total(), self._log.accepted),
        }
        for what, (one, other) in equal.items():
            if one != other:
                return f"{what}: {one}, {other}"
        over = {name: used for name, used in (mailboxes - honest).items() if used > LIMIT}
        return f"over the limit: {over}" if over else ""


class _Log:
    """Reads the daemon's log as it grows.

    Attributes:
        accepted: mails that were accepted according to it.
    """

    def __init__(self, file: Path) -> None:
        """Begin at its beginning."""
        self._file = file
        self._at = 0
        self.accepted = 0

    def read(self) -> None:
        """Look at what is new.

        Raises:
            FuzzError: a line is not one of the daemon's, or one that must not be.
        """
        with self._file.open("rb") as file:
            file.seek(self._at)
            octets = file.read()
        whole = octets.rpartition(b"\n")[0]
        self._at += len(whole) + 1 if whole else 0
        for line in whole.decode("utf-8", "backslashreplace").split("\n") if whole else []:
            demand(_LINE.match(line) and line.isprintable(), f"not a log line: {line[:500]!r}")
            demand(not _BAD.search(line), f"in the log: {line[:500]}")
            self.accepted += line.startswith("DEBUG accepted ")

    def restart(self) -> None:
        """Empty the file; called while the daemon has nothing to say."""
        self.read()
        self._file.write_bytes(b"")
        self._at = 0


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
        FuzzError: a promise was broken; the message has the conversation.
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
        f"{fuzzer.honest.sent.total()} honest mails beside them "
        f"({fuzzer.held_up} held up): all counters right"
    )


def _narrowed(folder: Path, error: FuzzError, failed: Fuzzer) -> FuzzError:
    """Look for one conversation that breaks a daemon of its own."""
    for enemy in failed.enemies():
        try:
            with fuzzing(folder / enemy.seed.replace("/", "-"), failed.seed) as fuzzer:
                fuzzer.only(enemy)
        except (FuzzError, OSError) as alone:
            return FuzzError(f"{error}\n\nalone it is enough:\n{enemy}\n{alone}")
    return FuzzError(f"{error}\n\nnone of them is enough alone")


def _connected(path: Path) -> socket.socket:
    client = socket.socket(socket.AF_UNIX)
    client.settimeout(_WRITE_S)
    client.connect(str(path))
    return client


def _wrote(client: socket.socket, octets: bytes) -> bool:
    """Write; False: the daemon hung up, or waits for somebody to read its answers."""
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
