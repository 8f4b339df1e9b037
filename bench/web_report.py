"""What `script/bench --web` says: the figures, and which goals they meet."""

import statistics
from collections.abc import Callable, Sequence
from typing import NamedTuple

from bench.sampling import rate, ratio
from bench.web import CONNECTIONS, REQUESTS_PER_S, WebResults

_KEPT = 0.95


class Goal(NamedTuple):
    """What a figure should be."""

    text: str
    measured: str
    is_met: bool


def goals(results: WebResults) -> Sequence[Goal]:
    """Compare what was measured with what is wanted."""

    def at_most(text: str, figure: float, most: float, unit: str) -> Goal:
        return Goal(f"{text}: under {most:g} {unit}", f"{figure:.0f} {unit}", figure < most)

    kept = ratio(results.beside, results.alone, rate)
    resident_mb = results.resident_bytes / 1e6
    return (
        at_most("overview, median", results.pages["overview"].median, 200, "ms"),
        at_most("mailbox page, median", results.pages["mailbox"].median, 100, "ms"),
        at_most(
            "every other page, median",
            max(each.median for each in results.pages.values()),
            200,
            "ms",
        ),
        at_most("resident memory of the web process", resident_mb, 120, "MB"),
        Goal(
            f"{REQUESTS_PER_S} requests a second to the API take at most 5 % of the milter's rate",
            f"{kept:.2f} of it left",
            kept >= _KEPT,
        ),
    )


def render(results: WebResults, table: Callable[..., str]) -> str:
    """Write the report.

    Args:
        results: of measure().
        table: writes a table: header, rows.
    """
    timings = [
        (name, *(f"{figure:.0f}" for figure in timing))
        for name, timing in (*results.pages.items(), *results.calls.items())
    ]
    return "\n".join(
        (
            "# Benchmarks of the pages and the API\n",
            (
                "Written by `script/bench --web`; run it to get the numbers of your machine. MariaDB has the sizes"
                " of its default configuration; it, the daemon, the web process and the load generator share the"
                f" same processors. {results.size.mailboxes:,} mailboxes have {results.size.days} days of history each, 5,000 a refusal,"
                f" 1,000 a limit of their own. The run took {results.minutes:.0f} minutes.\n"
            ),
            "## Goals\n",
            table(
                ["goal", "measured", "met"],
                [
                    (goal.text, goal.measured, "yes" if goal.is_met else "**no**")
                    for goal in goals(results)
                ],
            ),
            "## Time to an answer in ms\n",
            table(["", "median", "longest", "CPU, web and database", "503 first"], timings),
            "## The milter beside the API\n",
            (
                f"Decisions a second at {CONNECTIONS} connections, {results.size.rounds} rounds in turn; the medians."
                f" {results.asked_per_s:.0f} requests a second were answered.\n"
            ),
            table(
                ["", "decisions/s", "every round"],
                [
                    (
                        name,
                        f"{statistics.median(map(rate, samples)):,.0f}",
                        ", ".join(f"{rate(each):,.0f}" for each in samples),
                    )
                    for name, samples in (
                        ("alone", results.alone),
                        ("beside the API", results.beside),
                    )
                ],
            ),
        )
    )
