"""Steady mail with all kinds of endings, for long: `script/soak`.

The load generator of bench/ speaks to the milter socket; beside it clients send through Postfix.
Afterwards memory, threads and descriptors must be where they were, and all counters right.
"""

import argparse
import signal
import sys
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from bench import load
from bench.footprint import Footprint, footprint
from bench.load import LoadResult
from bench.sampling import progress

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_mariadb
from support.rig.daemon import Sendlimit
from support.rig.dovecot import PrivateDovecot
from support.rig.mailboxes import fresh_domains, known_mailboxes
from support.rig.mariadb import PrivateMariaDB
from support.rig.postfix import RECOMMENDED_MILTERS, PrivatePostfix
from support.rig.process import private_folder, running, wait_for
from support.rig.stage import DECISION_TIMEOUT_S
from support.rig.traffic import ELSEWHERE, Traffic

RATE = 150
"""Mails a second of the load generator: more than a busy mail server has."""
LIMITED = {
    "mbox000000@dom000.test": ("messages_per_day", 20),
    "mbox000001@dom001.test": ("messages_per_minute", 5),
}
"""Two mailboxes that reach their limits all the time; the others have none."""

_CONNECTIONS = 20
_MAILBOXES = 20
_CLIENTS = 3  # through Postfix
_ENDINGS = "6,2,1"  # sent, given up, hung up
_MAILS_PER_CONNECTION = 5
_WARM_UP_S = 4
_SAMPLE_S = 0.5
_TELL_S = 20
_SAME = 10  # samples, a few hundredths of a second apart
_SETTLES_S = 30
_WORKERS_SPARE = 10  # what libmilter keeps of its worker threads depends on the last burst
# Python's collector lets some garbage lie for long: 2.5 MB after 27,000 mails, half of it in the
# first third.
_GROWTH_MAX_BYTES = 6_000_000
_MIB = 1024 * 1024
_ROWS = "SELECT scope, subject, unit, `window`, used FROM er_counter WHERE used <> 0"


class SoakError(Exception):
    """Something was not where it was, or counted wrongly; the message says what."""


@dataclass(frozen=True)
class Soak:
    """What was seen.

    Attributes:
        load: what the load generator saw.
        traffic: what the clients of Postfix saw beside it.
        before: the daemon after a warm-up, with no connection open.
        most: the most that it held of each during the load.
        after: the daemon when it was quiet again.
    """

    load: LoadResult
    traffic: Traffic
    before: Footprint
    most: Footprint
    after: Footprint

    def __str__(self) -> str:
        """Show it as a sentence and a table."""
        ways = ", ".join(f"{number} ended by {way}" for way, number in self.load.endings.items())
        rows = [
            f"  {name:7} {held.resident_bytes / _MIB:9.1f} {held.threads:8} {held.descriptors:12}"
            for name, held in (("before", self.before), ("most", self.most), ("after", self.after))
        ]
        mails = f"{self.load.decisions} mails: {self.load.refused} refused, {ways}"
        beside = f"{self.traffic.accepted} sent through Postfix beside them"
        head = "  daemon  RSS in MiB  threads  descriptors"
        return "\n".join([f"{mails}; {beside}", head, *rows])


def soak(
    folder: Path, store: Counters, postfix: PrivatePostfix, login: str, *, seconds: float
) -> Soak:
    """Put steady load on a daemon of its own and check what is left.

    Args:
        folder: for the daemon's files.
        store: empty.
        postfix: asks its milter socket, where the daemon will listen.
        login: a mailbox that can send through it.
        seconds: of the load.

    Raises:
        SoakError: something is not where it was.
        TimeoutError: the daemon does not let go of something, or counted wrongly.
    """
    limits: dict[str, object] = {
        "mailbox": {"messages_per_minute": 10**9, "recipients_per_day": 10**9},
        "for": {name: {"mailbox": {limit: value}} for name, (limit, value) in LIMITED.items()},
    }
    settings = configuration(
        folder / "soak",
        postfix.milter_socket,
        {**store.settings, "decision_timeout_s": DECISION_TIMEOUT_S},
        limits=limits,
        log={"level": "warning"},
    )
    daemon = Sendlimit(folder / "soak", settings)
    with running(daemon):
        pid = daemon.process.pid
        warm = _Load(postfix.milter_socket, _WARM_UP_S, seed=1).finish()
        before = _settled(pid)
        with Traffic(postfix.submission_port, login, clients=_CLIENTS) as traffic:
            running_load = _Load(postfix.milter_socket, seconds, seed=2)
            most = running_load.watch(pid, before)
            result = running_load.finish()
        found = Soak(result, traffic, before, most, _settled(pid, before))

        sent = warm.endings["eom"] + result.endings["eom"]
        expected = {
            "messages": sent + traffic.accepted,
            "recipients": sent + traffic.accepted * len(ELSEWHERE),
        }

        def wrong() -> str:
            return miscounted(store, expected)

        wait_for(lambda: not wrong(), _SETTLES_S, "right counters", wrong)
        store.wait_until_used(login, traffic.accepted)
    if problems := _problems(found, daemon):
        raise SoakError("\n".join([*problems, str(found)]))
    return found


