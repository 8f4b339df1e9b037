"""`sendlimit postfix`: attach sendlimit to Postfix, detach it, print its status."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sendlimit.cli.admin import confirm
from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, dry_run_option, postfix_options
from sendlimit.cli.printing import print_data, print_json, print_note, print_table
from sendlimit.config import Config
from sendlimit.errors import ConfigError
from sendlimit.postfix.apply import apply_attach, apply_detach
from sendlimit.postfix.attachment import ConfigPlan, plan_attach, plan_detach
from sendlimit.postfix.backup import Backup
from sendlimit.postfix.chain import endpoint_of
from sendlimit.postfix.findings import ServiceStatus, find_faults, is_attached, service_statuses
from sendlimit.postfix.snapshot import Snapshot, read_snapshot

if TYPE_CHECKING:
    from sendlimit.postfix.finding import Finding

_yes = click.option("--yes", is_flag=True, help="Do not ask before Postfix is changed.")


@click.group()
def postfix() -> None:
    """Connect Postfix to sendlimit, or take sendlimit off again."""


@postfix.command()
@postfix_options
@dry_run_option("changed")
@_yes
@pass_invocation
def attach(
    invocation: Invocation,
    *,
    config_directory: Path | None,
    ispconfig_directory: Path | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Let Postfix ask sendlimit about the mail of everybody who logs in.

    Every smtpd service that can have logins gets sendlimit as the last of its milters. The changes
    are shown first. Files are backed up, checked with 'postfix check', and put back if anything
    fails. Run it again whenever Postfix's milters or services have changed.
    """
    config = invocation.config
    snapshot = read_snapshot(config_directory, ispconfig_directory)
    plan = plan_attach(snapshot, config.milter.socket)
    if not plan.changes:
        print_note(*plan.notes, f"sendlimit is attached to {snapshot.config_directory} already")
    elif _is_agreed(plan, dry_run=dry_run, yes=yes):
        message = apply_attach(snapshot, plan, config.milter.socket, Path(config.state_dir))
        print_note(f"sendlimit is attached to {snapshot.config_directory}", message)
        snapshot = read_snapshot(config_directory, ispconfig_directory)
    else:
        return
    for finding in find_faults(snapshot, config.milter.socket):
        print_note(*_described(finding))


@postfix.command()
@postfix_options
@dry_run_option("changed")
@_yes
@pass_invocation
def detach(
    invocation: Invocation,
    *,
    config_directory: Path | None,
    ispconfig_directory: Path | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Take sendlimit out of Postfix.

    Files that nobody has changed since 'attach' become byte for byte what they were; from others
    exactly sendlimit's settings are taken out.
    """
    state_dir = _state_dir(invocation)
    snapshot = read_snapshot(config_directory, ispconfig_directory)
    plan = plan_detach(snapshot, Backup(state_dir, snapshot.config_directory).files)
    if not plan.changes:
        print_note(f"sendlimit is not attached to {snapshot.config_directory}: nothing to take out")
    elif _is_agreed(plan, dry_run=dry_run, yes=yes):
        message = apply_detach(snapshot, plan, state_dir)
        print_note(f"sendlimit is taken out of {snapshot.config_directory}", message)


@postfix.command()
@postfix_options
@as_json
@pass_invocation
def status(
    invocation: Invocation,
    *,
    config_directory: Path | None,
    ispconfig_directory: Path | None,
    as_json: bool,
) -> None:
    """Tell whether every service that can have logins asks sendlimit.

    Exit code 1 when one does not, or when something else lets mail pass uncounted.
    """
    socket = invocation.config.milter.socket
    snapshot = read_snapshot(config_directory, ispconfig_directory)
    services = service_statuses(snapshot, socket)
    findings = find_faults(snapshot, socket)
    if as_json:
        print_json(_report(snapshot, socket, services, findings))
    else:
        _print_status(snapshot, services, findings)
    if not is_attached(services) or any(finding.severity == "error" for finding in findings):
        raise SystemExit(1)


def _state_dir(invocation: Invocation) -> Path:
    """Read state_dir; detach works with its default when the configuration can't be read."""
    try:
        return Path(invocation.config.state_dir)
    except ConfigError as error:
        state_dir = Path(Config().state_dir)
        print_note(*str(error).splitlines(), f"looking for the backup in {state_dir}")
        return state_dir


def _is_agreed(plan: ConfigPlan, *, dry_run: bool, yes: bool) -> bool:
    """Print the plan and ask whether to apply it.

    Raises:
        SendlimitError: there is no terminal, or the answer is no.
    """
    for change in plan.changes:
        print_data(*change.unified_diff())
    print_note(*plan.notes)
    if dry_run:
        print_note("nothing was changed (--dry-run)")
        return False
    if yes:
        return True
    confirm("Change these files?")
    return True


def _described(finding: Finding) -> tuple[str, ...]:
    return (
        f"{finding.severity}: {finding.subject}: {finding.problem}",
        f"  why: {finding.why}",
        f"  mend: {finding.remedy}",
    )


def _print_status(
    snapshot: Snapshot, services: tuple[ServiceStatus, ...], findings: tuple[Finding, ...]
) -> None:
    panel = ", with ISPConfig" if snapshot.ispconfig_custom else ""
    print_data(f"Postfix {snapshot.version} in {snapshot.config_directory}{panel}", "")
    rows = [
        (
            service.key,
            service.role.value,
            f"as milter {service.position} of {len(service.chain)}" if service.position else "no",
        )
        for service in services
    ]
    print_table(["Service", "Is", "Asks sendlimit"], rows)
    for finding in findings:
        print_data("", *_described(finding))


def _report(
    snapshot: Snapshot,
    socket: str,
    services: tuple[ServiceStatus, ...],
    findings: tuple[Finding, ...],
) -> dict[str, object]:
    return {
        "attached": is_attached(services),
        "config_directory": str(snapshot.config_directory),
        "postfix_version": snapshot.version,
        "ispconfig": snapshot.ispconfig_custom is not None,
        "endpoint": endpoint_of(socket, snapshot.queue_directory),
        "services": [
            {
                "service": service.key,
                "role": service.role.name.lower(),
                "attached": service.is_attached,
                "milters": list(service.chain),
            }
            for service in services
        ],
        "findings": [asdict(finding) for finding in findings],
    }
