"""Steady mail with all kinds of endings, for long: `script/bench --soak`.

Afterwards memory, threads and descriptors must be where they were, and all counters right.
"""

import subprocess
import time
from collections import Counter, defaultdict
from dataclasses import dataclass
from pathlib import Path

from bench import load, own
from bench.footprint import Footprint, footprint
from bench.load import LoadResult
from bench.sampling import progress
from support.rig.configuration import configuration
from support.rig.counters import Counters, in_mariadb
from support.rig.daemon import Sendlimit
from support.rig.process import private_folder, running, wait_for

RATE = 150
"""Mails a second: less than a busy machine can do, more than a busy mail server has."""
CONNECTIONS = 20
MAILBOXES = 20
LIMITED = {
    "mbox000000@dom000.test": ("messages_per_day", 20),
    "mbox000001@dom001.test": ("messages_per_minute", 5),
}
"""Two mailboxes that reach their limits all the time; the others have none."""

_ENDINGS = "6,2,1"  # sent, given up, hung up
_MAILS_PER_CONNECTION = 5
_WARM_UP_S = 2
_SAMPLE_S = 0.5
_TELL_S = 20
_SAME = 10  # samples, a few hundredths of a second apart
_SETTLES_S = 20
_WORKERS_SPARE = 10  # what libmilter keeps of its worker threads depends on the last burst
# Python's collector lets some garbage lie for long: 2.5 MB after 27,000 mails, half of it in the
# first third.
_GROWTH_MAX_BYTES = 5_000_000
_MIB = 1024 * 1024
_ROWS = "SELECT scope, subject, unit, `window`, used FROM er_counter WHERE used <> 0"


class SoakError(Exception):
    """Something was not where it was, or counted wrongly; the message says what."""


@dataclass(frozen=True)
class Soak:
    """What was seen.

    Attributes:
        load: what the load generator saw.
        before: the daemon after a warm-up, with no connection open.
        most: the most that it held of each during the load.
        after: the daemon when it was quiet again.
    """

    load: LoadResult
    before: Footprint
    most: Footprint
    after: Footprint

    def __str__(self) -> str:
        """Show it as a table."""
        rows = [
            f"  {name:7} {held.resident_bytes / _MIB:9.1f} {held.threads:8} {held.descriptors:12}"
            for name, held in (("before", self.before), ("most", self.most), ("after", self.after))
        ]
        return "\n".join(["  daemon  RSS in MiB  threads  descriptors", *rows])


def soak(folder: Path, store: Counters, *, seconds: float) -> Soak:
    """Put steady load on a daemon of its own and look at what is left.

    Args:
        folder: for the daemon's files.
        store: empty.
        seconds: of the load.

    Raises:
        SoakError: something is not where it was, or counted wrongly.
    """
    address = folder / "soak.sock"
    limits: dict[str, object] = {
        "mailbox": {"messages_per_minute": 10**9, "recipients_per_day": 10**9},
        "for": {name: {"mailbox": {limit: value}} for name, (limit, value) in LIMITED.items()},
    }
    settings = configuration(
        folder / "soak", address, store.settings, limits=limits, log={"level": "warning"}
    )
    daemon = Sendlimit(folder / "soak", settings)
    with running(daemon):
        pid = daemon.process.pid
        warm = load.finish(_started(address, _WARM_UP_S, seed=1), _WARM_UP_S + _SETTLES_S)
        before = _settled(pid)
        popen = _started(address, seconds, seed=2)
        most, told_s = before, time.monotonic()
        while popen.poll() is None:
            time.sleep(_SAMPLE_S)
            most = _greater(most, footprint(pid))
            if time.monotonic() > told_s + _TELL_S:
                told_s = time.monotonic()
                progress(f"{footprint(pid).resident_bytes / _MIB:.1f} MiB")
        result = load.finish(popen, _SETTLES_S)
        found = Soak(result, before, most, _settled(pid))
        sent = warm.endings["eom"] + result.endings["eom"]
        wait_for(
            lambda: not miscounted(store, sent),
            _SETTLES_S,
            "right counters",
            lambda: miscounted(store, sent),
        )
    problems = _problems(found, daemon)
    if problems:
        raise SoakError("\n".join([*problems, str(found)]))
    return found


def on_mariadb(*, seconds: float) -> None:
    """Soak a daemon on a MariaDB with default durability; print what was seen.

    Raises:
        SoakError: something is not where it was, or counted wrongly.
    """
    with private_folder("soak") as folder, own.mariadb(folder / "mariadb") as server:
        progress(f"{RATE} mails a second for {seconds:.0f} s")
        store = in_mariadb(server, own.database(server, "soak"))
        found = soak(folder, store, seconds=seconds)
    result = found.load
    ways = ", ".join(f"{number} ended by {way}" for way, number in result.endings.items())
    print(
        f"{result.decisions} mails: {result.refused} refused, {ways}; all counters right\n{found}"
    )


def miscounted(store: Counters, sent: int) -> str:
    """Say which counters are not what so many mails to one recipient make them; "" if all are."""
    found: defaultdict[tuple[str, str, str], Counter[str]] = defaultdict(Counter)
    most_a_minute: Counter[str] = Counter()
    for scope, subject, unit, window, used in store.query(_ROWS):
        found[scope, unit, window][subject] += used
        if (scope, unit, window) == ("mailbox", "messages", "minute"):
            most_a_minute[subject] = max(most_a_minute[subject], used)
    totals = {key: counters.total() for key, counters in found.items()}
    if wrong := {key: total for key, total in totals.items() if total != sent}:
        return f"{wrong} instead of {sent}"
    reached = {"messages_per_day": found["mailbox", "messages", "day"], "messages_per_minute": most_a_minute}  # fmt: skip
    over = [name for name, (limit, value) in LIMITED.items() if reached[limit][name] > value]
    return f"over their limits: {over}" if over else ""


def _problems(found: Soak, daemon: Sendlimit) -> list[str]:
    """Return what is not as it should be."""
    before, after, result = found.before, found.after, found.load
    promises = {
        "mails without an answer": result.errors == result.unfinished == 0,
        "no mail was refused": result.refused > 0,
        "a kind of ending is missing": all(result.endings.values()),
        "descriptors left open": after.descriptors <= before.descriptors,
        "threads left over": after.threads <= before.threads + _WORKERS_SPARE,
        "memory grows": after.resident_bytes <= before.resident_bytes + _GROWTH_MAX_BYTES,
        f"warnings in the log:\n{daemon.process.log_tail()}": not daemon.lines(),
    }
    return [problem for problem, kept in promises.items() if not kept]


def _started(address: Path, seconds: float, seed: int) -> subprocess.Popen[bytes]:
    words = load.options(
        seconds=seconds,
        rate=RATE,
        connections=CONNECTIONS,
        mailboxes=MAILBOXES,
        endings=_ENDINGS,
        mails_per_connection=_MAILS_PER_CONNECTION,
        seed=seed,
    )
    return load.start(f"unix:{address}", words)


def _settled(pid: int) -> Footprint:
    """Return what a daemon holds once closed connections have left it."""
    seen: list[int] = []

    def settled() -> bool:
        seen.append(footprint(pid).descriptors)
        return len(seen) > _SAME and len(set(seen[-_SAME:])) == 1

    wait_for(settled, _SETTLES_S, "closed connections")
    return footprint(pid)


def _greater(one: Footprint, other: Footprint) -> Footprint:
    return Footprint(
        max(one.resident_bytes, other.resident_bytes),
        max(one.threads, other.threads),
        max(one.descriptors, other.descriptors),
    )
