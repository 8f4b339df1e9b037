"""Plan the changes that put sendlimit into a Postfix configuration or take it out. Pure.

A parameter in main.cf, sendlimit_milters, holds a milter chain with sendlimit last, and every
smtpd service that can have logins gets `-o smtpd_milters=$sendlimit_milters`. So a program that
writes smtpd_milters in main.cf (ISPConfig does at every update) does not detach sendlimit.

* On ISPConfig the chain begins with $non_smtpd_milters, which ISPConfig keeps equal to
  smtpd_milters: the chain follows when the admin switches between rspamd and amavis.
* Elsewhere the chain begins with a copy of smtpd_milters. A reference would refer to itself,
  because it is evaluated as the value of the service's smtpd_milters.
* A service with an -o smtpd_milters of its own gets a parameter of its own, which begins with
  a copy of that chain.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendlimit.errors import PostfixError
from sendlimit.postfix import main_cf, master_cf
from sendlimit.postfix.chain import endpoint_of, is_outside_queue, parse_chain, render_entry
from sendlimit.postfix.services import (
    OWN_PARAMETER,
    Role,
    is_own_option,
    is_own_parameter,
    role_of,
)
from sendlimit.postfix.supported import refuse_unless_supported

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sendlimit.postfix.snapshot import SmtpdService, Snapshot, TextFile


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """The change of one file.

    Attributes:
        path: of the file.
        before: its text now; None: it does not exist.
        after: its new text; None: it is removed.
        without_sendlimit: its text now without sendlimit's settings, for a later detach.
        is_reload_due: whether Postfix must be reloaded after this file.
    """

    path: Path
    before: str | None
    after: str | None
    without_sendlimit: str | None
    is_reload_due: bool = False

    def unified_diff(self) -> list[str]:
        """Return the change as lines for the admin, tabs as blanks."""
        lines = difflib.unified_diff(
            (self.before or "").splitlines(keepends=True),
            (self.after or "").splitlines(keepends=True),
            "/dev/null" if self.before is None else str(self.path),
            "/dev/null" if self.after is None else str(self.path),
        )
        shown: list[str] = []
        for line in lines:
            shown.append(line.rstrip("\n").expandtabs())
            if not line.endswith("\n"):
                shown.append("\\ No newline at end of file")
        return shown


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfigPlan:
    """Changes in the order in which they are safe, and notes on them for the admin."""

    changes: tuple[FileChange, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupEntry:
    """What the backup has of one file.

    Attributes:
        without_sendlimit: its text before attach; None: it did not exist.
        attached: its text after attach.
    """

    without_sendlimit: str | None
    attached: str | None


def plan_attach(snapshot: Snapshot, socket: str) -> ConfigPlan:
    """Plan the changes after which every service that can have logins asks sendlimit last.

    Args:
        snapshot: of Postfix as it is.
        socket: milter.socket of sendlimit's configuration, "unix:/path" or "inet:PORT@HOST".

    Returns:
        A plan without changes when sendlimit is attached already.

    Raises:
        PostfixError: this configuration is not supported; the message says what to change.
    """
    refuse_unless_supported(snapshot)
    limited = [service for service in snapshot.services if role_of(service) is Role.LIMITED]
    entry = render_entry(_endpoint(snapshot, limited, socket))
    parameters, notes = _own_chains(snapshot, limited, entry)
    references = {
        key: f"smtpd_milters=${name}" for name, keys in parameters.items() for key in keys.services
    }
    values = {name: chain.value for name, chain in parameters.items()}
    main_after = _main_cf_with(snapshot.main_cf.text or "", values)
    master_after = _master_cf_with(snapshot.master_cf.text or "", references)
    is_master_changed = master_after != snapshot.master_cf.text
    changes = [
        _change(snapshot.main_cf, main_after, is_reload_due=not is_master_changed),
        _change(snapshot.master_cf, master_after, is_reload_due=True),
    ]
    if snapshot.ispconfig_custom is not None:
        custom_after = _main_cf_with(snapshot.ispconfig_custom.text or "", values, comment=False)
        changes.insert(0, _change(snapshot.ispconfig_custom, custom_after))
    left_out = [
        f"{service.key} is left out: {role_of(service).value}"
        for service in snapshot.services
        if role_of(service) in {Role.RE_ENTRY, Role.BYPASS}
    ]
    return ConfigPlan(
        changes=tuple(change for change in changes if change.before != change.after),
        notes=(*notes, *left_out),
    )


def plan_detach(snapshot: Snapshot, backup: Mapping[Path, BackupEntry]) -> ConfigPlan:
    """Plan the changes that remove sendlimit's settings.

    A file that was not changed since attach becomes byte for byte what it was before; from any
    other file exactly sendlimit's settings are removed.

    Args:
        snapshot: of Postfix as it is.
        backup: what the backup has, by file.

    Returns:
        A plan with master.cf first: a service must never refer to a parameter that is removed.
    """
    changes: list[FileChange] = []
    notes: list[str] = []
    for file in (snapshot.master_cf, snapshot.main_cf, snapshot.ispconfig_custom):
        if file is None or file.text is None or file.text == _without_sendlimit(file):
            continue
        known = backup.get(file.path)
        after = _without_sendlimit(file)
        if known is not None and known.attached == file.text:
            after = known.without_sendlimit
        else:
            notes.append(
                f"{file.path}: {'no backup of it' if known is None else 'changed since attach'},"
                " so exactly our settings are taken out"
            )
            if known is not None and known.without_sendlimit is None and not after:
                after = None
        changes.append(_change(file, after, is_reload_due=not changes))
    return ConfigPlan(changes=tuple(changes), notes=tuple(notes))


def _endpoint(snapshot: Snapshot, limited: list[SmtpdService], socket: str) -> str:
    endpoint = endpoint_of(socket, snapshot.queue_directory)
    chrooted = [service.key for service in limited if service.is_chrooted]
    if chrooted and is_outside_queue(endpoint):
        msg = (
            f"milter.socket is '{socket}', but {chrooted[0]} is chrooted to"
            f" {snapshot.queue_directory} and can't reach it: set milter.socket ="
            f' "unix:{snapshot.queue_directory}/sendlimit/milter.sock"'
        )
        raise PostfixError(msg)
    return endpoint


@dataclass(slots=True, kw_only=True)
class _OwnChain:
    value: str
    services: list[str]


def _own_chains(
    snapshot: Snapshot, limited: list[SmtpdService], entry: str
) -> tuple[dict[str, _OwnChain], list[str]]:
    """Return sendlimit's parameters of main.cf with the services that refer to each, and notes."""
    texts = master_cf.services(snapshot.master_cf.text or "")
    chains: dict[str, _OwnChain] = {}
    notes: list[str] = []
    for service in limited:
        earlier = [
            option.value
            for text in texts
            if text.key == service.key
            for option in text.options
            if option.name == "smtpd_milters" and not is_own_option(option)
        ]
        if earlier:
            name, before = _parameter_of(service.key, chains), earlier[-1]
            notes.append(f"{service.key} has an -o smtpd_milters, so it gets {name}")
        else:
            name, before = OWN_PARAMETER, _main_chain(snapshot, notes)
        chain = chains.setdefault(name, _OwnChain(value=f"{before} {entry}".strip(), services=[]))
        chain.services.append(service.key)
    return chains, list(dict.fromkeys(notes))


