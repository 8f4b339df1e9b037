"""Tell systemd how the service is: READY, STOPPING, WATCHDOG. Source: sd_notify(3)."""

from __future__ import annotations

import os
import socket

_MICROSECONDS = 1_000_000


def notify(state: str) -> None:
    """Send a state, such as "READY=1"; nothing without systemd, and never an error."""
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
    """Return how often, in seconds, to send WATCHDOG=1; None when systemd doesn't ask."""
    asked = os.environ.get("WATCHDOG_USEC", "")
    if not asked.isdigit() or os.environ.get("WATCHDOG_PID", str(os.getpid())) != str(os.getpid()):
        return None
    return int(asked) / _MICROSECONDS / 2
