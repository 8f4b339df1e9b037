"""Decide how sendlimit belongs into a Postfix configuration, and what must change for that.

Pure: a Snapshot in, a Plan out; nothing is read or written here.

The recipe (webmail-facts): a parameter of our own in main.cf holds a milter chain with
sendlimit last, and every smtpd service that offers AUTH gets `-o smtpd_milters=$it`. So
whoever writes smtpd_milters in main.cf (ISPConfig does at every update) can't push us out.

* On ISPConfig the chain begins with $non_smtpd_milters, which ISPConfig keeps equal to
  smtpd_milters: the chain follows when the admin switches between rspamd and amavis.
* Elsewhere it begins with a copy of smtpd_milters. A reference would call itself, because
  the service's own smtpd_milters is what is being looked up.
* A service with an -o smtpd_milters of its own gets a parameter of its own, which begins with
  a copy of that one.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendlimit.errors import PostfixError
from sendlimit.postfix import main_cf, master_cf
from sendlimit.postfix.chain import endpoint_of, is_outside_queue, parse_chain, render_entry
from sendlimit.postfix.services import (
    OWN_PARAMETER,
    Role,
    is_own_override,
    is_own_parameter,
    role_of,
)
from sendlimit.postfix.understood import refuse_unless_understood

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from sendlimit.postfix.snapshot import Service, Snapshot, TextFile


@dataclass(frozen=True, slots=True, kw_only=True)
class FileChange:
    """What one file is to become.

    Attributes:
        path: of the file.
        before: its text now; None: it is not there.
        after: its text then; None: it is to be removed.
        without_us: its text without any setting of ours, for a later detach.
        is_reload_due: whether Postfix must be told after this file.
    """

    path: Path
    before: str | None
    after: str | None
    without_us: str | None
    is_reload_due: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """Changes in the order in which they are safe, and what the admin should know of them."""

    changes: tuple[FileChange, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Recorded:
    """What the backup knows of one file.

    Attributes:
        without_us: its text before sendlimit came; None: it was not there.
        attached: its text as attach left it.
    """

    without_us: str | None
    attached: str | None


def plan_attach(snapshot: Snapshot, socket: str) -> Plan:
    """Work out what to change so that every service that offers AUTH asks sendlimit last.

    Args:
        snapshot: of Postfix as it is.
        socket: milter.socket of our configuration, "unix:/path" or "inet:PORT@HOST".

    Returns:
        A plan without changes when all is as it should be.

    Raises:
        PostfixError: the situation is not one that we understand; says what to do.
    """
    refuse_unless_understood(snapshot)
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
    return Plan(
        changes=tuple(change for change in changes if change.before != change.after),
        notes=(*notes, *left_out),
    )


def plan_detach(snapshot: Snapshot, recorded: Mapping[Path, Recorded]) -> Plan:
    """Work out how to take everything of ours out again.

    A file that is still as attach left it becomes byte for byte what it was before; from one
    that somebody changed since then exactly our settings go.

    Args:
        snapshot: of Postfix as it is.
        recorded: what the backup knows, by file.

    Returns:
        master.cf comes first: a service must never refer to a chain that is gone.
    """
    changes: list[FileChange] = []
    notes: list[str] = []
    for file in (snapshot.master_cf, snapshot.main_cf, snapshot.ispconfig_custom):
        if file is None or file.text is None or file.text == _without_us(file):
            continue
        known = recorded.get(file.path)
        after = _without_us(file)
        if known is not None and known.attached == file.text:
            after = known.without_us
        else:
            notes.append(
                f"{file.path}: {'no backup of it' if known is None else 'changed since attach'},"
                " so exactly our settings are taken out"
            )
            if known is not None and known.without_us is None and not after:
                after = None
        changes.append(_change(file, after, is_reload_due=not changes))
    return Plan(changes=tuple(changes), notes=tuple(notes))


def _endpoint(snapshot: Snapshot, limited: list[Service], socket: str) -> str:
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
    snapshot: Snapshot, limited: list[Service], entry: str
) -> tuple[dict[str, _OwnChain], list[str]]:
    """Work out our parameters of main.cf, and which services refer to which."""
    texts = master_cf.services(snapshot.master_cf.text or "")
    chains: dict[str, _OwnChain] = {}
    notes: list[str] = []
    for service in limited:
        theirs = [
            override.value
            for text in texts
            if text.key == service.key
            for override in text.overrides
            if override.name == "smtpd_milters" and not is_own_override(override)
        ]
        if theirs:
            name, before = _parameter_of(service.key, chains), theirs[-1]
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
    """Say what our chain begins with: main.cf's milters, by reference where that can be."""
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
    values = [setting.value for setting in main_cf.settings(text) if setting.name == name]
    references = set(re.findall(r"\$[{(]?(\w+)", values[-1])) if values else set()
    if "smtpd_milters" in references or any(map(is_own_parameter, references)):
        return True
    new = references - seen
    return any(_refers_to_smtpd_milters(other, text, seen | references) for other in new)


def _main_cf_with(text: str, wanted: Mapping[str, str], *, comment: bool = True) -> str:
    present = [
        (setting.name, setting.value)
        for setting in main_cf.settings(text)
        if is_own_parameter(setting.name)
    ]
    if sorted(present) == sorted(wanted.items()):
        return text
    rest = main_cf.without(text, is_own_parameter)
    return main_cf.with_settings(rest, wanted, comment=comment)


def _master_cf_with(text: str, wanted: Mapping[str, str]) -> str:
    def is_right(service: master_cf.ServiceText) -> bool:
        chain = [item for item in service.overrides if item.name == "smtpd_milters"]
        own = [f"{item.name}={item.value}" for item in chain if is_own_override(item)]
        option = wanted.get(service.key)
        if option is None:
            return not own
        return own == [option] and is_own_override(chain[-1])

    if all(is_right(service) for service in master_cf.services(text)):
        return text
    return master_cf.with_overrides(master_cf.without(text, is_own_override), wanted)


def _without_us(file: TextFile) -> str | None:
    if file.text is None:
        return None
    if file.path.name == "master.cf":
        return master_cf.without(file.text, is_own_override)
    return main_cf.without(file.text, is_own_parameter)


def _change(file: TextFile, after: str | None, *, is_reload_due: bool = False) -> FileChange:
    return FileChange(
        path=file.path,
        before=file.text,
        after=after,
        without_us=_without_us(file),
        is_reload_due=is_reload_due,
    )
