"""One sample: load on a contender, with the CPU time that it took; and medians of samples."""

import statistics
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from bench.contender import Contender
from bench.load import LoadResult

_SETTLE_DEADLINE_S = 5
_SETTLE_STEP_S = 0.05
_QUIET_SHARE = 0.25  # of one core: less is what an idle server does for itself
_begin_s = time.monotonic()


@dataclass(frozen=True)
class Sample:
    """One run of the load generator.

    Attributes:
        load: what the load generator saw.
        daemon_us: CPU microseconds of the daemon for each decision.
        store_us: the same of its database server.
    """

    load: LoadResult
    daemon_us: float
    store_us: float


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
    """
    daemon_before_s, store_before_s = contender.cpu_s()
    load = contender.run(seconds=seconds, **values)
    settle(contender)
    daemon_after_s, store_after_s = contender.cpu_s()
    decisions = max(load.decisions, 1)
    return Sample(
        load,
        (daemon_after_s - daemon_before_s) * 1e6 / decisions,
        (store_after_s - store_before_s) * 1e6 / decisions,
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


def cpu_us(sample: Sample) -> float:
    """Return CPU microseconds a decision, daemon and store together."""
    return sample.daemon_us + sample.store_us


def lost(sample: Sample) -> int:
    """Return how many mails got no answer."""
    return sample.load.errors + sample.load.unfinished
