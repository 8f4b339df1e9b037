"""How everything is, in one line for Nagios, Icinga and their like. Pure.

Source: the Monitoring Plugins guidelines: STATE and text, "|", performance data; exit 0 to 3.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import EVERYONE, SUSPENSION, Scope
from sendlimit.rules.reply import one_line

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendlimit.doctor.status import Counted, Status
    from sendlimit.rules.in_force import NearLimit

_PROGRAM = "SENDLIMIT"
_SHOWN = 3
"""Subjects that are named; a text message has room for no more."""


class PluginState(IntEnum):
    """What a monitor takes from the exit code."""

    OK = 0
    WARNING = 1
    CRITICAL = 2
    UNKNOWN = 3


class PluginResult(NamedTuple):
    """One line, and the exit code."""

    line: str
    state: PluginState


def plugin_result(found: Status) -> PluginResult:
    """Return the line of a status.

    Critical: mail is not limited, or the server's limit is used up, so that nobody can send.
    Warning: somebody is near a limit, or is suspended.
    """
    counted = found.counted
    if found.problems or counted is None:
        return _result(PluginState.CRITICAL, "; ".join(found.problems), counted)
    suspended = len(_suspended(counted))
    words = [_near(counted.near)] if counted.near else []
    if suspended:
        words.append(f"{suspended} suspended")
    is_used_up = any(
        one.limit.name.scope is Scope.GLOBAL and one.used >= one.limit.max for one in counted.near
    )
    state = PluginState.OK
    if words:
        state = PluginState.CRITICAL if is_used_up else PluginState.WARNING
    return _result(state, ", ".join(words) or found.in_force, counted)


def unknown(problems: list[str]) -> PluginResult:
    """Return the line for a configuration that can't be used: nothing could be looked at."""
    return _result(PluginState.UNKNOWN, "; ".join(problems), None)


def _result(state: PluginState, text: str, counted: Counted | None) -> PluginResult:
    # A bar begins the performance data, wherever it comes from.
    text = one_line(text).replace("|", "/")
    data = "" if counted is None else f" | {' '.join(_performance(counted))}"
    return PluginResult(f"{_PROGRAM} {state.name}: {text}{data}", state)


def _near(near: list[NearLimit]) -> str:
    words = [
        f"{'the server' if one.subject == EVERYONE else one.subject} {one.used} of {one.limit.max}"
        f" {one.limit.name.unit.words} per {one.limit.name.window}"
        for one in near[:_SHOWN]
    ]
    more = f" and {len(near) - _SHOWN} more" if len(near) > _SHOWN else ""
    return f"near a limit: {', '.join(words)}{more}"


def _suspended(counted: Counted) -> set[str]:
    rules = counted.rules
    return {
        subject
        for origin in (rules.boosts, rules.overrides)
        for subject, name in origin.by_subject
        if name == SUSPENSION
    }


def _performance(counted: Counted) -> Iterator[str]:
    """Yield label=value;warn;crit;min;max."""
    most = "" if counted.server_max is None else str(counted.server_max)
    yield f"server_today={counted.server_used};;{most};0;{most}"
    yield f"near_limit={len(counted.near)};0;;0"
    yield f"suspended={len(_suspended(counted))};0;;0"
