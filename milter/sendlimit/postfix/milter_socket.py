"""Parse milter.socket of sendlimit's configuration: where the daemon listens. Pure.

Source: libmilter's smfi_setconn: "unix:/PATH" or "local:/PATH", "inet:PORT@HOST",
"inet6:PORT@[ADDRESS]". Postfix writes the same socket in another order (chain.py).
"""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import NamedTuple

PORT_MAX = 65535

_UNIX = re.compile(r"(?:unix|local):(?P<path>/.+)")
_INET = re.compile(
    r"inet:(?P<port>\d{1,5})@(?P<host>[^@\s\[\]]+)|inet6:(?P<port6>\d{1,5})@\[(?P<host6>[0-9a-fA-F:.]+)\]"
)


class MilterSocket(NamedTuple):
    """Where the daemon listens.

    Attributes:
        family: of the socket.
        address: what connect(2) takes: the path, or host and port.
    """

    family: socket.AddressFamily
    address: str | tuple[str, int]

    @property
    def path(self) -> Path | None:
        """The file of a unix socket, None for the others."""
        return Path(self.address) if isinstance(self.address, str) else None


def parse_milter_socket(text: str) -> MilterSocket:
    """Parse milter.socket.

    Raises:
        ValueError: it is no socket; the message says what is allowed.
    """
    if match := _UNIX.fullmatch(text):
        return MilterSocket(socket.AF_UNIX, match["path"])
    match = _INET.fullmatch(text)
    port = int(match["port"] or match["port6"]) if match else 0
    if match is None or not 0 < port <= PORT_MAX:
        raise ValueError(
            f'{text!r} is not a socket; allowed: "unix:/PATH", "inet:PORT@ADDRESS", "inet6:PORT@[ADDRESS]"'
        )
    if match["host6"]:
        return MilterSocket(socket.AF_INET6, (match["host6"], port))
    return MilterSocket(socket.AF_INET, (match["host"], port))
