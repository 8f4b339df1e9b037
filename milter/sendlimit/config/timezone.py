"""The system's time zone, the same for every process of the machine.

`TZ` in a shell's environment does not count: daemon and commands must agree about the day.
Source: localtime(5).
"""

from __future__ import annotations

from pathlib import Path
from zoneinfo import ZoneInfo

LOCALTIME = Path("/etc/localtime")
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
        if not localtime.exists():
            return ZoneInfo("UTC")
        with localtime.open("rb") as file:
            return ZoneInfo.from_file(file, key="localtime")
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(
            f"the system's time zone in {localtime} can't be read ({error});"
            ' set calendar.timezone, such as "Europe/Berlin"'
        ) from error
