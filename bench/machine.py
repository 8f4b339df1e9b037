"""What the numbers were measured on: machine, disk and versions."""

import os
import platform
import statistics
import subprocess
import tempfile
import time
from importlib import metadata
from pathlib import Path

_PACKAGES = (
    "libmilter1.0.1",
    "mariadb-server",
    "policyd-rate-limit",
    "postfix",
    "postfwd",
    "redis-server",
    "rspamd",
)
_DISTRIBUTIONS = ("pymilter", "PyMySQL", "sendlimit")


def _field(path: str, name: str) -> str:
    """Return the first value of a `name: value` or NAME=value line of a file; "" without one."""
    for line in Path(path).read_text().splitlines():
        key, separator, value = line.partition("=" if "=" in line else ":")
        if separator and key.strip() == name:
            return value.strip().strip('"')
    return ""


def _sync_us() -> float:
    """Return the median microseconds of a small write that reaches the disk, as a commit does."""
    taken_us: list[float] = []
    with tempfile.TemporaryFile(buffering=0) as file:
        for _ in range(200):
            begin_s = time.perf_counter()
            file.write(bytes(512))
            os.fdatasync(file.fileno())
            taken_us.append((time.perf_counter() - begin_s) * 1e6)
    return statistics.median(taken_us)


def facts() -> list[tuple[str, str]]:
    """Return pairs of a name and what it is here."""
    memory_kib = int(_field("/proc/meminfo", "MemTotal").split()[0])
    found = [
        ("processor", f"{os.cpu_count()} x {_field('/proc/cpuinfo', 'model name')}"),
        ("memory", f"{memory_kib / 2**20:.0f} GiB"),
        ("write that reaches the disk", f"{_sync_us():.0f} us (512 bytes, fdatasync, median)"),
        ("system", f"{_field('/etc/os-release', 'PRETTY_NAME')}, Linux {platform.release()}"),
        ("Python", platform.python_version()),
    ]
    found += [(name, metadata.version(name)) for name in _DISTRIBUTIONS]
    versions = subprocess.run(
        ["dpkg-query", "--show", "--showformat=${Package}\t${Version}\n", *_PACKAGES],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    for line in versions.splitlines():
        name, version = line.split("\t")
        found.append((name, version))
    return found
