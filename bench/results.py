"""Everything that one run measured, and whether the goals were met."""

import operator
import statistics
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from bench import own
from bench.comparison import Comparison
from bench.contender import LIMIT_PER_DAY
from bench.footprint import Footprint
from bench.growth import Growth
from bench.outage import Outage
from bench.plan import Plan
from bench.sampling import Sample, cpu_us, median, p50_us, p99_us, rate, ratio, store_us

EMPTY = own.EMPTY
SENDLIMIT = own.ON_MARIADB
RSPAMD = "rspamd + redis"
POLICYD = "policyd-rate-limit"
POSTFWD = "postfwd"
PEERS = (RSPAMD, POLICYD, POSTFWD)
SEVERAL = "10 mails each"


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
        outage: a database that is frozen, and one that is far away.
        minutes: how long the run took.
    """

    plan: Plan
    machine: list[tuple[str, str]]
    contenders: list[str]
    comparison: Comparison
    end_to_end: dict[tuple[str, bool], list[float]]
    growth: Growth
    sessions: dict[tuple[str, int], Footprint]
    outage: Outage
    minutes: float

    def cells(self) -> dict[str, dict[str, list[Sample]]]:
        """Return all samples of the comparison: by load, then by contender."""
        found = {
            str(number): {name: self.samples(name, number) for name in self.contenders}
            for number in self.plan.connections
        }
        found[SEVERAL] = dict(self.comparison.several_mails)
        for (name, number), samples in self.comparison.kept.items():
            found.setdefault(f"{number} kept", {})[name] = samples
        return found

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
    """A goal and what was measured.

    Attributes:
        text: the goal.
        measured: the figures, one for each number of connections where that matters.
        is_met: whether all of them meet it.
    """

    text: str
    measured: str
    is_met: bool


def _goal(
    text: str,
    figures: Mapping[str, float],
    bounds: Mapping[str, float],
    meets: Callable[[float, float], bool],
) -> Goal:
    """Compare figures with the bound of each."""
    measured = ", ".join(f"{figure:.2f} at {name}" for name, figure in figures.items())
    is_met = all(meets(figure, bounds[name]) for name, figure in figures.items())
    return Goal(text=text, measured=measured, is_met=is_met)


def _words(bounds: Mapping[str, float]) -> str:
    return ", ".join(f"{bound:g} at {name}" for name, bound in bounds.items())


RATES = {"1": 0.95, "10": 0.85, "50": 0.80, "200": 0.85, SEVERAL: 0.75, "50 kept": 0.70, "200 kept": 0.70}  # fmt: skip
"""At least so much of the empty daemon's rate."""
_ALL_BUT_EXTERNAL = (
    "learned limits, shares, rolling windows, suspension, exempt clients and a map cost"
)
_EXTERNAL = "these and a limit on external mail cost"
_CONNECTIONS = (("a connection each", False), ("connections kept", True))
EVERYTHING_COSTS = 0.05
"""So much of the empty daemon's rate at most, of all that stops a stolen password."""
P99 = {"1": 1.5, "10": 1.5, "50": 1.5, "200": 1.2}
"""At most so many times the empty daemon's."""
P50_AT_1 = 1.5
STORE_US = 20
END_TO_END = 0.90
MANY_MAILBOXES = 0.95
COUNTERS_MB = 200
SESSIONS_MB = 60


