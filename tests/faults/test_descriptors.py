"""Each connection is a file descriptor: many of them need no setting, and too many are reported."""

import resource
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from support.rig.counters import in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.milter_client import MilterClient

_CONNECTIONS = 296


@contextmanager
def inherited_limit(soft: int) -> Iterator[None]:
    """Start processes in the block with this soft limit on descriptors."""
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)


@pytest.fixture
def daemon(folder: Path) -> Iterator[Sendlimit]:
    """A daemon that has not been started, on SQLite."""
    store = in_sqlite(folder / "sendlimit.db")
    daemon = Sendlimit(
        folder,
        {
            "state_dir": str(folder),
            "milter": {"socket": f"unix:{folder}/milter.sock"},
            "store": dict(store.settings),
        },
    )
    yield daemon
    daemon.kill()


def test_soft_limit_is_raised(daemon: Sendlimit, folder: Path) -> None:
    """With a soft limit of 256, 296 open connections are served."""
    with inherited_limit(256):
        daemon.start()
    with ExitStack() as stack:
        for _ in range(_CONNECTIONS):
            stack.enter_context(MilterClient(folder / "milter.sock", timeout_s=5))

        assert not daemon.lines("descriptors-low|ERROR")


def test_shortage_is_reported(daemon: Sendlimit, folder: Path) -> None:
    """Near the hard limit one line says so, however long it lasts."""
    daemon.start()
    used = len(list(Path(f"/proc/{daemon.process.pid}/fd").iterdir()))
    limit = used + 60
    resource.prlimit(daemon.process.pid, resource.RLIMIT_NOFILE, (limit, limit))
    with ExitStack() as stack:
        for _ in range(55):
            stack.enter_context(MilterClient(folder / "milter.sock", timeout_s=5))
        (line,) = daemon.wait_for_lines("descriptors-low")

        assert line.startswith("ERROR descriptors-low used=")
        assert line.endswith(f"limit={limit}")
