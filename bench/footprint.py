"""What processes cost: CPU time, memory, threads and descriptors, read from /proc."""

import os
from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

TICKS_PER_S = os.sysconf("SC_CLK_TCK")
_KIB = 1024


@dataclass(frozen=True)
class Footprint:
    """What one process holds at a moment."""

    resident_bytes: int
    threads: int
    descriptors: int


def _stat_fields(pid: int) -> list[str] | None:
    """Return the fields of /proc/PID/stat from `state` on; None when it has ended."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    return text.rpartition(")")[2].split()


def family(pid: int) -> list[int]:
    """Return a process and all that descend from it."""
    children: defaultdict[int, list[int]] = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (fields := _stat_fields(int(entry.name))):
            children[int(fields[1])].append(int(entry.name))
    found = [pid]
    for member in found:  # grows while it is walked
        found += children[member]
    return found


def session(leader: int) -> list[int]:
    """Return the processes of a session that have not ended."""
    found: list[int] = []
    for entry in Path("/proc").iterdir():
        fields = _stat_fields(int(entry.name)) if entry.name.isdigit() else None
        if fields and int(fields[3]) == leader and fields[0] != "Z":
            found.append(int(entry.name))
    return found


def cpu_s(pid: int) -> float:
    """Return the CPU seconds, user and system, of a process and its descendants.

    Children that ended and were waited for are in it, so the difference of two calls is what
    the family used in between.
    """
    ticks = 0
    for member in family(pid):
        if fields := _stat_fields(member):
            ticks += sum(int(field) for field in fields[11:15])
    return ticks / TICKS_PER_S


def footprint(pid: int) -> Footprint:
    """Return what a process holds now."""
    process = Path(f"/proc/{pid}")
    status = dict(
        line.split(":", 1) for line in (process / "status").read_text().splitlines() if ":" in line
    )
    return Footprint(
        resident_bytes=int(status["VmRSS"].split()[0]) * _KIB,
        threads=int(status["Threads"]),
        descriptors=len(list((process / "fd").iterdir())),
    )
