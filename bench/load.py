"""Run the load generator (milterload.c) and read what it measured."""

import functools
import json
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_SOURCE = Path(__file__).with_name("milterload.c")
_PROGRAM = Path(__file__).parents[1] / "build" / "milterload"
_GRACE_S = 30  # start, answers that are still to come at the end, sorting


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What one run of the load generator saw.

    Attributes:
        decisions: answered mails.
        accepted: decisions that let the mail pass.
        refused: decisions that did not.
        errors: mails lost to a broken connection, a time-out or an answer that makes no sense.
        unfinished: mails without an answer when the run was over.
        elapsed_s: from the first connection to the last decision, or to the time limit.
        decisions_per_s: decisions within elapsed_s, by elapsed_s.
        p50_us: median latency of a decision.
        p99_us: latency that 1 % of the decisions pass.
        max_us: the longest latency.
        endings: accepted mails by how the client ended them (eom, abort, close).
    """

    decisions: int
    accepted: int
    refused: int
    errors: int
    unfinished: int
    elapsed_s: float
    decisions_per_s: float
    p50_us: int
    p99_us: int
    max_us: int
    endings: dict[str, int]


@functools.cache
def compiled() -> Path:
    """Compile the load generator and return the program."""
    _PROGRAM.parent.mkdir(exist_ok=True)
    flags = ["-std=gnu17", "-O2", "-Wall", "-Wextra", "-Werror"]
    subprocess.run(["gcc", *flags, "-o", _PROGRAM, _SOURCE], check=True)
    return _PROGRAM


def options(**values: float | str | bool) -> list[str]:
    """Spell options of the load generator: `mails_per_connection=5`, `policy=True`."""
    words: list[str] = []
    for name, value in values.items():
        words.append("--" + name.replace("_", "-"))
        if value is not True:
            words.append(str(value))
    return words


def start(address: str, words: list[str]) -> subprocess.Popen[bytes]:
    """Start the load generator; `finish` takes its result.

    Args:
        address: of the server, `unix:PATH` or `inet:IPV4:PORT`.
        words: from `options`.
    """
    return subprocess.Popen([compiled(), *words, address], stdout=subprocess.PIPE)


def finish(popen: subprocess.Popen[bytes], deadline_s: float) -> LoadResult:
    """Wait for a started load generator.

    Raises:
        TimeoutError: it did not end in time; it is killed then.
        ChildProcessError: it failed.
    """
    with popen:
        try:
            output, _ = popen.communicate(timeout=deadline_s)
        except subprocess.TimeoutExpired as exc:
            popen.kill()
            msg = f"the load generator did not end within {deadline_s} s"
            raise TimeoutError(msg) from exc
    if popen.returncode != 0:
        msg = f"the load generator ended with {popen.returncode}"
        raise ChildProcessError(msg)
    found: dict[str, Any] = json.loads(output)
    return LoadResult(**{name: found[name] for name in LoadResult.__dataclass_fields__})


def run(address: str, *, seconds: float, **values: float | str | bool) -> LoadResult:
    """Put load on a server for so many seconds at most and wait for the end."""
    return finish(start(address, options(seconds=seconds, **values)), seconds + _GRACE_S)
