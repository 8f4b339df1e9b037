"""The system's time zone, the same for every process of the machine.

`TZ` in a shell's environment does not count: daemon and commands must agree about the day.
Source: localtime(5).
"""

from __future__ import annotations

import io
import os
import struct
from pathlib import Path
from zoneinfo import ZoneInfo

from sendlimit.files import read_octets

LOCALTIME = Path("/etc/localtime")
UNREADABLE = (OSError, ValueError, KeyError, EOFError, struct.error)
"""What zoneinfo raises for a name that is no zone, and for a file that is none or was cut off."""

_ZONES = "/zoneinfo/"


def system_zone(localtime: Path | None = None) -> ZoneInfo:
    """Return the system's zone; UTC where none is set, as the C library has it.

    Raises:
        ValueError: the zone can't be read; says how to go on.
    """
    localtime = localtime or LOCALTIME
    try:
        if localtime.is_symlink():
            _, found, name = str(localtime.readlink()).partition(_ZONES)
            if found:
                return ZoneInfo(name)
        if not os.path.lexists(localtime):
            return ZoneInfo("UTC")
        return ZoneInfo.from_file(io.BytesIO(read_octets(localtime)), key="localtime")
    except UNREADABLE as error:
        raise ValueError(
            f"the system's time zone in {localtime} can't be read ({error});"
            ' set calendar.timezone, such as "Europe/Berlin"'
        ) from error
