"""How many mails wait to be booked: the daemon knows, and its metrics say it."""

from __future__ import annotations

import asyncio
import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sendlimit.config.sections import MetricsSection

_ANSWER_S = 0.3
_OCTETS_MAX = 1_000_000
_LINE = re.compile(rb"^sendlimit_unbooked_mails ([0-9.e+]+)$", re.MULTILINE)


async def unbooked_mails(section: MetricsSection | None) -> int | None:
    """Ask the daemon's metrics; None: they are off, or the daemon does not answer."""
    if section is None:
        return None
    host, port = section.address
    try:
        async with asyncio.timeout(_ANSWER_S):
            return await _ask(host, port)
    except (OSError, TimeoutError, ValueError):
        return None


async def _ask(host: str, port: int) -> int | None:
    reader, writer = await asyncio.open_connection(host, port)
    try:
        writer.write(b"GET /metrics HTTP/1.0\r\nHost: localhost\r\n\r\n")
        await writer.drain()
        found = bytearray()
        while (some := await reader.read(65536)) and len(found) < _OCTETS_MAX:
            found += some
        match = _LINE.search(bytes(found).replace(b"\r", b""))
        return None if match is None else int(float(match[1]))
    finally:
        writer.close()
