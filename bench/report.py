"""The report: tables of medians, ratios, goals, and what was not measured."""

import statistics
from collections.abc import Callable, Iterable, Sequence

from bench import comparison, endtoend, growth, outage
from bench.contender import LIMIT_PER_DAY
from bench.own import EMPTY_RCPT
from bench.results import EMPTY, SENDLIMIT, Results, goals
from bench.sampling import (
    DISTURBED_SHARE,
    Sample,
    cpu_us,
    lost,
    median,
    p50_us,
    p99_us,
    rate,
    ratio,
    spread,
)

_HEAD = """\
# Benchmarks

<picture>
  <source media="(prefers-color-scheme: dark)" srcset="benchmarks-dark.svg">
  <img src="benchmarks-light.svg" alt="Decisions a second, and processor time a decision, by connections">
</picture>

Written by `script/bench`; run it to get the numbers of your machine. Every figure is the median
of {rounds} interleaved rounds of {seconds:g} s each; servers and load generator share the same processors, so
compare figures within this page, not with other pages. The run took {minutes:.0f} minutes.

The load generator plays Postfix towards a milter: the same packets in the same writes, a new
connection for each mail, the next mail as soon as the last one is answered. One decision is one
mail: the answer to MAIL for pymilter daemons, the answer to the end of the message for rspamd
(it decides there), one request at RCPT for the policy services, which keep their connections
over 100 mails as Postfix does. All have a daily limit of {limit} for each user. rspamd runs nothing
but its ratelimit module; everything else has the defaults of its Debian package. After each run of sendlimit
the mails that its database has counted are compared with those that were accepted and sent; a difference, a
warning or a trace in its log ends the benchmark.

With a limit on external mail in force a milter has to answer RCPT, and Postfix waits for the answer:
one round trip more a mail. What it costs a daemon that does nothing else is the difference between
"{empty}" and "{empty_rcpt}".
"""

