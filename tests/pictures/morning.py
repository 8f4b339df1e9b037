"""What the tables hold before the pictures' day goes on: weeks before it, and its own morning."""

from __future__ import annotations

import math
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from support.rig.counters import Counters

ALICE, BOB, CAROL = (f"{name}@example.org" for name in ("alice", "bob", "carol"))
SENT = {
    ALICE: 37,
    BOB: 89,
    CAROL: 64,
    "shop@example.net": 83,
    "office@example.org": 58,
    "info@example.net": 47,
    "sales@example.org": 45,
    "news@example.net": 41,
    "anna@example.org": 33,
    "support@example.net": 28,
    "billing@example.net": 22,
    "ben@example.org": 19,
}
"""What each has sent until now."""
_ZONES = ("Europe/Berlin", "America/New_York", "America/Los_Angeles", "Asia/Tokyo", "Asia/Kolkata")
_HOURS = range(12, 21)
_OPENS_AT = 7
_DAYS = 75


def zone() -> str:
    """Return a zone in which it is afternoon: there was a morning, and midnight is far."""
    return next(name for name in _ZONES if datetime.now(ZoneInfo(name)).hour in _HOURS)


def fill(store: Counters, zone: str) -> None:
    """Write the counters of the weeks before, and of this morning."""
    now = datetime.now(ZoneInfo(zone))
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)
    for day in range(1, _DAYS):
        at = today - timedelta(days=day)
        share = (0.25 if at.weekday() >= 5 else 1) * (0.8 + 0.2 * math.sin(day * 2.4))
        for mailbox, sent in SENT.items():
            _put(store, "mailbox", mailbox, "day", at, share * min(sent, 70))
        _put(store, "global", "*", "day", at, share * sum(SENT.values()))
    for mailbox, sent in SENT.items():
        _put(store, "mailbox", mailbox, "day", today, sent)
    for domain in {mailbox.partition("@")[2] for mailbox in SENT}:
        of_domain = sum(sent for mailbox, sent in SENT.items() if mailbox.endswith(f"@{domain}"))
        _put(store, "domain", domain, "day", today, of_domain)
    _put(store, "global", "*", "day", today, sum(SENT.values()))
    left = sum(SENT.values())
    for hour in range(_OPENS_AT, now.hour):
        sent = left if hour == now.hour - 1 else round(left * (0.2 + 0.05 * math.sin(hour)))
        _put(store, "global", "*", "hour", today + timedelta(hours=hour), sent)
        left -= sent


def _put(  # noqa: PLR0913, PLR0917 - the key of a counter
    store: Counters, scope: str, subject: str, window: str, at: datetime, used: float
) -> None:
    start = at.astimezone(ZoneInfo("UTC")).strftime("%Y-%m-%d %H:%M:%S")
    store.query(
        "INSERT INTO er_counter (scope, subject, unit, `window`, period_start, used)"
        " VALUES (%s, %s, 'messages', %s, %s, %s)",
        *(scope, subject, window, start, int(used)),
    )
