"""Measure everything in one run: `script/bench [--web] [--quick]`."""

import argparse
import contextlib
import signal
import sys
import time
from pathlib import Path

from bench import (
    bare,
    chart,
    comparison,
    endtoend,
    growth,
    machine,
    outage,
    own,
    peers,
    sessions,
    web,
    web_report,
)
from bench.plan import QUICK, WHOLE, Plan
from bench.report import render, table
from bench.results import Results
from bench.sampling import progress
from support.rig.process import private_folder

_ROOT = Path(__file__).parents[1]
_WHOLE_REPORT = _ROOT / "docs" / "benchmarks.md"
_WEB_REPORT = _ROOT / "build" / "benchmarks-web.md"
_QUICK_REPORT = _ROOT / "build" / "benchmarks-quick.md"


def measure(plan: Plan) -> Results:
    """Start everything, measure, end everything."""
    begin_s = time.monotonic()
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(private_folder("bench"))
        progress("starting the servers")
        default = stack.enter_context(own.mariadb(folder / "mariadb"))
        empty = stack.enter_context(own.empty(folder / "empty"))
        on_mariadb = stack.enter_context(
            own.sendlimit_on_mariadb(
                folder / "sendlimit",
                default,
                own.database(default, "sendlimit"),
                name=own.ON_MARIADB,
            )
        )
        everything = [
            stack.enter_context(
                own.sendlimit_on_mariadb(
                    folder / f"sendlimit-{database}",
                    default,
                    own.database(default, database),
                    name=name,
                    more=own.everything_on(folder / database, external=external),
                )
            )
            for name, database, external in (
                (own.NOT_EXTERNAL, "all_but_external", False),
                (own.EVERYTHING, "everything", True),
            )
        ]
        contenders = [
            empty,
            stack.enter_context(own.empty(folder / "empty-direct", direct=True)),
            stack.enter_context(own.empty(folder / "empty-rcpt", answers_rcpt=True)),
            on_mariadb,
            stack.enter_context(
                own.sendlimit_on_mariadb(
                    folder / "sendlimit-shared",
                    default,
                    own.database(default, "shared"),
                    name=own.SHARED,
                    shared=True,
                )
            ),
            *everything,
            stack.enter_context(
                own.sendlimit_on_sqlite(folder / "sendlimit-sqlite", name=own.ON_SQLITE)
            ),
            stack.enter_context(peers.rspamd(folder)),
            stack.enter_context(peers.policyd_rate_limit(folder)),
            stack.enter_context(peers.postfwd(folder)),
        ]
        tables = own.database(default, "bare")
        return Results(
            plan=plan,
            machine=machine.facts(),
            contenders=[contender.name for contender in contenders],
            comparison=comparison.compare(
                contenders, plan, lambda: bare.update_and_commit_us(tables, plan)
            ),
            end_to_end=endtoend.through_postfix(folder, [empty, on_mariadb, *everything], plan),
            growth=growth.grow(folder, default, plan),
            sessions=sessions.open_sessions([empty, on_mariadb], plan),
            outage=outage.measure(folder, plan),
            minutes=(time.monotonic() - begin_s) / 60,
        )


def _words() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="script/bench",
        description="Measure sendlimit next to an empty milter and to what people use today.",
    )
    parser.add_argument(
        "--quick",
        action="store_true",
        help="one short round in some 5 minutes; docs/benchmarks.md stays as it is",
    )
    parser.add_argument(
        "--web",
        action="store_true",
        help="only the pages and the API, into build/benchmarks-web.md; with --quick fewer mailboxes",
    )
    return parser.parse_args()


def main() -> None:
    """Do what the command line says."""
    words = _words()
    # Turned into an exception, so that every server is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    if words.web:
        _report_web(quick=words.quick)
    else:
        _report(quick=words.quick)


def _report_web(*, quick: bool) -> None:
    """Measure the pages and the API, print and write the report."""
    text = web_report.render(web.measure(web.QUICK if quick else web.WHOLE), table)
    _WEB_REPORT.parent.mkdir(exist_ok=True)
    _WEB_REPORT.write_text(text)
    print(text)
    progress(f"written to {_WEB_REPORT.relative_to(_ROOT)}")


def _report(*, quick: bool) -> None:
    """Measure, print and write the report."""
    results = measure(QUICK if quick else WHOLE)
    text = render(results)
    report = _QUICK_REPORT if quick else _WHOLE_REPORT
    report.parent.mkdir(exist_ok=True)
    report.write_text(text)
    for is_dark, name in ((False, "benchmarks-light.svg"), (True, "benchmarks-dark.svg")):
        (report.parent / name).write_text(chart.draw(results, is_dark=is_dark))
    print(text)
    progress(f"written to {report.relative_to(_ROOT)}")


if __name__ == "__main__":
    main()