_NOT_MEASURED = """\
Other machines, more processors, a database that is really on another host, Galera, TLS and milters on TCP
sockets; rspamd with anything but its ratelimit module; the clients' own CPU time. rspamd's
redis does not write to disk before it answers, MariaDB and SQLite do. The latency at few
connections is that of the disk.
"""


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Format a table; the first column is text, the others are numbers."""
    cells = [list(header), *map(list, rows)]
    widths = [max(len(row[column]) for row in cells) for column in range(len(header))]
    lines = [
        "| "
        + " | ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(row, widths, strict=True))
        )
        + " |"
        for row in cells
    ]
    rule = [
        "-" * (width + 2) if column == 0 else "-" * (width + 1) + ":"
        for column, width in enumerate(widths)
    ]
    return "\n".join([lines[0], f"|{'|'.join(rule)}|", *lines[1:]]) + "\n"


def _milliseconds(us: float) -> str:
    return f"{us / 1000:.2f}"


def _comparison(results: Results) -> Iterable[str]:
    numbers = results.plan.connections

    def by_connections(cell: Callable[[list[Sample], int], str]) -> str:
        header = ["connections", *map(str, numbers)]
        rows = (
            [name, *(cell(results.samples(name, number), number) for number in numbers)]
            for name in results.contenders
        )
        return table(header, rows)

    def rate_and_share(samples: list[Sample], number: int) -> str:
        share = ratio(samples, results.samples(EMPTY, number), rate)
        return f"{median(samples, rate):,.0f} ({share:.2f})"

    yield "## Decisions a second (and the share of the empty daemon's)\n"
    yield by_connections(rate_and_share)
    if results.plan.rounds > 1:
        spreads = (spread([rate(sample) for sample in results.samples(EMPTY, n)]) for n in numbers)
        yield (
            "How unsteady the machine was: between the rounds the rates of the empty daemon differ"
            f" by {', '.join(f'{part:.0%}' for part in spreads)}.\n"
        )
    yield "## Latency of a decision in ms: p50 / p99\n"
    yield by_connections(
        lambda samples, _: (
            f"{_milliseconds(median(samples, p50_us))} / {_milliseconds(median(samples, p99_us))}"
        )
    )
    yield "## CPU microseconds a decision: daemon + store\n"
    yield by_connections(
        lambda samples, _: (
            f"{median(samples, lambda s: s.daemon_us):.0f} + {median(samples, lambda s: s.store_us):.0f}"
        )
    )
    disturbed = [
        f"{name} at {load} ({sum(sample.is_disturbed for sample in samples)} of {len(samples)})"
        for load, by_name in results.cells().items()
        for name, samples in by_name.items()
        if any(sample.is_disturbed for sample in samples)
    ]
    yield (
        f"Disturbed runs, in which other programs had more than {DISTURBED_SHARE:.0%} of the machine:"
        f" {', '.join(disturbed) or 'none'}.\n"
    )
    unanswered = {
        f"{name} at {number}: {count}"
        for name in results.contenders
        for number in numbers
        if (count := sum(map(lost, results.samples(name, number))))
    }
    yield f"Mails without an answer, all rounds: {', '.join(sorted(unanswered)) or 'none'}.\n"


def _several_mails(results: Results) -> Iterable[str]:
    yield (
        f"## {comparison.SEVERAL_MAILS} mails a connection, 2 ms apart,"
        f" {comparison.SEVERAL_MAILS_CONNECTIONS} connections\n"
    )
    yield table(
        ["", "decisions/s", "p50 ms", "p99 ms", "CPU us"],
        (
            [
                name,
                f"{median(samples, rate):,.0f}",
                _milliseconds(median(samples, p50_us)),
                _milliseconds(median(samples, p99_us)),
                f"{median(samples, cpu_us):.0f}",
            ]
            for name, samples in results.comparison.several_mails.items()
        ),
    )


def _kept(results: Results) -> Iterable[str]:
    numbers = results.plan.kept
    yield "## Connections kept over all mails, 2 ms apart: decisions a second / CPU us\n"
    names = list(dict.fromkeys(name for name, _ in results.comparison.kept))
    yield table(
        ["connections", *map(str, numbers)],
        (
            [
                name,
                *(
                    f"{median(results.comparison.kept[name, number], rate):,.0f}"
                    f" / {median(results.comparison.kept[name, number], cpu_us):.0f}"
                    for number in numbers
                ),
            ]
            for name in names
        ),
    )


def _outage(results: Results) -> Iterable[str]:
    yield f"## A database that is away or far away, {outage.CONNECTIONS} connections\n"
    found = results.outage
    cases = [
        ('frozen, on_failure = "meter": limits hold on from memory', found.metered),
        ('frozen, on_failure = "accept": everything passes', found.accepted),
        (f"{outage.AWAY_MS:g} ms away, alone on its database", found.distant[True]),
        (f"{outage.AWAY_MS:g} ms away, shared", found.distant[False]),
    ]
    yield table(
        ["", "decisions/s", "p50 ms", "p99 ms"],
        (
            [
                name,
                f"{median(samples, rate):,.0f}",
                _milliseconds(median(samples, p50_us)),
                _milliseconds(median(samples, p99_us)),
            ]
            for name, samples in cases
        ),
    )
    yield "All mails of the outages were counted when the database was back.\n"


def _exactness(results: Results) -> Iterable[str]:
    yield (
        f"## Exactness: {3 * LIMIT_PER_DAY} requests of one user with a limit of {LIMIT_PER_DAY},"
        " 50 connections\n"
    )
    yield table(
        ["", "passed, each round"],
        (
            [name, ", ".join(map(str, passed))]
            for name, passed in results.comparison.passed.items()
            if name != EMPTY
        ),
    )


def _end_to_end(results: Results) -> Iterable[str]:
    yield (
        f"## Through Postfix: messages/s, smtp-source with {endtoend.SESSIONS} sessions,"
        f" {endtoend.MAIL_BYTES} bytes\n"
    )
    names = list(dict.fromkeys(name for name, _ in results.end_to_end))
    yield table(
        ["", "a connection a message", "connections kept"],
        (
            [
                name,
                *(
                    f"{statistics.median(results.end_to_end[name, kept]):.0f}"
                    for kept in (False, True)
                ),
            ]
            for name in names
        ),
    )


def _growth(results: Results) -> Iterable[str]:
    yield f"## Growth, {growth.CONNECTIONS} connections, on MariaDB\n"
    cases = [
        *((f"{number:,} mailboxes", s) for number, s in results.growth.by_mailboxes.items()),
        *(
            (f"{results.plan.history_mailboxes:,} mailboxes, {days} days of history", s)
            for days, s in results.growth.by_days.items()
        ),
    ]
    yield table(
        ["", "decisions/s", "p99 ms", "CPU us"],
        (
            [
                name,
                f"{median(samples, rate):,.0f}",
                _milliseconds(median(samples, p99_us)),
                f"{median(samples, cpu_us):.0f}",
            ]
            for name, samples in cases
        ),
    )
    starts = ", ".join(
        f"{seconds:.2f} s with {mailboxes:,} mailboxes"
        for mailboxes, seconds in results.growth.start_s.items()
    )
    yield f"The history has {results.growth.rows:,} rows. From the start of the daemon to its first decision: {starts}.\n"


def _sessions(results: Results) -> Iterable[str]:
    yield "## Open sessions: resident MB / threads / descriptors of the daemon\n"
    numbers = (0, *results.plan.sessions)
    names = list(dict.fromkeys(name for name, _ in results.sessions))

    def cell(name: str, number: int) -> str:
        held = results.sessions[name, number]
        return f"{held.resident_bytes / 1e6:.1f} / {held.threads} / {held.descriptors}"

    yield table(
        ["sessions", *map(str, numbers)],
        ([name, *(cell(name, number) for number in numbers)] for name in names),
    )


def _bare(results: Results) -> Iterable[str]:
    yield "## One connection against the least a counted mail can cost\n"
    answer_us = median(results.samples(SENDLIMIT, 1), p50_us)
    yield (
        f"`UPDATE; COMMIT` of one row through PyMySQL: {_milliseconds(results.bare_us)} ms;"
        f" {SENDLIMIT} answers MAIL in {_milliseconds(answer_us)} ms"
        f" ({results.times_bare:.2f} times).\n"
    )


def _goals(results: Results) -> Iterable[str]:
    yield "## Goals\n"
    yield f"Of {SENDLIMIT}; a ratio is the median of the rounds' ratios.\n"
    yield table(
        ["goal", "measured", "met"],
        ([goal.text, goal.measured, "yes" if goal.is_met else "**no**"] for goal in goals(results)),
    )


def render(results: Results) -> str:
    """Return the report as Markdown that reads well on a terminal, too."""
    parts = [
        _HEAD.format(
            rounds=results.plan.rounds,
            seconds=results.plan.seconds,
            minutes=results.minutes,
            limit=LIMIT_PER_DAY,
            empty=EMPTY,
            empty_rcpt=EMPTY_RCPT,
        ),
        *_goals(results),
        *_comparison(results),
        *_several_mails(results),
        *_kept(results),
        *_outage(results),
        *_exactness(results),
        *_end_to_end(results),
        *_growth(results),
        *_sessions(results),
        *_bare(results),
        "## Machine and versions\n",
        table(["", ""], map(list, results.machine)),
        "## Not measured\n",
        _NOT_MEASURED,
    ]
    return "\n".join(parts)
