"""Try sendlimit on bare Debian systems: `script/test-on SUITE... [--quick|--package|--deploy]`.

For each suite ("bookworm", "trixie") a system is made with debootstrap and started, with nothing
of this machine in it and no network; in it script/demo, docs/howto.md, script/install,
script/uninstall and script/test run, and the Debian packages are tried (not with --quick).
Several suites are tried at the same time.

What this machine lacks is no failure of sendlimit's: everything up to the first command that runs
in a bare system may end with "can't be tried here". From then on each failure is one.
"""

import argparse
import enum
import math
import os
import re
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from bare import howto, preconditions
from bare.base import CACHE, Base, bare_base
from bare.deployments import try_images, try_role
from bare.here import mirrors, pip_settings
from bare.machine import machine
from bare.package_trials import PLACE, PackagedServer, build_both
from bare.release import ROOT, debian_packages, unpacked
from bare.report import CannotTryError, Report
from bare.trials import HowToServer, try_from_checkout, try_tests
from support.rig.process import end_children

_NEWEST = "13"  # what is not released yet follows the how-to for this version
_PREPARING_S = 10 * 60
_QUICK_S = 23 * 60  # and up to two minutes to end what runs then
_INTERRUPTED = 128 + signal.SIGINT


class Outcome(enum.Enum):
    """How the trial of a suite ended."""

    PASSED = "passed"
    FAILED = "failed"
    CANNOT = "can't be tried here"


def main() -> int:
    """Try all suites.

    Returns:
        0: everything worked, 1: something did not, 2: wrong words, 75 (EX_TEMPFAIL of sysexits.h):
        something can't be tried on this machine, and nothing failed; 130: interrupted.
    """
    parser = argparse.ArgumentParser(prog="script/test-on", description=__doc__)
    parser.add_argument("suites", nargs="+", metavar="SUITE", help="bookworm, trixie, testing")
    parser.add_argument("--quick", action="store_true", help="a chosen part of the tests")
    parser.add_argument(
        "--package", action="store_true", help="the Debian packages and nothing else"
    )
    parser.add_argument(
        "--deploy", action="store_true", help="the Ansible role, the images and nothing else"
    )
    parser.add_argument("--tests", default="", metavar="WORDS", help="these tests and nothing else")
    parser.add_argument("--mirror", default="", metavar="URL", help="archive of Debian; else apt's")
    parser.add_argument("--cache", type=Path, default=CACHE, help="folder of earlier bare systems")
    options = parser.parse_args()
    try:
        preconditions.check(options.cache, options.suites)
        return _try_suites(options)
    except CannotTryError as exc:
        print(f"test-on: {Outcome.CANNOT.value}: {exc}")
        return os.EX_TEMPFAIL


def _try_suites(options: argparse.Namespace) -> int:
    logs = ROOT / "build/test-on"
    logs.mkdir(parents=True, exist_ok=True)
    reports = [_report(logs, suite, quick=options.quick) for suite in options.suites]
    with unpacked() as release, ThreadPoolExecutor(len(reports)) as pool:
        trials = [
            pool.submit(outcome, report, lambda report: _try_all(report, release, options))
            for report in reports
        ]
        try:
            wait(trials)
        except KeyboardInterrupt:
            print("test-on: interrupted", flush=True)
            for report in reports:
                report.stop()
            end_children()  # what the threads wait for: each of them fails, and tidies up
            wait(trials)
            return _INTERRUPTED
    print(f"logs: {logs}")
    return exit_code(trial.result() for trial in trials)


def exit_code(outcomes: Iterable[Outcome]) -> int:
    """Print how many suites ended in which way, and return what main() returns."""
    ended = [*outcomes]
    counts = {kind: ended.count(kind) for kind in Outcome}
    print("test-on:", ", ".join(f"{count} {kind.value}" for kind, count in counts.items()))
    if counts[Outcome.FAILED]:
        return 1
    return os.EX_TEMPFAIL if counts[Outcome.CANNOT] else 0


def _report(logs: Path, suite: str, *, quick: bool) -> Report:
    now = time.monotonic() if quick else math.inf
    log = logs / f"{suite}.log"
    report = Report(suite, log, prepared_by=now + _PREPARING_S, done_by=now + _QUICK_S)
    report.path.write_text("")
    return report


def outcome(report: Report, trial: Callable[[Report], None]) -> Outcome:
    """Try one suite, and tell how it ended."""
    try:
        trial(report)
    except Exception as exc:  # noqa: BLE001 - the other suites go on
        report.log("".join(traceback.format_exception(exc)))
        if isinstance(exc, CannotTryError | OSError) and not report.began:
            report.say(f"{Outcome.CANNOT.value}: {exc}")
            return Outcome.CANNOT
        print(report.tail(), flush=True)
        report.say(f"FAILED: {exc}")
        return Outcome.FAILED
    return Outcome.PASSED


def _try_all(report: Report, release: Path, options: argparse.Namespace) -> None:
    packages = debian_packages(release, report.suite, deployments=options.deploy)
    places = (mirrors(options.mirror), pip_settings())
    with bare_base(report, release, packages, *places, cache=options.cache) as base:
        if options.package:
            _try_packages(base, report, release)
        elif options.deploy:
            _try_deployments(base, report, release)
        elif options.tests:
            with machine(report, base.root, release, base.distributions) as developer:
                try_tests(developer, report, f".venv/bin/pytest -q {options.tests}")
        else:
            _try_in(base, report, release, quick=options.quick)


def _try_in(base: Base, report: Report, release: Path, *, quick: bool) -> None:
    document = howto.read(release, _version_of(base))
    with machine(report, base.root, release, base.distributions) as server:
        HowToServer(server, document, report).try_all()
    if not quick:
        _try_packages(base, report, release)
    with machine(report, base.root, release, base.distributions) as developer:
        try_from_checkout(developer, report, quick=quick)


def _try_packages(base: Base, report: Report, release: Path) -> None:
    version = _version_of(base)
    first = howto.read(release, version)
    second = howto.read(release, version, howto.INSTALL)
    target = ROOT / "build/test-on/packages" / report.suite
    report.timed("built the packages twice", lambda: build_both(report, base, release, target))
    binds = {target: PLACE}
    with machine(report, base.root, release, base.distributions, binds) as server:
        PackagedServer(server, first, second, report).try_all()


def _try_deployments(base: Base, report: Report, release: Path) -> None:
    document = howto.read(release, _version_of(base))
    with machine(report, base.root, release, base.distributions) as server:
        try_role(server, document, report)
    with machine(report, base.root, release, base.distributions) as server:
        try_images(server, release, report)


def _version_of(base: Base) -> str:
    """Return the version of a Debian, for which documents differ."""
    version = re.match(r"\d+", (base.root / "etc/debian_version").read_text())
    return version[0] if version else _NEWEST


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
