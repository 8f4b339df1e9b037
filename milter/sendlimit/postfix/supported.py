"""Refuse a Postfix configuration that attach does not support. Pure."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sendlimit.errors import PostfixError
from sendlimit.postfix import master_cf
from sendlimit.postfix.services import Role, login_ways, role_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendlimit.postfix.snapshot import Snapshot

_OLDEST = (3, 0)  # the first release with settings for a single milter


def refuse_unless_supported(snapshot: Snapshot) -> None:
    """Refuse a configuration that attach does not support.

    Raises:
        PostfixError: names file, parameter and remedy.
    """
    _refuse_version_and_instances(snapshot)
    _refuse_ambiguous_text(snapshot)
    _refuse_without_auth(snapshot)


def _refuse_version_and_instances(snapshot: Snapshot) -> None:
    version = re.match(r"(\d+)\.(\d+)", snapshot.version)
    if version is None or (int(version[1]), int(version[2])) < _OLDEST:
        msg = (
            f"this is Postfix {snapshot.version}, but sendlimit needs Postfix 3.0 or newer"
            " (settings for a single milter): upgrade Postfix"
        )
        raise PostfixError(msg)
    if snapshot.multi_instance_directories and not snapshot.is_chosen:
        msg = (
            f"{snapshot.main_cf.path}: multi_instance_directories ="
            f" {snapshot.multi_instance_directories}: there are several Postfix instances;"
            " say which one with --config-directory DIRECTORY"
        )
        raise PostfixError(msg)


def _refuse_ambiguous_text(snapshot: Snapshot) -> None:
    """Refuse a master.cf that master_cf.py reads in another way than Postfix does."""
    texts = {service.key: service for service in master_cf.services(snapshot.master_cf.text or "")}
    keys = [service.key for service in snapshot.services]
    for service in snapshot.services:
        if keys.count(service.key) > 1:
            msg = f"{snapshot.master_cf.path}: {service.key} is there twice: take one of them out"
            raise PostfixError(msg)
        text = texts.get(service.key)
        read = {option.name: option.value for option in text.options} if text else None
        if read is None or _blankless(read) != _blankless(service.options):
            msg = (
                f"{snapshot.master_cf.path}: the options of {service.key} are written in a way"
                f" that sendlimit does not understand: compare 'postconf -P \"{service.key}/*\"',"
                " and write each as '-o name=value' on a line of its own"
            )
            raise PostfixError(msg)


def _refuse_without_auth(snapshot: Snapshot) -> None:
    left_out = [service.key for service in snapshot.services if login_ways(service)]
    if any(role_of(service) is Role.LIMITED for service in snapshot.services):
        return
    if left_out:
        msg = (
            f"{snapshot.config_directory}: milters are switched off on every service that can have"
            f" logins: {', '.join(left_out)}: take no_milters out of receive_override_options, and"
            " the empty smtpd_milters out of the service (main.cf, master.cf)"
        )
        raise PostfixError(msg)
    msg = (
        f"{snapshot.master_cf.path}: no smtpd service offers AUTH, so nobody's mail could be"
        " limited: set up SASL first (smtpd_sasl_auth_enable = yes, see SASL_README)"
    )
    raise PostfixError(msg)


def _blankless(options: Mapping[str, str]) -> dict[str, str]:
    return {name: re.sub(r"\s", "", value) for name, value in options.items()}
