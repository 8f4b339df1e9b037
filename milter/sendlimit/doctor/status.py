"""What `sendlimit status` shows, read in one go.

FAILURE: what can't be read is a sentence in `problems`, and the rest is shown.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from sendlimit.doctor import reach
from sendlimit.doctor.deciding import deciding
from sendlimit.errors import PostfixError, SendlimitError
from sendlimit.postfix.findings import service_statuses
from sendlimit.postfix.snapshot import read_snapshot
from sendlimit.rules.in_force import fullest_first, in_force, least_to_look_at, near_limits
from sendlimit.rules.limit import (
    EVERYONE,
    LIMIT_NAMES,
    MESSAGES_PER_DAY,
    SUSPENSION,
    CounterKey,
)
from sendlimit.rules.precedence import Rules
from sendlimit.rules.subject import SERVER_SUBJECT
from sendlimit.store.episodes import latest_episode
from sendlimit.store.findings import read_findings
from sendlimit.store.rules_in_force import rules_in_force
from sendlimit.store.usage import usage, used_at_least

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from sendlimit.config import Config
    from sendlimit.rules.episode import Episode
    from sendlimit.rules.in_force import NearLimit
    from sendlimit.rules.window import Period
    from sendlimit.store.connection import Connection
    from sendlimit.store.findings import Findings

SERVER_A_DAY = MESSAGES_PER_DAY[0]
NEAR_PERCENT = 80
"""Where [notify] names no share."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Counted:
    """What the database tells.

    Attributes:
        rules: the settings that hold now.
        server_used: the server's messages of the running day.
        server_max: their limit; None: unlimited.
        near: who has used most of a limit, the fullest first.
        last_refusal: None: there is none on record.
        doctor: what its last kept run has found.
    """

    rules: Rules
    server_used: int
    server_max: int | None
    near: list[NearLimit]
    last_refusal: Episode | None
    doctor: Findings

    @property
    def suspended(self) -> list[str]:
        """The mailboxes and domains that are suspended now, "*" for everyone."""
        found = {
            subject
            for origin in (self.rules.boosts, self.rules.overrides)
            for subject, name in origin.by_subject
            if name == SUSPENSION
        }
        return sorted(found)


@dataclass(slots=True, kw_only=True)
class Status:
    """How the daemon, Postfix and the counters are now.

    Attributes:
        daemon_answers: whether mail is asked about.
        daemon: where it answers, or why it does not.
        attached: the services of Postfix that ask the daemon; None: can't be told.
        in_force: a sentence: the mode, and the limits for everyone.
        observe: nothing is refused (R12).
        day: the running day.
        percent: the share of a limit from which on a subject is near it.
        counted: None: the database can't be read.
        problems: a sentence for each thing that can't be read, or that keeps mail from being limited.
    """

    daemon_answers: bool
    daemon: str
    attached: list[str] | None
    in_force: str
    observe: bool
    day: Period
    percent: int
    counted: Counted | None
    problems: list[str] = field(default_factory=list)


def read_status(
    config: Config,
    connect: Callable[[], AbstractContextManager[Connection]],
    now: int,
    *,
    config_directory: Path | None = None,
    ispconfig_directory: Path | None = None,
) -> Status:
    """Ask the daemon, Postfix's configuration and the database.

    Args:
        config: names them.
        connect: opens the database; raises a SendlimitError when its tables can't be used.
        now: seconds since 1970.
        config_directory: of Postfix; None: as postconf says.
        ispconfig_directory: of ISPConfig; None: its usual directory.
    """
    answer = reach.daemon(config.milter.socket)
    found = list(answer.findings)
    if not found:
        found += deciding(Path(config.state_dir), now).findings
    problems = [
        f"{finding.problem} ({finding.subject}): {finding.remedy}"
        for finding in found
        if finding.severity == "error"
    ]
    attached: list[str] | None = None
    try:
        snapshot = read_snapshot(config_directory, ispconfig_directory)
        statuses = service_statuses(snapshot, config.milter.socket)
        attached = [status.key for status in statuses if status.is_attached]
        if not attached:
            problems.append("Postfix does not ask sendlimit: sendlimit postfix attach")
    except PostfixError as failure:
        problems.append(str(failure))
    percent = NEAR_PERCENT if config.notify is None else config.notify.warn_at_percent
    counted = None
    try:
        with connect() as connection:
            counted = _counted(connection, config, percent, now)
    except SendlimitError as failure:
        problems.extend(str(failure).splitlines())
    rules = counted.rules if counted else Rules(config.file_settings())
    return Status(
        daemon_answers=not answer.findings,
        daemon=answer.message or answer.findings[0].problem,
        attached=attached,
        in_force=in_force(rules, observe=config.mode == "observe"),
        observe=config.mode == "observe",
        day=config.make_calendar().period(SERVER_A_DAY.window, now),
        percent=percent,
        counted=counted,
        problems=problems,
    )


def _counted(connection: Connection, config: Config, percent: int, now: int) -> Counted:
    calendar = config.make_calendar()
    rules = rules_in_force(connection, config.file_settings(), now)
    near: list[NearLimit] = []
    for name in LIMIT_NAMES:
        least = least_to_look_at(name, rules, percent)
        if least is not None:
            start = calendar.period(name.window, now).start
            counts = used_at_least(connection, name, start, least)
            near += near_limits(name, counts, rules, percent)
    day = calendar.period(SERVER_A_DAY.window, now)
    key = CounterKey(
        SERVER_A_DAY.scope, EVERYONE, SERVER_A_DAY.unit, SERVER_A_DAY.window, day.start
    )
    winner = rules.winner(SERVER_A_DAY, SERVER_SUBJECT.sender)
    return Counted(
        rules=rules,
        server_used=usage(connection, [key]).get(key, 0),
        server_max=winner[0].max if winner else None,
        near=sorted(near, key=fullest_first),
        last_refusal=latest_episode(connection),
        doctor=read_findings(connection),
    )
