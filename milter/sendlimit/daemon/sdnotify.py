"""Reports of the daemon's state to systemd: READY, STOPPING, WATCHDOG. Source: sd_notify(3)."""

from __future__ import annotations

import os
import socket

_MICROSECONDS = 1_000_000


def notify(state: str) -> None:
    """Send a state, such as "READY=1".

    Without systemd nothing is sent. An error is ignored: the daemon works without the report.
    """
    address = os.environ.get("NOTIFY_SOCKET")
    if not address:
        return
    if address.startswith("@"):
        address = "\0" + address[1:]
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.connect(address)
            channel.send(state.encode())
    except OSError:
        return


def watchdog_s() -> float | None:
    """Return the seconds between two WATCHDOG=1, half of what systemd allows; None: no watchdog.

    Source: sd_watchdog_enabled(3).
    """
    allowed = os.environ.get("WATCHDOG_USEC", "")
    own = str(os.getpid())
    if not allowed.isdigit() or os.environ.get("WATCHDOG_PID", own) != own:
        return None
    return int(allowed) / _MICROSECONDS / 2
