"""One sample: load on a contender, with the CPU time that it took; and medians of samples."""

import resource
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench import footprint
from bench.contender import Contender
from bench.load import LoadResult

_SETTLE_DEADLINE_S = 5
_SETTLE_STEP_S = 0.05
_QUIET_SHARE = 0.25  # of one core: less is what an idle server does for itself
_COUNTED_DEADLINE_S = 10
DISTURBED_SHARE = 0.05
"""Of the machine's time: used by others during a run, it is called disturbed."""
_CPU_FIELDS = ("user", "nice", "system", "idle", "iowait", "irq", "softirq", "steal")
_begin_s = time.monotonic()


class WrongCountError(Exception):
    """A run that does not count: accepted and counted differ, or the log has a fault."""


@dataclass(frozen=True)
class Sample:
    """One run of the load generator.

    Attributes:
        load: what the load generator saw.
        daemon_us: CPU microseconds of the daemon for each decision.
        store_us: the same of its database server.
        others: the part of the machine's time that went to anything else, stolen time included.
    """

    load: LoadResult
    daemon_us: float
    store_us: float
    others: float

    @property
    def is_disturbed(self) -> bool:
        """Whether something else had a noticeable part of the machine."""
        return self.others > DISTURBED_SHARE


def progress(text: str) -> None:
    """Tell the person who waits what has been done, with the time since the start."""
    minutes, seconds = divmod(int(time.monotonic() - _begin_s), 60)
    print(f"[{minutes:2}:{seconds:02}] {text}", file=sys.stderr, flush=True)


def settle(contender: Contender) -> None:
    """Wait until a contender has done what is left from the last load."""
    deadline_s = time.monotonic() + _SETTLE_DEADLINE_S
    before_s = sum(contender.cpu_s())
    while time.monotonic() < deadline_s:
        time.sleep(_SETTLE_STEP_S)
        after_s = sum(contender.cpu_s())
        if after_s - before_s < _QUIET_SHARE * _SETTLE_STEP_S:
            return
        before_s = after_s


def take(contender: Contender, *, seconds: float, **values: float | str | bool) -> Sample:
    """Put load on a contender and wait until it is quiet again.

    Args:
        contender: what is measured.
        seconds: how long at most.
        values: options of the load generator.

    Raises:
        WrongCountError: not every mail that was accepted and sent is counted, or more are.
    """
    counted_before = contender.counted() if contender.counted is not None else 0
    machine_before, ours_before_s = _machine_s(), _ours_s()
    daemon_before_s, store_before_s = contender.cpu_s()
    load = contender.run(seconds=seconds, **values)
    settle(contender)
    daemon_after_s, store_after_s = contender.cpu_s()
    machine_after, ours_after_s = _machine_s(), _ours_s()
    daemon_s, store_s = daemon_after_s - daemon_before_s, store_after_s - store_before_s
    ours_s = daemon_s + store_s + ours_after_s - ours_before_s
    spent = {name: machine_after[name] - machine_before[name] for name in _CPU_FIELDS}
    busy_s = spent["user"] + spent["nice"] + spent["system"] + spent["steal"]
    decisions = max(load.decisions, 1)
    compare_counts(contender, counted_before, load)
    return Sample(
        load,
        daemon_s * 1e6 / decisions,
        store_s * 1e6 / decisions,
        max(0.0, busy_s - ours_s) / max(sum(spent.values()), 1e-9),
    )


def compare_counts(contender: Contender, before: int, load: LoadResult) -> None:
    """Make sure that what was accepted and sent is counted, each mail once.

    Args:
        contender: what was measured.
        before: what it had counted before the run.
        load: the run; of mails that it left without an answer nothing is known.

    Raises:
        WrongCountError: with the numbers.
    """
    if contender.counted is None:
        return
    sent = load.endings.get("eom", 0)
    unknown = load.errors + load.unfinished
    deadline_s = time.monotonic() + _COUNTED_DEADLINE_S
    while not sent <= contender.counted() - before <= sent + unknown:
        if time.monotonic() > deadline_s:
            counted = contender.counted() - before
            raise WrongCountError(
                f"{contender.name}: {sent} mails were accepted and sent, {counted} are counted"
            )
        time.sleep(_SETTLE_STEP_S)


def _machine_s() -> dict[str, float]:
    """Return what the machine's processors have done so far, in seconds by kind."""
    ticks = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    return {
        name: int(number) / footprint.TICKS_PER_S
        for name, number in zip(_CPU_FIELDS, ticks, strict=False)
    }


def _ours_s() -> float:
    """Return the CPU seconds of this program and of the load generators that have ended."""
    return sum(
        usage.ru_utime + usage.ru_stime
        for usage in map(resource.getrusage, (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    )


def median(samples: Sequence[Sample], figure: Callable[[Sample], float]) -> float:
    """Return the median of one figure of the samples."""
    return statistics.median(figure(sample) for sample in samples)


def ratio(
    samples: Sequence[Sample], others: Sequence[Sample], figure: Callable[[Sample], float]
) -> float:
    """Return the median of the rounds' ratios of one figure.

    What a round measures is measured close together: a machine that is slower in one round than
    in the next changes the figures, and hardly their ratios.
    """
    pairs = zip(samples, others, strict=True)
    return statistics.median(figure(sample) / figure(other) for sample, other in pairs)


def spread(figures: Sequence[float]) -> float:
    """Return how far figures of the same thing lie apart, as a part of their median."""
    return (max(figures) - min(figures)) / statistics.median(figures)


def rate(sample: Sample) -> float:
    """Return decisions a second."""
    return sample.load.decisions_per_s


def p50_us(sample: Sample) -> float:
    """Return the median latency."""
    return sample.load.p50_us


def p99_us(sample: Sample) -> float:
    """Return the latency that 1 % of the decisions pass."""
    return sample.load.p99_us


def store_us(sample: Sample) -> float:
    """Return CPU microseconds a decision of the store alone."""
    return sample.store_us


def cpu_us(sample: Sample) -> float:
    """Return CPU microseconds a decision, daemon and store together."""
    return sample.daemon_us + sample.store_us


def lost(sample: Sample) -> int:
    """Return how many mails got no answer."""
    return sample.load.errors + sample.load.unfinished
