"""The name of this server in notices."""

from __future__ import annotations

import functools
import socket


@functools.cache
def host_name() -> str:
    """Return the full name of this host; only a route calls it, since it may ask DNS."""
    return socket.getfqdn()
