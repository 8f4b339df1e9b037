"""`sendlimit status`: how the daemon, Postfix and the counters are, in seven lines, or eight."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, postfix_options
from sendlimit.cli.printing import (
    limit_value,
    local_time,
    print_data,
    print_error,
    print_json,
)
from sendlimit.doctor.keeping import in_words
from sendlimit.doctor.nagios import plugin_result, unknown
from sendlimit.doctor.status import SERVER_A_DAY, read_status
from sendlimit.errors import ConfigError
from sendlimit.reports.records import episode_record
from sendlimit.rules.limit import EVERYONE
from sendlimit.store.sqltime import to_iso

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sendlimit.doctor.status import Counted, Status
    from sendlimit.rules.episode import Episode
    from sendlimit.rules.in_force import NearLimit
    from sendlimit.rules.window import Calendar
    from sendlimit.store.findings import Findings

_SHOWN = 5
_NAME = 11
_UNKNOWN = "not known, see below"


@click.command()
@postfix_options
@click.option(
    "--nagios",
    is_flag=True,
    help="One line with performance data, exit code 0 to 3, for Nagios and its like.",
)
@as_json
@pass_invocation
def status(
    invocation: Invocation,
    *,
    config_directory: Path | None,
    ispconfig_directory: Path | None,
    nagios: bool,
    as_json: bool,
) -> None:
    """Show the daemon, Postfix, the mode, the server's count, who is near a limit or suspended, the last refusal, the doctor's last look.

    Exit code 1 when the daemon does not answer, Postfix does not ask it, or something can't be
    read: stderr says what mends it. 'sendlimit doctor' looks closer. With --nagios the exit code
    is 0 when all is well, 1 when someone is near a limit or suspended, 2 when mail is not limited,
    the server's limit is used up or everyone is suspended, 3 when the configuration is wrong.

    Examples:
      sendlimit status
      sendlimit status --nagios
    """
    if nagios:
        _print_for_nagios(invocation, config_directory, ispconfig_directory)
    found = read_status(
        invocation.config,
        invocation.database,
        invocation.now(),
        config_directory=config_directory,
        ispconfig_directory=ispconfig_directory,
    )
    if as_json:
        print_json(_record(found, invocation.config.mode))
    else:
        for name, text in _lines(found, invocation.calendar):
            print_data(f"{name + ':':<{_NAME}}{text}")
        print_error(*found.problems)
    if found.problems:
        raise SystemExit(1)


def _print_for_nagios(
    invocation: Invocation, config_directory: Path | None, ispconfig_directory: Path | None
) -> NoReturn:
    try:
        found = read_status(
            invocation.config,
            invocation.database,
            invocation.now(),
            config_directory=config_directory,
            ispconfig_directory=ispconfig_directory,
        )
        result = plugin_result(found)
    except ConfigError as error:
        result = unknown(error.problems)
    print_data(result.line)
    raise SystemExit(int(result.state))


def _lines(found: Status, calendar: Calendar) -> Iterator[tuple[str, str]]:
    yield "daemon", found.daemon
    yield (
        "attached",
        _UNKNOWN if found.attached is None else ", ".join(found.attached) or "to no service",
    )
    yield "mode", found.in_force
    counted = found.counted
    if counted is None:
        yield from ((name, _UNKNOWN) for name in ("server", "near", "refused", "doctor"))
        return
    yield "server", _server(counted, local_time(calendar, found.day.end))
    yield "near", _near(counted.near, found.percent)
    if counted.suspended:
        yield "suspended", _suspended(counted.suspended)
    yield "refused", _last(counted.last_refusal, calendar)
    yield "doctor", _doctor(counted.doctor, calendar)


def _server(counted: Counted, end: str) -> str:
    name = SERVER_A_DAY
    return (
        f"{counted.server_used} of {limit_value(counted.server_max)} {name.unit.words} this {name.window},"
        f" until {end}"
    )


def _near(near: list[NearLimit], percent: int) -> str:
    if not near:
        return f"nothing has used {percent} % of a limit"
    words = [
        f"{'the server' if one.subject == EVERYONE else one.subject} {one.used} of {one.limit.max}"
        f" ({one.limit.name})"
        for one in near[:_SHOWN]
    ]
    more = f", and {len(near) - _SHOWN} more" if len(near) > _SHOWN else ""
    return f"{', '.join(words)}{more}"


def _suspended(subjects: list[str]) -> str:
    words = ["everyone" if subject == EVERYONE else subject for subject in subjects[:_SHOWN]]
    more = f", and {len(subjects) - _SHOWN} more" if len(subjects) > _SHOWN else ""
    return f"{', '.join(words)}{more}; see 'sendlimit suspensions'"


def _last(episode: Episode | None, calendar: Calendar) -> str:
    if episode is None:
        return "nothing on record"
    key = episode.key
    name = key.name
    whose = "" if key.subject in {EVERYONE, episode.last_mailbox} else f" of {key.subject}"
    return f"{local_time(calendar, episode.last_at)} {episode.last_mailbox}: {name} {episode.limit}{whose}"


def _doctor(doctor: Findings, calendar: Calendar) -> str:
    if doctor.at is None:
        return "has not looked yet (sendlimit-doctor.timer)"
    errors = [finding for finding in doctor.found if finding.level == "error"]
    words = f"errors: {len(errors)} ({in_words(errors)})" if errors else "no errors"
    return f"{local_time(calendar, doctor.at)} {words}, warnings: {len(doctor.found) - len(errors)}"


def _record(found: Status, mode: str) -> dict[str, object]:
    counted = found.counted
    return {
        "daemon_answers": found.daemon_answers,
        "daemon": found.daemon,
        "attached": found.attached,
        "mode": mode,
        "in_force": found.in_force,
        "server": None
        if counted is None
        else {
            "used": counted.server_used,
            "max": counted.server_max,
            "period_start": to_iso(found.day.start),
            "period_end": to_iso(found.day.end),
        },
        "near": None
        if counted is None
        else [
            {
                "subject": one.subject,
                "limit": str(one.limit.name),
                "used": one.used,
                "max": one.limit.max,
            }
            for one in counted.near
        ],
        "suspended": None if counted is None else counted.suspended,
        "last_refusal": None
        if counted is None or counted.last_refusal is None
        else episode_record(counted.last_refusal),
        "doctor": None
        if counted is None or counted.doctor.at is None
        else {
            "at": to_iso(counted.doctor.at),
            "found": [
                {
                    **finding._asdict(),
                    "first_at": to_iso(finding.first_at),
                }
                for finding in counted.doctor.found
            ],
        },
        "problems": found.problems,
    }
