"""The look at the server's day."""

import asyncio
from contextlib import suppress

from sendlimit.rules.limit import EVERYONE
from sendlimit.store.connection import Connection
from sendlimit.web.api.common import Service
from sendlimit.web.watch import watch_hours
from support.counting_samples import BERLIN, key_of
from support.real_stores import insert_counter


def test_watch(service: Service, tables: Connection) -> None:
    """What is sent is noted again and again; without its table it goes on all the same."""
    insert_counter(tables, key_of("global.messages_per_day", EVERYONE, calendar=BERLIN), 5)

    async def wait_for(used: int) -> None:
        while tables.execute("SELECT used FROM er_hour") != [(used,)]:  # noqa: ASYNC110 - a table has no event
            await asyncio.sleep(0.01)

    async def watch() -> None:
        task = asyncio.ensure_future(watch_hours(service, 0.01))
        await asyncio.wait_for(wait_for(5), 20)
        tables.execute("ALTER TABLE er_hour RENAME TO er_gone")
        await asyncio.sleep(0.1)
        tables.execute("ALTER TABLE er_gone RENAME TO er_hour")
        tables.execute("UPDATE er_counter SET used = 8")
        await asyncio.wait_for(wait_for(8), 20)
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task

    asyncio.run(watch())