def goals(results: Results) -> list[Goal]:
    """Return the goals with the figures of this run."""
    connections = results.plan.connections
    cells = results.cells()
    most = max(results.plan.sessions)
    few, many = results.plan.mailboxes
    growth = results.growth
    passed = results.comparison.passed[SENDLIMIT]
    resident_mb = results.sessions[SENDLIMIT, most].resident_bytes / 1e6
    counters_mb = (growth.resident_bytes[many] - growth.resident_bytes[few]) / 1e6

    def against(
        other: str, figure: Callable[[Sample], float], names: Iterable[str]
    ) -> dict[str, float]:
        return {
            name: ratio(cells[name][SENDLIMIT], cells[name][other], figure)
            for name in names
            if other in cells[name]
        }  # fmt: skip

    def through_postfix(name: str) -> dict[str, float]:
        rates = results.end_to_end
        return {
            words: statistics.median(
                own_rate / empty_rate
                for own_rate, empty_rate in zip(rates[name, kept], rates[EMPTY, kept], strict=True)
            )
            for words, kept in _CONNECTIONS
        }

    milters = through_postfix(SENDLIMIT)
    return [
        _goal(
            f"rate, part of the empty daemon's: at least {_words(RATES)}",
            against(EMPTY, rate, RATES),
            RATES,
            operator.ge,
        ),
        *(
            _goal(
                f"rate, part of the empty daemon's, that {what}: at most {EVERYTHING_COSTS:g}",
                {
                    case: ratio(by_name[SENDLIMIT], by_name[EMPTY], rate)
                    - ratio(by_name[name], by_name[empty], rate)
                    for case, by_name in cells.items()
                },
                dict.fromkeys(cells, EVERYTHING_COSTS),
                operator.le,
            )
            for name, empty, what in (
                (own.NOT_EXTERNAL, EMPTY, _ALL_BUT_EXTERNAL),
                (own.EVERYTHING, EMPTY, _EXTERNAL),
                (
                    own.EVERYTHING,
                    own.EMPTY_RCPT,
                    f"{_EXTERNAL}, beside an empty daemon that answers RCPT as well",
                ),
            )
        ),
        *(
            _goal(
                f"rate: above {peer}'s everywhere",
                found := against(peer, rate, cells),
                dict.fromkeys(found, 1.0),
                operator.gt,
            )
            for peer in PEERS
        ),
        _goal(
            f"p99, times the empty daemon's: at most {_words(P99)}",
            against(EMPTY, p99_us, P99),
            P99,
            operator.le,
        ),
        _goal(
            f"p50 at 1 connection: at most {P50_AT_1} times the empty daemon's",
            against(EMPTY, p50_us, ["1"]),
            {"1": P50_AT_1},
            operator.le,
        ),
        _goal(
            "CPU a decision, daemon and store: at most rspamd's and redis's",
            found := against(RSPAMD, cpu_us, cells),
            dict.fromkeys(found, 1.0),
            operator.le,
        ),
        _goal(
            f"CPU of the store alone: at most {STORE_US} us from 10 connections on",
            {str(n): median(results.samples(SENDLIMIT, n), store_us) for n in connections[1:]},
            dict.fromkeys(map(str, connections), STORE_US),
            operator.le,
        ),
        Goal(
            text=f"exact: {LIMIT_PER_DAY} of {3 * LIMIT_PER_DAY} pass",
            measured=", ".join(map(str, passed)),
            is_met=set(passed) == {LIMIT_PER_DAY},
        ),
        _goal(
            f"through Postfix: at least {END_TO_END} of the empty daemon's messages/s",
            milters,
            dict.fromkeys(milters, END_TO_END),
            operator.ge,
        ),
        *(
            _goal(
                f"through Postfix, part of the empty daemon's messages/s, that {what}: at most {EVERYTHING_COSTS:g}",
                {case: milters[case] - share for case, share in through_postfix(name).items()},
                dict.fromkeys(milters, EVERYTHING_COSTS),
                operator.le,
            )
            for name, what in ((own.NOT_EXTERNAL, _ALL_BUT_EXTERNAL), (own.EVERYTHING, _EXTERNAL))
        ),
        _goal(
            f"rate with {many} mailboxes: at least {MANY_MAILBOXES} of that with {few}",
            {"50": ratio(growth.by_mailboxes[many], growth.by_mailboxes[few], rate)},
            {"50": MANY_MAILBOXES},
            operator.ge,
        ),
        Goal(
            text=f"memory for the counters of {many} mailboxes: at most {COUNTERS_MB} MB",
            measured=f"{counters_mb:.0f} MB",
            is_met=counters_mb <= COUNTERS_MB,
        ),
        Goal(
            text=f"resident memory at {most} sessions: under {SESSIONS_MB} MB",
            measured=f"{resident_mb:.1f} MB",
            is_met=resident_mb < SESSIONS_MB,
        ),
    ]
