"""`sendlimit doctor`: is it really limiting, and what to do where it isn't."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sendlimit.cli.invocation import Invocation, as_json, pass_invocation
from sendlimit.cli.postfix import postfix_options
from sendlimit.cli.printing import print_data, print_json, print_note
from sendlimit.cli.timestamps import time_span
from sendlimit.doctor import bypasses, postfix, reach, settings, tables
from sendlimit.doctor.canary import CANARY, canary
from sendlimit.doctor.check import CODES, Check, fine
from sendlimit.errors import ConfigError, PostfixError, SchemaError, SendlimitError
from sendlimit.postfix.findings import find_faults, service_statuses
from sendlimit.postfix.snapshot import read_snapshot
from sendlimit.store.migrations import schema_version
from sendlimit.store.setup import missing_rights

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sendlimit.store.connection import Connection
    from sendlimit.store.location import Location

_STYLES = {"warning": "yellow", "error": "bold red"}


@click.command()
@postfix_options
@click.option(
    "--roundcube-config",
    "roundcube",
    multiple=True,
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Roundcube's config.inc.php; default: its usual places.",
)
@click.option(
    "--seen-within",
    default="24h",
    show_default=True,
    metavar="SPAN",
    help="Warn when no login has sent mail for longer.",
)
@click.option(
    "--canary",
    "with_canary",
    is_flag=True,
    help=f"Let the daemon count a mail of {CANARY} that is given up, and be given it back.",
)
@as_json
@pass_invocation
def doctor(  # noqa: PLR0913 - one for each option
    invocation: Invocation,
    *,
    config_directory: Path | None,
    ispconfig_directory: Path | None,
    roundcube: Sequence[Path],
    seen_within: str,
    with_canary: bool,
    as_json: bool,
) -> None:
    """Tell whether mail is really limited, and what mends it where it is not.

    It looks at the configuration, the database, the daemon, Postfix, and at ways past them; as
    root it also tries the socket in Postfix's place. Nothing is changed. Exit code 1 when there
    is an error, 0 when there are only warnings or none: fit for monitoring.

    Examples:
      sendlimit doctor
      sendlimit doctor --canary --json
    """
    try:
        seen_within_s = time_span(seen_within)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--seen-within") from error
    examination = _Examination(invocation, seen_within_s, with_canary=with_canary)
    checks = [
        *examination.our_side(),
        *examination.postfix_side(config_directory, ispconfig_directory),
        bypasses.webmail(roundcube or bypasses.ROUNDCUBE),
    ]
    if as_json:
        print_json([record for check in checks for record in _records(check)])
    else:
        for check in checks:
            _print(check)
    looked_at = {check.name for check in checks} | (set() if with_canary else {"canary"})
    if left_out := [name for name in CODES if name not in looked_at]:
        print_note(f"not looked at, because of the errors: {', '.join(left_out)}")
    if any(check.has_errors for check in checks):
        raise SystemExit(1)


class _Examination:
    """One run; yields checks as far as they bear each other."""

    def __init__(self, invocation: Invocation, seen_within_s: int, *, with_canary: bool) -> None:
        """Take what was asked for."""
        self._invocation = invocation
        self._seen_within_s = seen_within_s
        self._with_canary = with_canary

    @cached_property
    def _daemon(self) -> Check:
        return reach.daemon(self._invocation.config.milter.socket)

    def our_side(self) -> Iterator[Check]:
        """Look at the settings, the daemon and the database."""
        path = self._invocation.path
        try:
            config = self._invocation.config
        except ConfigError as error:
            yield settings.file(path, error.problems)
            return
        yield settings.file(path, ())
        yield (modes := settings.modes(path, config))
        yield settings.mode(config, path)
        yield self._daemon
        if modes.has_errors:
            return  # such a password is not used
        location = self._invocation.location
        try:
            with self._invocation.connection() as connection:
                yield fine("database", str(location))
                yield from self._tables(connection, location)
        except SchemaError:
            yield tables.tables(location, None)
        except SendlimitError as failure:
            yield tables.unreachable(location, failure)

    def _tables(self, connection: Connection, location: Location) -> Iterator[Check]:
        now = self._invocation.now()
        yield tables.latency(location, tables.round_trip_s(connection))
        yield tables.clocks(location, tables.ahead_s(connection, self._invocation.clock))
        yield (version := tables.tables(location, schema_version(connection)))
        if version.findings:
            return
        yield (rights := tables.rights(location, missing_rights(connection)))
        if rights.findings:
            return
        yield settings.limits(self._invocation.rules(connection).names())
        if not self._daemon.findings:
            yield tables.reload(self._invocation.config, tables.published(connection))
        seen = tables.traces(connection)
        yield tables.mail(seen, self._invocation.calendar, now, self._seen_within_s)
        if self._with_canary and not self._daemon.findings:
            yield canary(connection, self._invocation.config, now)

    def postfix_side(
        self, config_directory: Path | None, ispconfig_directory: Path | None
    ) -> Iterator[Check]:
        """Look at Postfix, and try the socket in its place."""
        try:
            section = self._invocation.config.milter
        except ConfigError:
            return
        try:
            snapshot = read_snapshot(config_directory, ispconfig_directory)
            statuses = service_statuses(snapshot, section.socket)
            faults = find_faults(snapshot, section.socket)
        except PostfixError as failure:
            yield postfix.unreadable(failure, str(config_directory or "Postfix"))
            return
        yield from postfix.judged(snapshot, statuses, faults)
        can_be_reached = not any(fault.code == "chroot" for fault in faults)
        is_asked = any(status.is_attached for status in statuses)
        if can_be_reached and is_asked and not self._daemon.findings:
            yield reach.reachable(snapshot, statuses, section)
        yield bypasses.networks(snapshot)


def _records(check: Check) -> Iterator[dict[str, str | None]]:
    """Yield what --json prints: a record for each finding, or one that says what is fine."""
    for finding in check.findings:
        yield {
            "check": check.name,
            "state": finding.severity,
            "subject": finding.subject,
            "message": finding.problem,
            "code": finding.code,
            "why": finding.why,
            "remedy": finding.remedy,
        }
    if not check.findings:
        fine_record = dict.fromkeys(("subject", "message", "code", "why", "remedy"))
        yield {"check": check.name, "state": "ok"} | fine_record | {"message": check.message}


def _print(check: Check) -> None:
    """Print a line for each finding with why and what mends it, or one that says what is fine."""
    name = f"{check.name:<10}"
    if not check.findings:
        print_data(f"ok       {name} {check.message}")
    for finding in check.findings:
        subject = "" if finding.subject == check.name else f"{finding.subject}: "
        line = f"{finding.severity:<8} {name} {subject}{finding.problem}"
        print_data(line, style=_STYLES[finding.severity])
        print_data(f"           why:  {finding.why}", f"           mend: {finding.remedy}")
