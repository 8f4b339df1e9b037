"""What the config file says about counting, and what of it the database's views need. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.plan import Plans
from sendlimit.rules.policy import Facts
from sendlimit.rules.window import Window

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from sendlimit.rules.limit import CounterKey, LimitName, Setting
    from sendlimit.rules.precedence import Rules
    from sendlimit.rules.window import Calendar

_DAYS_AHEAD = 7


class Publication(NamedTuple):
    """What the views need to know of the configuration.

    Attributes:
        settings: the limits of the file.
        days: (start, end) of the running day and the next ones, seconds since 1970.
    """

    settings: Sequence[Setting]
    days: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class CountingSettings:
    """What the config file says about counting; lives until the file is loaded again.

    Attributes:
        file: the file's limits.
        calendar: cuts the periods.
        observe: count and record, refuse nothing.
        warn_at_percent: of a limit, from which a change is reported; None: never.
    """

    file: Rules
    calendar: Calendar
    observe: bool = False
    warn_at_percent: int | None = None

    def plans(self, names: Sequence[LimitName]) -> Plans:
        """Return the plans of the file's limits while these names are counted."""
        return Plans(self.file, names, self.calendar)

    def facts(self, plans: Plans, usage: Mapping[CounterKey, int]) -> Facts:
        """Return what decisions depend on."""
        return Facts(plans, usage, self.observe, self.warn_at_percent)

    def publication(self, at: int) -> Publication:
        """Return what the views need to know: the file's limits, today and the next days."""
        period = self.calendar.period(Window.DAY, at)
        days = [period]
        while len(days) <= _DAYS_AHEAD:
            period = self.calendar.period(Window.DAY, period.end)
            days.append(period)
        return Publication(tuple(self.file.file.by_subject.values()), tuple(days))
