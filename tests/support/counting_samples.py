"""Mailboxes, moments and limits that the tests of counting are written with."""

from datetime import datetime
from zoneinfo import ZoneInfo

from sendlimit.rules.decision import LimitUsage
from sendlimit.rules.limit import (
    EVERYONE,
    LATCH,
    LIMIT_NAMES,
    CounterKey,
    Limit,
    LimitName,
    Origin,
    Setting,
    Settings,
    subject_of,
)
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.precedence import Rules
from sendlimit.rules.window import Calendar

ALICE = Sender("alice@example.org", "example.org")
BOB = Sender("bob@example.org", "example.org")
CAROL = Sender("carol@example.net", "example.net")

BERLIN = Calendar(ZoneInfo("Europe/Berlin"))
UTC = Calendar(ZoneInfo("UTC"))

_NAMES = {str(name): name for name in LIMIT_NAMES}


def moment(text: str, zone: str = "UTC", *, second_time: bool = False) -> int:
    """Return "YYYY-MM-DD HH:MM[:SS]" of a zone's wall clock as seconds since 1970.

    Args:
        text: as on the clock.
        zone: whose clock.
        second_time: of a time that happens twice, take the second.
    """
    local = datetime.fromisoformat(text).replace(tzinfo=ZoneInfo(zone), fold=int(second_time))
    return int(local.timestamp())


NOON = moment("2026-11-22 12:00")
DAY_START = moment("2026-11-22 00:00")


def named(text: str) -> LimitName:
    """Return a limit's name as the config file writes it: mailbox.messages_per_day."""
    return _NAMES[text]


def setting(subject: str, name: str, value: int | None, until: int | None = None) -> Setting:
    """Set a limit; until makes it a boost."""
    return Setting(subject, named(name), value, until)


def file_rules(*settings: Setting) -> Rules:
    """Return the rules of a config file with these limits and an empty er_limit."""
    return Rules(Settings.of(settings))


def key_of(name: str, subject: str, at: int = NOON, calendar: Calendar = UTC) -> CounterKey:
    """Return the key of the counter that a limit of this name is held against."""
    scope, unit, window = named(name)
    return CounterKey(scope, subject, unit, window, calendar.period(window, at).start)


DAILY = "mailbox.messages_per_day"
ALICES_DAY = key_of(DAILY, ALICE.mailbox)
LIMIT_OF_3 = setting("*", DAILY, 3)
ALICES_MAIL = {
    LATCH: 1,
    key_of("global.messages_per_day", "*"): 1,
    key_of("domain.messages_per_day", "example.org"): 1,
    ALICES_DAY: 1,
}
"""What one mail of Alice adds to the counters."""


def usage_of(
    name: str, limit: int, used: int, sender: Sender = ALICE, at: int = NOON
) -> LimitUsage:
    """Return the use of a limit that the config file sets for everyone, in UTC."""
    limit_name = named(name)
    subject = subject_of(limit_name.scope, sender)
    assert subject is not None
    return LimitUsage(
        Limit(limit_name, limit, EVERYONE, Origin.FILE),
        key_of(name, subject, at),
        used,
        UTC.period(limit_name.window, at),
    )
