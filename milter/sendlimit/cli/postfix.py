"""`sendlimit postfix`: attach sendlimit to Postfix, take it off, tell how it stands."""

from __future__ import annotations

import difflib
import json
import sys
from dataclasses import asdict
from pathlib import Path

import click

from sendlimit.config import Config
from sendlimit.config.reading import default_path, load
from sendlimit.errors import ConfigError, PostfixError
from sendlimit.postfix.apply import apply_attach, apply_detach
from sendlimit.postfix.attachment import FileChange, Plan, plan_attach, plan_detach
from sendlimit.postfix.backup import Backup
from sendlimit.postfix.chain import endpoint_of
from sendlimit.postfix.findings import (
    Finding,
    ServiceStatus,
    find_faults,
    is_attached,
    service_statuses,
)
from sendlimit.postfix.snapshot import ISPCONFIG, Snapshot, read_snapshot

_FOLDER = click.Path(path_type=Path, file_okay=False)

_config = click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    default=default_path,
    help="sendlimit's configuration file.",
)
_config_directory = click.option(
    "--config-directory",
    type=_FOLDER,
    help="Directory of main.cf and master.cf; default: the one that postconf uses.",
)
_ispconfig_directory = click.option(
    "--ispconfig-directory",
    type=_FOLDER,
    help=f"Where ISPConfig is installed; default: {ISPCONFIG}, if it is there.",
)
_yes = click.option("--yes", is_flag=True, help="Do not ask before changing Postfix.")
_dry_run = click.option("--dry-run", is_flag=True, help="Only show what would be changed.")


@click.group()
def postfix() -> None:
    """Connect Postfix to sendlimit, or take sendlimit off again."""


@postfix.command()
@_config
@_config_directory
@_ispconfig_directory
@_dry_run
@_yes
def attach(
    *,
    config_path: Path,
    config_directory: Path | None,
    ispconfig_directory: Path | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Let Postfix ask sendlimit about all mail of users who log in.

    Every smtpd service that offers AUTH gets sendlimit as the last of its milters. The changes
    are shown first; files are backed up, checked with 'postfix check' and put back if anything
    fails. Running it again changes nothing, or brings up to date what has changed since.
    """
    config = load(config_path)
    snapshot = read_snapshot(config_directory, ispconfig_directory)
    plan = plan_attach(snapshot, config.milter.socket)
    if not plan.changes:
        _say(*plan.notes, f"sendlimit is attached to {snapshot.config_directory} already")
    elif _is_agreed(plan, dry_run=dry_run, yes=yes):
        messages = apply_attach(snapshot, plan, config.milter.socket, Path(config.state_dir))
        _say(*messages, f"sendlimit is attached to {snapshot.config_directory}")
        snapshot = read_snapshot(config_directory, ispconfig_directory)
    else:
        return
    for finding in find_faults(snapshot, config.milter.socket):
        _say(*_described(finding))


@postfix.command()
@_config
@_config_directory
@_ispconfig_directory
@_dry_run
@_yes
def detach(
    *,
    config_path: Path,
    config_directory: Path | None,
    ispconfig_directory: Path | None,
    dry_run: bool,
    yes: bool,
) -> None:
    """Take sendlimit out of Postfix.

    Files that nobody has changed since 'attach' become byte for byte what they were; from others
    exactly sendlimit's settings are taken out.
    """
    state_dir = _state_dir(config_path)
    snapshot = read_snapshot(config_directory, ispconfig_directory)
    plan = plan_detach(snapshot, Backup(state_dir, snapshot.config_directory).files)
    if not plan.changes:
        _say(f"sendlimit is not attached to {snapshot.config_directory}: nothing to take out")
    elif _is_agreed(plan, dry_run=dry_run, yes=yes):
        messages = apply_detach(snapshot, plan, state_dir)
        _say(*messages, f"sendlimit is taken out of {snapshot.config_directory}")


@postfix.command()
@_config
@_config_directory
@_ispconfig_directory
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def status(
    *,
    config_path: Path,
    config_directory: Path | None,
    ispconfig_directory: Path | None,
    as_json: bool,
) -> None:
    """Tell whether every service that offers AUTH asks sendlimit.

    Exit code 1 when one does not, or when something else is wrong that lets mail pass uncounted.
    """
    socket = load(config_path).milter.socket
    snapshot = read_snapshot(config_directory, ispconfig_directory)
    services = service_statuses(snapshot, socket)
    findings = find_faults(snapshot, socket)
    if as_json:
        click.echo(json.dumps(_report(snapshot, socket, services, findings), indent=2))
    else:
        _print_status(snapshot, services, findings)
    if not is_attached(services) or any(finding.severity == "error" for finding in findings):
        raise SystemExit(1)


def _state_dir(config_path: Path) -> Path:
    """Read state_dir; a configuration that is broken or gone must not hinder the way out."""
    try:
        return Path(load(config_path).state_dir)
    except ConfigError as exc:
        state_dir = Path(Config().state_dir)
        _say(*str(exc).splitlines(), f"looking for the backup in {state_dir}")
        return state_dir


def _is_agreed(plan: Plan, *, dry_run: bool, yes: bool) -> bool:
    """Show the plan and ask whether to carry it out.

    Raises:
        PostfixError: nobody can be asked, or the answer is no.
    """
    for change in plan.changes:
        click.echo(_printable(difference(change)), nl=False)
    _say(*plan.notes)
    if dry_run:
        _say("nothing was changed (--dry-run)")
        return False
    if yes:
        return True
    if not sys.stdin.isatty():
        msg = "nothing was changed: nobody can be asked here, so say --yes"
        raise PostfixError(msg)
    if not click.confirm("Change these files?", err=True):
        msg = "nothing was changed"
        raise PostfixError(msg)
    return True


def difference(change: FileChange) -> str:
    """Show a change as a unified diff."""
    lines = difflib.unified_diff(
        (change.before or "").splitlines(keepends=True),
        (change.after or "").splitlines(keepends=True),
        str(change.path) if change.before is not None else "/dev/null",
        str(change.path) if change.after is not None else "/dev/null",
    )
    return "".join(
        line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines
    )


def _printable(text: str) -> str:
    """Escape what could steer a terminal; newlines and tabs stay."""
    return "".join(
        character
        if character.isprintable() or character in "\n\t"
        else character.encode("unicode_escape", "surrogatepass").decode()
        for character in text
    )


def _say(*lines: str) -> None:
    for line in lines:
        click.echo(_printable(line), err=True)


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
    lines = [f"Postfix {snapshot.version} in {snapshot.config_directory}{panel}", ""]
    rows = [("SERVICE", "IS", "ASKS SENDLIMIT")]
    for service in services:
        asks = f"as milter {service.place} of {len(service.chain)}" if service.place else "no"
        rows.append((service.key, service.role.value, asks))
    width = max(len(key) for key, _, _ in rows)
    lines += [f"{key:{width}}  {role:11}  {asks}" for key, role, asks in rows]
    for finding in findings:
        lines += ["", *_described(finding)]
    click.echo(_printable("\n".join(lines)))


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
