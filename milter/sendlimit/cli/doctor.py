"""`sendlimit doctor`: is it really limiting, and what to do where it isn't."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from sendlimit.cli.admin import RUN_AS_ROOT, needs_root
from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, postfix_options, value_of
from sendlimit.cli.printing import print_data, print_error, print_json, print_note
from sendlimit.counting.events import Events
from sendlimit.doctor import bypasses, settings
from sendlimit.doctor.canary import CANARY
from sendlimit.doctor.check import CODES, Check
from sendlimit.doctor.keeping import compared, in_words
from sendlimit.errors import ConfigError, SendlimitError
from sendlimit.reports.timestamps import time_span
from sendlimit.store.findings import keep_findings, read_findings

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

NOTICES_S = 60.0
"""How long notices may take to be delivered."""
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
    "--mail-log",
    type=click.Path(path_type=Path, dir_okay=False),
    metavar="FILE",
    help="Postfix's log; default: its maillog_file, its usual places, or the journal.",
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
@click.option(
    "--keep",
    is_flag=True,
    help="Keep what is found for 'status' and the web pages, and send a notice of a new error or its"
    " end; print only what is found.",
)
@as_json
@pass_invocation
def doctor(  # noqa: PLR0913 - one for each option
    invocation: Invocation,
    *,
    config_directory: Path | None,
    ispconfig_directory: Path | None,
    roundcube: Sequence[Path],
    mail_log: Path | None,
    seen_within: str,
    with_canary: bool,
    keep: bool,
    as_json: bool,
) -> None:
    """Tell whether mail is really limited, and what mends it where it is not.

    It looks at the configuration, the database, the daemon, Postfix, and at ways past them; as
    root it also tries the socket in Postfix's place. Nothing of that is changed. Exit code 1 when there
    is an error, 0 when there are only warnings or none: fit for monitoring.

    Examples:
      sendlimit doctor
      sendlimit doctor --canary --json
      sendlimit doctor --canary --keep
    """
    with value_of("--seen-within"):
        seen_within_s = time_span(seen_within)
    try:
        examination = invocation.examination()
        checks = [
            *examination.installation(seen_within_s=seen_within_s, with_canary=with_canary),
            *examination.attachment(config_directory, ispconfig_directory, mail_log),
        ]
    except ConfigError as error:
        checks = [settings.file(invocation.path, error.problems)]
        if needs_root(error):
            print_error(RUN_AS_ROOT)
    checks.append(bypasses.webmail(roundcube or bypasses.ROUNDCUBE))
    if as_json:
        print_json([record for check in checks for record in _records(check)])
    else:
        for check in checks:
            if check.findings or not keep:
                _print(check)
    looked_at = {check.name for check in checks} | (set() if with_canary else {"canary"})
    if left_out := [name for name in CODES if name not in looked_at]:
        print_note(f"not looked at, because of the errors: {', '.join(left_out)}")
    if keep:
        _keep(invocation, checks)
    if any(check.has_errors for check in checks):
        raise SystemExit(1)


def _keep(invocation: Invocation, checks: Sequence[Check]) -> None:
    """Keep what was found, and send notices of what is new."""
    try:
        with invocation.database() as connection:
            run = compared(checks, read_findings(connection), invocation.now())
            keep_findings(connection, run.found, invocation.now())
        section = invocation.config.notify
        if section is None or not (run.began or run.ended):
            return
        from sendlimit.notify.notifier import Notifier, routes_of  # noqa: PLC0415 - 6 MB

        notifier = Notifier(Events(), invocation.now)
        routes = routes_of(invocation.config, section, invocation.path)
        notifier.configure(
            routes, section.warn_at_percent, observe=invocation.config.mode == "observe"
        )
        notifier.doctor_looked(in_words(run.began), in_words(run.ended))
        notifier.stop(NOTICES_S)
    except SendlimitError as error:
        print_error(
            *(f"not kept, and no notice is sent: {line}" for line in str(error).splitlines())
        )


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
