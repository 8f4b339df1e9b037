"""Check the configuration file: is it right, is it protected, does it limit mail."""

from __future__ import annotations

import os
import shlex
import stat
from pathlib import Path
from typing import TYPE_CHECKING

from sendlimit.config.login_map import read_login_map
from sendlimit.doctor.check import Check, found, passed
from sendlimit.errors import ConfigError, LoginMapError
from sendlimit.postfix.finding import error, warning
from sendlimit.rules.in_force import in_force
from sendlimit.store.owner import as_owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sendlimit.config import Config
    from sendlimit.postfix.finding import Finding
    from sendlimit.rules.never_in_force import NeverInForce
    from sendlimit.rules.precedence import Rules

_NAMED = 5


def file(path: Path, problems: Sequence[str]) -> Check:
    """Return the check of the configuration file.

    Args:
        path: of the file.
        problems: of a ConfigError; none: the file is right.
    """
    why = "the daemon does not start with it, and a running one keeps the settings before"
    remedy = f"mend {path} as the message says, then: systemctl restart sendlimit"
    if not problems:
        return passed("file", str(path))
    return found(
        "file",
        *(error("config", str(path), _short(problem, path), why, remedy) for problem in problems),
    )


def _short(problem: str, path: Path) -> str:
    return problem.removeprefix(f"{path}: ")


def modes(path: Path, config: Config) -> Check:
    """Check which users may write the configuration and read the secrets."""
    findings = list(_mode_faults(path, config))
    return (
        found("modes", *findings)
        if findings
        else passed("modes", "not every local user may use the files")
    )


def secret_files(config: Config) -> list[Path]:
    """Return the files that only the daemon may read."""
    named = [config.store.password_file, config.notify and config.notify.webhook_secret_file]
    return [Path(name) for name in named if name]


def _mode_faults(path: Path, config: Config) -> Iterator[Finding]:
    if _has(path, stat.S_IWOTH):
        yield error(
            "config-mode",
            str(path),
            "every local user can change it",
            "anybody could lift the limits, or run the daemon on another database",
            _chmod("o-w", path),
        )
    logins_file = config.identity.map_path
    if logins_file is not None and logins_file.exists() and _has(logins_file, stat.S_IWOTH):
        yield error(
            "config-mode",
            str(logins_file),
            "every local user can change it",
            "anybody could send by the limits of another mailbox",
            _chmod("o-w", logins_file),
        )
    for secret in secret_files(config):
        if not os.access(secret, os.F_OK):
            continue  # opening the database reports it
        if _has(secret, stat.S_IRWXO):
            yield error(
                "secret-mode",
                str(secret),
                "every local user can read it",
                "anybody could change the counters, and the daemon refuses to use the file",
                _chmod("o=", secret),
            )


def _chmod(mode: str, path: Path) -> str:
    return as_owner(path.absolute(), f"chmod {mode} {shlex.quote(str(path.absolute()))}")


def _has(path: Path, bits: int) -> bool:
    return bool(path.stat().st_mode & bits)


def mode(config: Config, path: Path) -> Check:
    """Check whether mail is refused, or only observed."""
    if config.mode == "enforce":
        return passed("mode", "enforce")
    return found(
        "mode",
        warning(
            "observe",
            str(path),
            'mode is "observe"',
            "mail is counted and nothing is ever refused",
            f'set mode = "enforce" in {path}, then: systemctl reload sendlimit',
        ),
    )


def logins(config: Config, path: Path) -> Check:
    """Check the other spellings of logins."""
    try:
        found_map = read_login_map(config, path)
    except (LoginMapError, ConfigError) as failure:
        return found(
            "logins",
            error(
                "login-map",
                "identity",
                str(failure),
                "the daemon goes on with the last map that it could read; after a start without"
                " one each spelling of a login is a mailbox of its own, with limits of its own",
                "mend it as the message says; the daemon reads it again within a minute",
            ),
        )
    if found_map is None:
        return passed("logins", "each login is a mailbox of its own")
    return passed("logins", f"other spellings: {len(found_map)}")


def limits(
    rules: Rules,
    never: Sequence[NeverInForce] = (),
    unknown: Sequence[str] = (),
    *,
    observe: bool,
) -> Check:
    """Check which limits are in force, and whether one is set for anybody at all.

    Args:
        rules: the settings of file and database that hold now.
        never: rows of er_limit that count for no mail.
        unknown: subjects of limits.for of which no mail has been counted.
        observe: whether the mode is "observe".
    """
    if never:
        return found("limits", *(_never(one) for one in never))
    if rules.names():
        more = f" and {len(unknown) - _NAMED} more" if len(unknown) > _NAMED else ""
        note = f"; no mail counted yet of {', '.join(unknown[:_NAMED])}{more}" if unknown else ""
        return passed("limits", in_force(rules, observe=observe) + note)
    return found(
        "limits",
        warning(
            "nothing-limited",
            "limits",
            "no limit is set, neither in the file nor in the database",
            "mail is counted and nothing is ever refused",
            "sendlimit limit set '*' mailbox.messages_per_day 100",
        ),
    )


def _never(one: NeverInForce) -> Finding:
    setting = one.setting
    remedy = f"sendlimit limit unset {shlex.quote(setting.subject)} {setting.name}"
    if one.instead is not None:
        value = "unlimited" if setting.max is None else setting.max
        remedy += f"; sendlimit limit set {shlex.quote(one.instead)} {setting.name} {value}"
    return error(
        "limit-of-no-one",
        f"er_limit: {setting.subject}",
        f"{setting.name} is set for {setting.subject!r} and counts for no mail: {one.reason}",
        "whoever it was meant for is not limited by it",
        remedy,
    )
