"""Try sendlimit on bare Debian systems: `script/test-on SUITE... [--quick|--package|--deploy]`.

For each suite ("bookworm", "trixie") a system is made with debootstrap and started, with nothing
of this machine in it and no network; in it script/demo, docs/howto.md, script/install,
script/uninstall and script/test run, and the Debian packages are tried (not with --quick).
Several suites are tried at the same time.
"""

import argparse
import re
import signal
import sys
import traceback
from concurrent.futures import ThreadPoolExecutor, wait
from pathlib import Path

from bare import howto
from bare.base import Base, bare_base
from bare.deployments import try_images, try_role
from bare.here import mirrors, pip_settings
from bare.machine import machine
from bare.package_trials import PLACE, PackagedServer, build_both
from bare.release import ROOT, debian_packages, unpacked
from bare.report import CannotTryError, Report
from bare.trials import Server, try_from_checkout, try_tests
from support.rig.process import end_children

_NEWEST = "13"  # what is not released yet follows the how-to for this version


def main() -> int:
    """Try all suites; 0: everything worked, 1: something did not, 2: wrong words."""
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
    options = parser.parse_args()
    logs = ROOT / "build/test-on"
    logs.mkdir(parents=True, exist_ok=True)
    with unpacked() as release, ThreadPoolExecutor(len(options.suites)) as pool:
        trials = [
            pool.submit(_try_suite, _report(logs, suite), release, options)
            for suite in options.suites
        ]
        try:
            wait(trials)
        except KeyboardInterrupt:
            end_children()  # what the threads wait for: each of them fails, and tidies up
            wait(trials)
    passed = sum(trial.result() for trial in trials)
    failed = len(trials) - passed
    print(f"logs: {logs}\ntest-on: {passed} passed, {failed} failed")
    return 1 if failed else 0


def _report(logs: Path, suite: str) -> Report:
    report = Report(suite, logs / f"{suite}.log")
    report.path.write_text("")
    return report


def _try_suite(report: Report, release: Path, options: argparse.Namespace) -> bool:
    """Try one suite; return whether everything worked."""
    try:
        _try_all(report, release, options)
    except CannotTryError as exc:
        report.say(f"CAN'T BE TRIED: {exc}")
        return False
    except Exception as exc:  # noqa: BLE001 - the other suites go on
        report.log("".join(traceback.format_exception(exc)))
        print(report.tail(), flush=True)
        report.say(f"FAILED: {exc}")
        return False
    return True


def _try_all(report: Report, release: Path, options: argparse.Namespace) -> None:
    packages = debian_packages(release, report.suite, deployments=options.deploy)
    with bare_base(report, release, packages, mirrors(options.mirror), pip_settings()) as base:
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
        Server(server, document, report).try_all()
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