def _parameter_of(key: str, taken: Mapping[str, _OwnChain]) -> str:
    name = base = f"{OWN_PARAMETER}_{re.sub(r'[^A-Za-z0-9]', '_', key)}"
    number = 2
    while name in taken:
        name, number = f"{base}_{number}", number + 1
    return name


def _main_chain(snapshot: Snapshot, notes: list[str]) -> str:
    """Return what the chain begins with: main.cf's milters, by reference where possible."""
    if snapshot.ispconfig_custom is None:
        return snapshot.smtpd_milters
    if not _refers_to_smtpd_milters(
        "non_smtpd_milters", snapshot.main_cf.text or "", set()
    ) and parse_chain(snapshot.non_smtpd_chain) == parse_chain(snapshot.main_chain):
        return "$non_smtpd_milters"
    notes.append(
        f"{snapshot.main_cf.path}: non_smtpd_milters can't stand for smtpd_milters as on other"
        " ISPConfig servers, so smtpd_milters is copied: run 'sendlimit postfix attach' again"
        " whenever you change it"
    )
    return snapshot.smtpd_milters


def _refers_to_smtpd_milters(name: str, text: str, seen: set[str]) -> bool:
    values = [parameter.value for parameter in main_cf.parameters(text) if parameter.name == name]
    references = set(re.findall(r"\$[{(]?(\w+)", values[-1])) if values else set()
    if "smtpd_milters" in references or any(map(is_own_parameter, references)):
        return True
    new = references - seen
    return any(_refers_to_smtpd_milters(other, text, seen | references) for other in new)


def _main_cf_with(text: str, wanted: Mapping[str, str], *, comment: bool = True) -> str:
    present = [
        (parameter.name, parameter.value)
        for parameter in main_cf.parameters(text)
        if is_own_parameter(parameter.name)
    ]
    if sorted(present) == sorted(wanted.items()):
        return text
    rest = main_cf.without(text, is_own_parameter)
    return main_cf.with_parameters(rest, wanted, comment=comment)


def _master_cf_with(text: str, wanted: Mapping[str, str]) -> str:
    def is_right(service: master_cf.ServiceText) -> bool:
        chain = [item for item in service.options if item.name == "smtpd_milters"]
        own = [f"{item.name}={item.value}" for item in chain if is_own_option(item)]
        option = wanted.get(service.key)
        if option is None:
            return not own
        return own == [option] and is_own_option(chain[-1])

    if all(is_right(service) for service in master_cf.services(text)):
        return text
    return master_cf.with_options(master_cf.without(text, is_own_option), wanted)


def _without_sendlimit(file: TextFile) -> str | None:
    if file.text is None:
        return None
    if file.path.name == "master.cf":
        return master_cf.without(file.text, is_own_option)
    return main_cf.without(file.text, is_own_parameter)


def _change(file: TextFile, after: str | None, *, is_reload_due: bool = False) -> FileChange:
    return FileChange(
        path=file.path,
        before=file.text,
        after=after,
        without_sendlimit=_without_sendlimit(file),
        is_reload_due=is_reload_due,
    )