def miscounted(store: Counters, expected: dict[str, int]) -> str:
    """Say which counters are wrong; "" if none is.

    Args:
        store: what has counted.
        expected: how much of each unit all mails together have used.
    """
    found: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    most_a_minute: Counter[str] = Counter()
    for scope, subject, unit, window, used in store.query(_ROWS):
        found[scope, unit, window][subject] += used
        if (scope, unit, window) == ("mailbox", "messages", "minute"):
            most_a_minute[subject] = max(most_a_minute[subject], used)
    totals = {key: counters.total() for key, counters in found.items()}
    if wrong := {key: total for key, total in totals.items() if total != expected[key[1]]}:
        return f"{wrong} instead of {expected}"
    if ("global", "messages", "ever") not in totals:
        return f"no counter of all mail, {expected} expected"
    reached = {
        "messages_per_day": found["mailbox", "messages", "day"],
        "messages_per_minute": most_a_minute,
    }
    over = [name for name, (limit, value) in LIMITED.items() if reached[limit][name] > value]
    return f"over their limits: {over}" if over else ""


def on_mariadb(*, seconds: float) -> None:
    """Soak a daemon on a MariaDB with default durability; print what was seen.

    Raises:
        SoakError: something is not where it was.
        TimeoutError: the daemon does not let go of something, or counted wrongly.
    """
    with (
        private_folder("soak") as folder,
        running(PrivateMariaDB(folder / "mariadb")) as server,
        running(PrivateDovecot(folder / "dovecot")) as dovecot,
        running(
            PrivatePostfix(
                folder / "postfix", sasl_path=dovecot.sasl_path, milters=RECOMMENDED_MILTERS
            )
        ) as postfix,
    ):
        dovecot.set_mailboxes(known_mailboxes())
        progress(f"{RATE} mails a second for {seconds:.0f} s")
        store = in_mariadb(server, server.create_database("soak", "soak", "soak"))
        print(soak(folder, store, postfix, next(fresh_domains()).alice, seconds=seconds))
        print("all counters right")


class _Load:
    """One run of the load generator, in the background."""

    def __init__(self, socket: Path, seconds: float, seed: int) -> None:
        words = load.options(
            seconds=seconds,
            rate=RATE,
            connections=_CONNECTIONS,
            mailboxes=_MAILBOXES,
            endings=_ENDINGS,
            mails_per_connection=_MAILS_PER_CONNECTION,
            seed=seed,
        )
        self._seconds = seconds
        self._popen = load.start(f"unix:{socket}", words)

    def watch(self, pid: int, before: Footprint) -> Footprint:
        """Return the most that a process holds of each until the load ends."""
        most, told_s = before, time.monotonic()
        while self._popen.poll() is None:
            time.sleep(_SAMPLE_S)
            most = _greater(most, footprint(pid))
            if time.monotonic() > told_s + _TELL_S:
                told_s = time.monotonic()
                progress(f"{footprint(pid).resident_bytes / _MIB:.1f} MiB")
        return most

    def finish(self) -> LoadResult:
        """Wait for its end."""
        return load.finish(self._popen, self._seconds + _SETTLES_S)


def _problems(found: Soak, daemon: Sendlimit) -> list[str]:
    """Return what is not as it should be."""
    before, after, result, traffic = found.before, found.after, found.load, found.traffic
    claims = {
        "mails without an answer": result.errors == result.unfinished == 0,
        f"errors through Postfix: {traffic.errors}": not traffic.errors,
        f"a mail waited {traffic.longest_wait_s:.1f} s": (
            traffic.longest_wait_s < DECISION_TIMEOUT_S + 1 + traffic.stalls_s
        ),
        "no mail was refused": result.refused > 0,
        "a kind of ending is missing": all(result.endings.values()),
        "memory grows": after.resident_bytes <= before.resident_bytes + _GROWTH_MAX_BYTES,
        f"warnings in the log:\n{daemon.process.log_tail()}": not daemon.lines(),
    }
    return [problem for problem, holds in claims.items() if not holds]


def _settled(pid: int, before: Footprint | None = None) -> Footprint:
    """Return what a daemon holds once closed connections have left it.

    Args:
        pid: of the daemon.
        before: more descriptors or threads than this must not be left.
    """
    seen: list[int] = []

    def settled() -> bool:
        now = footprint(pid)
        seen.append(now.descriptors)
        if before is not None:
            return (
                now.descriptors <= before.descriptors
                and now.threads <= before.threads + _WORKERS_SPARE
            )
        return len(seen) > _SAME and len(set(seen[-_SAME:])) == 1

    wait_for(settled, _SETTLES_S, f"{before or 'closed connections'}", lambda: f"{footprint(pid)}")
    return footprint(pid)


def _greater(one: Footprint, other: Footprint) -> Footprint:
    return Footprint(
        max(one.resident_bytes, other.resident_bytes),
        max(one.threads, other.threads),
        max(one.descriptors, other.descriptors),
    )


def main() -> None:
    """Do what the command line says."""
    parser = argparse.ArgumentParser(
        prog="script/soak",
        description="Send steady mail to a private daemon and look for what it keeps afterwards.",
    )
    parser.add_argument("--seconds", type=float, default=180, metavar="N", help="how long (180)")
    # Turned into an exception, so that every server is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        on_mariadb(seconds=parser.parse_args().seconds)
    except (SoakError, TimeoutError) as error:
        sys.exit(str(error))


if __name__ == "__main__":
    main()
