"""Rolling windows: what counts of the last 60 minutes or 24 hours, and when it frees up (R19). Pure.

Mails are counted by step, each step a counter of its own: a minute of an hour, an hour of a day.
A step counts until its last moment has left the window, so no window of this length, wherever it
begins, ever has more than the limit. The step after the running one counts as well: another
daemon's clock may be ahead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.rules.limit import CounterKey
from sendlimit.rules.window import ROLLING_WINDOWS, Period

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendlimit.rules.window import Window

    Counts = tuple[tuple[int, int], ...]
    """What was used in each step with mail, as (start of the step, amount), the oldest first."""

_UNLIMITED = 2**62


def step_starts(window: Window, start: int) -> range:
    """Return when the steps begin that count while the step of this start runs, the oldest first."""
    span, step, _ = ROLLING_WINDOWS[window]
    return range(start - span, start + 2 * step, step)


def step_keys(running: CounterKey) -> list[CounterKey]:
    """Return the counters that count while the step of this one runs, its own among them."""
    scope, subject, unit, window, start = running
    return [CounterKey(scope, subject, unit, window, step) for step in step_starts(window, start)]


def counts(running: CounterKey, usage: Mapping[CounterKey, int]) -> Counts:
    """Return what was used in each step that counts while the step of this counter runs."""
    return tuple(
        [(key.period_start, used) for key in step_keys(running) if (used := usage.get(key, 0)) > 0]
    )


def charged(running: CounterKey, usage: Mapping[CounterKey, int], amount: int) -> Counts:
    """Return the same with an amount that is added to the running step."""
    found = dict(counts(running, usage))
    found[running.period_start] = found.get(running.period_start, 0) + amount
    return tuple(sorted(found.items()))


def total(steps: Counts) -> int:
    """Return what is used of a window."""
    return sum([used for _, used in steps])


def leaves_at(window: Window, start: int) -> int:
    """Return the moment from which the step of this start does not count any more."""
    span, step, _ = ROLLING_WINDOWS[window]
    return start + span + step


def frees_up(window: Window, steps: Counts, most: int, amount: int) -> int | None:
    """Return the first moment at which steps leave the window and this amount has room.

    Where it has room already, this is when the oldest step leaves; what is more than the limit
    has room in an empty window.

    Returns:
        None: nothing is used.
    """
    used, room = total(steps), max(0, most - amount)
    for start, part in steps:
        used -= part
        if used <= room:
            return leaves_at(window, start)
    return None


def span_now(running: CounterKey, steps: Counts, most: int | None) -> Period:
    """Return from when on mails count, and when the next one passes.

    With room left the end is when the oldest step leaves; with nothing used, when a mail of this
    moment would.
    """
    window, start = running.window, running.period_start
    end = frees_up(window, steps, most or _UNLIMITED, 1)
    return Period(
        step_starts(window, start).start, leaves_at(window, start) if end is None else end
    )
