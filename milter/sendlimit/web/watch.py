"""Looks at the server's day once a minute, so that the overview can draw it hour by hour."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from sendlimit.reports.hours import note_hour
from sendlimit.web.database import begin_request
from sendlimit.web.errors import WebError

if TYPE_CHECKING:
    from sendlimit.store.connection import Connection
    from sendlimit.web.api.common import Service

EVERY_S = 60.0


async def watch_hours(service: Service, every_s: float = EVERY_S) -> None:
    """Note what is sent, until cancelled; what can't be noted is missing in the picture, no more."""

    def note(connection: Connection) -> None:
        note_hour(service.context.calendar, connection, service.now())

    while True:
        begin_request()
        with suppress(WebError):  # the database is away: a page that asks for it says so
            await service.database.run(note)
        await asyncio.sleep(every_s)
