"""Apply a plan to a real Postfix, or leave everything as it was.

FAILURE: when a change fails (a file can't be written, `postfix check` or the reload reports an
error, Ctrl-C), the files changed so far are restored byte for byte, and a Postfix that was
reloaded is reloaded again.
LIMITS: between two files the machine may lose power. Postfix works with that (main.cf without
master.cf changes nothing), and the next attach or detach completes the change.
"""

from __future__ import annotations

import contextlib
import os
import tempfile
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from sendlimit.errors import PostfixError
from sendlimit.postfix.backup import FOLDER, Backup
from sendlimit.postfix.commands import PostfixCommands
from sendlimit.postfix.files import (
    make_folders,
    make_state_dir,
    remove_folders,
    write_change,
)
from sendlimit.postfix.findings import ATTACHMENT_CODES, find_faults
from sendlimit.postfix.private_folder import opened
from sendlimit.postfix.services import is_own_reference
from sendlimit.postfix.snapshot import Snapshot, read_snapshot, read_text_file

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendlimit.postfix.attachment import ConfigPlan, FileChange

_NOT_RUNNING = "Postfix is not running: the change counts from its next start"
_RELOADED = "Postfix has read its configuration again"
_LONG_AGO = (0, 0)  # postconf waits while a file has changed within the last two seconds


def apply_attach(snapshot: Snapshot, plan: ConfigPlan, socket: str, state_dir: Path) -> str:
    """Connect Postfix to sendlimit.

    Args:
        snapshot: what the plan was made from.
        plan: by plan_attach, with at least one change.
        socket: milter.socket of sendlimit's configuration.
        state_dir: sendlimit's; the backup is stored in its folder postfix-backup.

    Returns:
        A sentence: whether Postfix was reloaded.

    Raises:
        PostfixError: it failed; everything is as before, or the message says what is not.
    """
    with _locked_postfix(snapshot, state_dir) as commands:
        _verify_attached(snapshot, plan, socket)
        backup = Backup(state_dir, snapshot.config_directory)
        made: list[Path] = []
        try:
            for change in plan.changes:
                made += make_folders(change.path.parent)
            backup.record(plan.changes, made)
            return _apply_changes(plan, commands)
        except BaseException:
            remove_folders(made)
            raise


def apply_detach(snapshot: Snapshot, plan: ConfigPlan, state_dir: Path) -> str:
    """Take sendlimit out of Postfix; arguments and errors as in apply_attach."""
    with _locked_postfix(snapshot, state_dir) as commands:
        _verify_detached(snapshot, plan)
        backup = Backup(state_dir, snapshot.config_directory)
        message = _apply_changes(plan, commands)
        remove_folders(backup.made_folders)
        backup.archive()
        return message


@contextlib.contextmanager
def _locked_postfix(snapshot: Snapshot, state_dir: Path) -> Iterator[PostfixCommands]:
    if os.geteuid() != 0:
        msg = f"only root may change {snapshot.config_directory}: run this as root (sudo)"
        raise PostfixError(msg)
    commands = PostfixCommands(snapshot.config_directory)
    try:
        make_state_dir(state_dir)
        with (
            opened(state_dir / FOLDER, make=True) as folder,
            folder.locked("another 'sendlimit postfix'"),
        ):
            commands.check()
            yield commands
    except OSError as exc:
        msg = f"{exc.filename}: {exc.strerror}"
        raise PostfixError(msg) from exc


def _apply_changes(plan: ConfigPlan, commands: PostfixCommands) -> str:
    begun: list[FileChange] = []
    reloaded = False
    message = _NOT_RUNNING
    try:
        for change in plan.changes:
            begun.append(change)
            write_change(change)
            if change.is_reload_due:
                commands.check()
            if change.is_reload_due and commands.is_running():
                reloaded = True
                commands.reload()
                message = _RELOADED
        if not plan.changes[-1].is_reload_due:
            commands.check()
    except BaseException as exc:
        remains = _undo(begun, commands, reload=reloaded)
        if not isinstance(exc, PostfixError):
            raise
        ending = f"; {remains}" if remains else "; everything is as it was before"
        raise PostfixError(f"{exc}{ending}") from exc
    return message


def _undo(begun: list[FileChange], commands: PostfixCommands, *, reload: bool) -> str:
    """Restore files; return the errors as one sentence, empty when there was none.

    The last file may not have been written, then it needs no restoring.
    """
    remains: list[str] = []
    for number, change in reversed(list(enumerate(begun, 1))):
        back = replace(change, before=change.after, after=change.before)
        is_written = read_text_file(change.path).text == change.after
        try:
            if is_written or number < len(begun) or reload:
                write_change(back)
        except PostfixError as exc:
            remains.append(str(exc))
    if reload:
        try:
            commands.reload()
        except PostfixError as exc:
            remains.append(str(exc))
    return "; ".join(remains)


def _verify_attached(snapshot: Snapshot, plan: ConfigPlan, socket: str) -> None:
    with _staged(snapshot, plan) as outcome:
        faults = [
            f"{finding.subject}: {finding.problem} ({finding.remedy})"
            for finding in find_faults(outcome, socket)
            if finding.code in ATTACHMENT_CODES
        ]
    if faults:
        msg = f"nothing was changed, because it would not be right: {'; '.join(faults)}"
        raise PostfixError(msg)


def _verify_detached(snapshot: Snapshot, plan: ConfigPlan) -> None:
    with _staged(snapshot, plan) as outcome:
        left = [
            service.key
            for service in outcome.services
            if is_own_reference(service.options.get("smtpd_milters", ""))
        ]
    if left:
        msg = (
            f"nothing was changed: {', '.join(left)} would still refer to sendlimit: take"
            f" -o smtpd_milters out of it in {snapshot.master_cf.path}"
        )
        raise PostfixError(msg)


@contextlib.contextmanager
def _staged(snapshot: Snapshot, plan: ConfigPlan) -> Iterator[Snapshot]:
    """Write both files as they will be into a temporary folder and let Postfix read them."""
    after = {change.path: change.after for change in plan.changes}
    with tempfile.TemporaryDirectory(prefix="sendlimit-postfix-") as name:
        folder = Path(name)
        for file in (snapshot.main_cf, snapshot.master_cf):
            text = after.get(file.path, file.text) or ""
            staged = folder / file.path.name
            staged.write_bytes(text.encode(errors="surrogateescape"))
            os.utime(staged, _LONG_AGO)
        try:
            outcome = read_snapshot(folder, folder)
        except PostfixError as exc:
            msg = f"nothing was changed, because Postfix could not read the outcome: {exc}"
            raise PostfixError(msg) from exc
        yield outcome
