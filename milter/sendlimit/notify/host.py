"""This server's name, as notices give it."""

from __future__ import annotations

import functools
import socket


@functools.cache
def host_name() -> str:
    """Return the full name of this host; the first call may ask DNS, so routes make it."""
    return socket.getfqdn()
