"""The words of the pages in the language of the browser, and numbers and times as it writes them."""

from __future__ import annotations

import re
import tomllib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from sendlimit.rules.limit import SUSPENSION

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sendlimit.rules.limit import LimitName
    from sendlimit.rules.window import Calendar

LANGUAGES = ("en", "de")
"""Each has a file in texts/; the first is for browsers that want another one."""
_RANGE = re.compile(
    r"\s*([A-Za-z]{1,8}|\*)(?:-[A-Za-z0-9-]*)?\s*(?:;\s*q=([01](?:\.\d{0,3})?))?\s*"
)
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def language_of(accept_language: str) -> str:
    """Return the language that a browser likes best (RFC 9110 12.5.4)."""
    best, weight = LANGUAGES[0], 0.0
    for part in accept_language.split(","):
        match = _RANGE.fullmatch(part)
        if match is None or match[1].lower() not in LANGUAGES:
            continue
        wanted = float(match[2] or 1)
        if wanted > weight:
            best, weight = match[1].lower(), wanted
    return best


@cache
def texts(language: str) -> Mapping[str, str]:
    """Return the texts of a language by their dotted keys."""
    document = tomllib.loads((files(__package__) / "texts" / f"{language}.toml").read_text("utf-8"))
    return dict(_flat(document, ""))


def _flat(table: Mapping[str, object], prefix: str) -> Iterator[tuple[str, str]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{key}.")
        else:
            yield prefix + key, str(value)


class Words:
    """What a page says, in one language and on one calendar's clock.

    Args:
        language: of LANGUAGES.
        calendar: whose time zone is shown.
    """

    def __init__(self, language: str, calendar: Calendar) -> None:
        self.language = language
        self._texts = texts(language)
        self._calendar = calendar

    def __call__(self, key: str, **values: object) -> str:
        """Return a text with its values put in."""
        return self._texts[key].format(**values)

    def has(self, key: str) -> bool:
        """Say whether there is a text."""
        return key in self._texts

    def number(self, value: int) -> str:
        """Write a whole number with its thousands apart."""
        return f"{value:,}".replace(",", self("format.thousands"))

    def limit_value(self, value: int | None) -> str:
        """Write a limit's value."""
        return self("table.unlimited") if value is None else self.number(value)

    def limit_name(self, name: LimitName) -> str:
        """Write a limit without whose it is."""
        return self(f"unit.{name.unit}_{name.window}")

    def full_limit_name(self, name: LimitName) -> str:
        """Write a limit and whose it is; a suspension, which is no number, has its own word."""
        if name == SUSPENSION:
            return self("suspended.heading")
        return f"{self.limit_name(name)} {self(f'scope.{name.scope}')}"

    def date(self, at: int) -> str:
        """Write the day of a moment."""
        local = self._calendar.local(at)
        return self("format.date", day=local.day, month=self._month(local.month), year=local.year)

    def day_month(self, at: int) -> str:
        """Write the day of a moment without the year."""
        local = self._calendar.local(at)
        return self("format.day_month", day=local.day, month=self._month(local.month))

    def clock(self, at: int) -> str:
        """Write the time of day of a moment."""
        return self._calendar.local(at).strftime("%H:%M")

    def time(self, at: int, now: int | None = None) -> str:
        """Write a moment; today's without the day when now is given."""
        if now is not None and self._calendar.local(at).date() == self._calendar.local(now).date():
            return self.clock(at)
        return self("format.time", date=self.date(at), clock=self.clock(at))

    def duration(self, seconds: int) -> str:
        """Write a time span by its two largest units."""
        seconds = max(seconds, _MINUTE)
        if seconds >= _DAY:
            hours = seconds % _DAY // _HOUR
            return self("duration.days", days=seconds // _DAY, hours=hours)
        if seconds >= _HOUR:
            minutes = seconds % _HOUR // _MINUTE
            return self("duration.hours", hours=seconds // _HOUR, minutes=minutes)
        return self("duration.minutes", number=seconds // _MINUTE)

    def subject(self, key: str) -> str:
        """Write whom a setting is for."""
        return self("table.everyone") if key == "*" else key

    def _month(self, number: int) -> str:
        return self("format.months").split()[number - 1]
