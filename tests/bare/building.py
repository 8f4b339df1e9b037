"""Build Debian packages of sendlimit: `script/package SUITE... [--mirror URL]`.

For each suite ("bookworm", "trixie") a bare system is made with debootstrap; in it the packages
of what is committed are built, without a network. They come into dist/SUITE.
"""

import argparse
import signal
import sys
from pathlib import Path

from bare.base import bare_base
from bare.here import mirrors, pip_settings
from bare.packages import build
from bare.release import ROOT, debian_packages, unpacked
from bare.report import CannotTryError, Report, TrialFailedError


def main() -> int:
    """Build for all suites; 0: done, 1: something did not work, 2: wrong words."""
    parser = argparse.ArgumentParser(prog="script/package", description=__doc__)
    parser.add_argument("suites", nargs="+", metavar="SUITE", help="bookworm, trixie")
    parser.add_argument("--mirror", default="", metavar="URL", help="archive of Debian; else apt's")
    options = parser.parse_args()
    logs = ROOT / "build/package"
    logs.mkdir(parents=True, exist_ok=True)
    with unpacked() as release:
        for suite in options.suites:
            report = Report(suite, logs / f"{suite}.log")
            report.path.write_text("")
            try:
                _build(report, release, options.mirror)
            except (CannotTryError, TrialFailedError) as exc:
                print(report.tail())
                report.say(f"FAILED: {exc}; log: {report.path}")
                return 1
    return 0


def _build(report: Report, release: Path, mirror: str) -> None:
    target = ROOT / "dist" / report.suite
    names = debian_packages(release, report.suite)
    with bare_base(report, release, names, mirrors(mirror), pip_settings()) as base:
        report.timed("built", lambda: build(report, base, release, target))
    for package in sorted(target.glob("*.deb")):
        report.say(str(package.relative_to(ROOT)))


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
