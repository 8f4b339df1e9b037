"""Everything that one run measured, and whether the goals were met."""

import statistics
from collections.abc import Callable
from dataclasses import dataclass

from bench import own
from bench.comparison import Comparison
from bench.contender import LIMIT_PER_DAY
from bench.footprint import Footprint
from bench.growth import Growth
from bench.plan import Plan
from bench.sampling import Sample, cpu_us, p50_us, p99_us, rate, ratio

EMPTY = own.EMPTY
SENDLIMIT = own.ON_MARIADB
RSPAMD = "rspamd + redis"
POLICYD = "policyd-rate-limit"


@dataclass(frozen=True, kw_only=True)
class Results:
    """What one run measured.

    Attributes:
        plan: its sizes.
        machine: pairs of a name and what it is there.
        contenders: their names, in order.
        comparison: every contender at every number of connections.
        end_to_end: messages a second by milter and whether connections are kept.
        growth: databases of different size.
        sessions: what daemons hold, by contender and open sessions.
        minutes: how long the run took.
    """

    plan: Plan
    machine: list[tuple[str, str]]
    contenders: list[str]
    comparison: Comparison
    end_to_end: dict[tuple[str, bool], list[float]]
    growth: Growth
    sessions: dict[tuple[str, int], Footprint]
    minutes: float

    @property
    def bare_us(self) -> float:
        """The least that a counted mail can cost: median of the rounds."""
        return statistics.median(self.comparison.bare_us)

    @property
    def times_bare(self) -> float:
        """How many times as long an answer takes at 1 connection: median of the rounds' ratios."""
        answers_us = map(p50_us, self.samples(SENDLIMIT, 1))
        pairs = zip(answers_us, self.comparison.bare_us, strict=True)
        return statistics.median(answer / bare for answer, bare in pairs)

    def samples(self, contender: str, connections: int) -> list[Sample]:
        """Return the samples of the comparison, one a round."""
        return self.comparison.per_message[contender, connections]


@dataclass(frozen=True, kw_only=True)
class Goal:
    """A goal of issue 3 and what was measured.

    Attributes:
        text: the goal.
        measured: the figures, one for each number of connections where that matters.
        is_met: whether all of them meet it.
    """

    text: str
    measured: str
    is_met: bool


def _ratios(
    text: str, figures: dict[int, float], *, at_least: float = 0, at_most: float = float("inf")
) -> Goal:
    """Compare one ratio for each number of connections with the goal."""
    measured = ", ".join(f"{figure:.2f} at {number}" for number, figure in figures.items())
    is_met = all(at_least <= figure <= at_most for figure in figures.values())
    return Goal(text=text, measured=measured, is_met=is_met)


def goals(results: Results) -> list[Goal]:
    """Return the goals of issue 3 with the figures of this run."""
    connections = results.plan.connections

    def versus(
        other: str, figure: Callable[[Sample], float], numbers: tuple[int, ...]
    ) -> dict[int, float]:
        return {
            number: ratio(
                results.samples(SENDLIMIT, number), results.samples(other, number), figure
            )
            for number in numbers
        }

    few, many = results.plan.mailboxes
    growth = results.growth.by_mailboxes
    most = max(results.plan.sessions)
    resident_mb = results.sessions[SENDLIMIT, most].resident_bytes / 1e6
    passed = results.comparison.passed[SENDLIMIT]
    return [
        _ratios(
            "rate: at least 0.8 of the empty daemon at 10, 50 and 200 connections",
            versus(EMPTY, rate, connections[1:]),
            at_least=0.8,
        ),
        _ratios(
            "p99 at 50 connections: at most twice the empty daemon's",
            versus(EMPTY, p99_us, (50,)),
            at_most=2,
        ),
        _ratios("rate: above rspamd's everywhere", versus(RSPAMD, rate, connections), at_least=1),
        _ratios(
            "CPU a decision, daemon and store: at most half of rspamd's",
            versus(RSPAMD, cpu_us, connections),
            at_most=0.5,
        ),
        _ratios(
            "rate: at least 4 times policyd-rate-limit's",
            versus(POLICYD, rate, connections),
            at_least=4,
        ),
        Goal(
            text=f"exact: {LIMIT_PER_DAY} of {3 * LIMIT_PER_DAY} pass",
            measured=", ".join(map(str, passed)),
            is_met=set(passed) == {LIMIT_PER_DAY},
        ),
        _ratios(
            f"rate with {many} mailboxes: at most 10 % below that with {few}",
            {50: ratio(growth[many], growth[few], rate)},
            at_least=0.9,
        ),
        _ratios(
            "latency at 1 connection: at most 1.5 times a bare `UPDATE; COMMIT`",
            {1: results.times_bare},
            at_most=1.5,
        ),
        Goal(
            text=f"resident memory at {most} sessions: under 60 MB",
            measured=f"{resident_mb:.1f} MB",
            is_met=resident_mb < 60,  # noqa: PLR2004 - the goal
        ),
    ]
