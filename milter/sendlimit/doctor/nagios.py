"""How everything is, in one line for Nagios, Icinga and their like. Pure.

Source: the Monitoring Plugins guidelines: STATE and text, "|", performance data; exit 0 to 3.
"""

from __future__ import annotations

from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.limit import EVERYONE, Scope
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

    Critical: mail is not limited, or nobody can send: the server's limit is used up, or everyone is suspended.
    Warning: somebody is near a limit, or is suspended.
    """
    counted = found.counted
    if found.problems or counted is None:
        return _result(PluginState.CRITICAL, "; ".join(found.problems), counted)
    words = []
    if counted.near:
        words.append(f"near a limit: {_some([_near(one) for one in counted.near])}")
    if counted.suspended:
        words.append(f"suspended: {_some([_name(subject) for subject in counted.suspended])}")
    is_used_up = EVERYONE in counted.suspended or any(
        one.limit.name.scope is Scope.GLOBAL and one.used >= one.limit.max for one in counted.near
    )
    state = PluginState.OK
    if words:
        stops_all = is_used_up and not found.observe
        state = PluginState.CRITICAL if stops_all else PluginState.WARNING
    return _result(state, ", ".join(words) or found.in_force, counted)


def unknown(problems: list[str]) -> PluginResult:
    """Return the line for a configuration that can't be used: nothing could be looked at."""
    return _result(PluginState.UNKNOWN, "; ".join(problems), None)


def _result(state: PluginState, text: str, counted: Counted | None) -> PluginResult:
    # A bar begins the performance data, wherever it comes from.
    text = one_line(text).replace("|", "/")
    data = "" if counted is None else f" | {' '.join(_performance(counted))}"
    return PluginResult(f"{_PROGRAM} {state.name}: {text}{data}", state)


def _near(one: NearLimit) -> str:
    name = one.limit.name
    return f"{_name(one.subject)} {one.used} of {one.limit.max} {name.unit.words} per {name.window.words}"


def _name(subject: str) -> str:
    return "the server" if subject == EVERYONE else subject


def _some(words: list[str]) -> str:
    more = f" and {len(words) - _SHOWN} more" if len(words) > _SHOWN else ""
    return f"{', '.join(words[:_SHOWN])}{more}"


def _performance(counted: Counted) -> Iterator[str]:
    """Yield label=value;warn;crit;min;max."""
    most = "" if counted.server_max is None else str(counted.server_max)
    yield f"server_today={counted.server_used};;{most};0;{most}"
    yield f"near_limit={len(counted.near)};0;;0"
    yield f"suspended={len(counted.suspended)};0;;0"
