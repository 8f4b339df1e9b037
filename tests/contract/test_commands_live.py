"""The commands beside a ledger that counts, and `check` beside a live daemon."""

import secrets
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.config.reading import load
from sendlimit.daemon.settings import make_store
from sendlimit.errors import StoreConflict
from sendlimit.rules.limit import LATCH
from sendlimit.store import Store, Writing
from support.command_samples import ALICE, Commands, day
from support.rig.configuration import configuration
from support.rig.daemon import Sendlimit
from support.rig.process import running

RESETS = 5
BATCHES = 200


class CountingLedger(threading.Thread):
    """Counts one mail of Alice a batch, as the ledger does, until it is told to stop."""

    def __init__(self, store: Store) -> None:
        """Take a store that nothing else uses."""
        super().__init__()
        self.batches = 0
        self._store = store
        self._stopped = threading.Event()
        self._failure: BaseException | None = None

    def run(self) -> None:
        """Do batches; one that conflicts is done again."""
        committer = secrets.token_hex(8)
        try:
            self._store.connect()
            while not self._stopped.is_set():
                try:
                    self._store.begin({LATCH: 1, day(ALICE): 1}, [ALICE])
                    self._store.write(Writing(committer, self.batches + 1))
                    self.batches += 1
                except StoreConflict:
                    self._store.rollback()
        except BaseException as error:  # noqa: BLE001 - stop() raises it
            self._failure = error
        finally:
            self._store.close()

    def stop(self) -> int:
        """Wait for the last batch; return how many there were."""
        self._stopped.set()
        self.join()
        if self._failure is not None:
            raise self._failure
        return self.batches


@pytest.fixture
def ledger(commands: Commands) -> Iterator[CountingLedger]:
    """A ledger that counts on the store of the commands."""
    ledger = CountingLedger(make_store(load(commands.config), commands.config))
    ledger.start()
    yield ledger
    ledger.stop()


def test_reset_while_counting(commands: Commands, ledger: CountingLedger) -> None:
    """What resets took away and what is left is exactly what was counted meanwhile."""
    taken: list[int] = []
    while len(taken) < RESETS and ledger.is_alive():
        taken += [row["taken"] for row in commands.json("usage", "reset", ALICE, "--yes")]
    counted = ledger.stop()
    left = sum(row["used"] for row in commands.json("top")["subjects"])
    assert sum(taken) + left == counted


def test_purge_while_counting(commands: Commands, ledger: CountingLedger) -> None:
    """A purge beside a ledger takes none of its counts."""
    while ledger.batches < BATCHES and ledger.is_alive():
        commands.json("purge", "--older-than", "1d")
    counted = ledger.stop()
    assert commands.json("top")["subjects"] == [{"subject": ALICE, "used": counted, "max": 200}]


@pytest.fixture
def daemon(commands: Commands, folder: Path) -> Iterator[Sendlimit]:
    """A daemon on the same store, with a socket that Postfix can reach."""
    settings = configuration(
        folder,
        folder / "milter.sock",
        {"url": load(commands.config).store.url},
        limits={"mailbox": {"messages_per_day": 2}},
    )
    daemon = Sendlimit(folder, settings)
    daemon.config_file.chmod(0o600)
    commands.config = daemon.config_file
    commands.now = int(time.time())  # the daemon's: it says how it is, and since when
    with running(daemon):
        yield daemon


def test_check_with_daemon(commands: Commands, daemon: Sendlimit) -> None:
    """With everything in order 'check' says so on each line, exit code 0; the daemon minds not."""
    assert commands("check", "--json") == 0
    assert {line["state"] for line in commands.printed_json()} == {"ok"}
    socket = Path(load(commands.config).milter.socket.removeprefix("unix:"))
    socket.chmod(0o600)
    assert commands("check", "--json") == 1
    assert "Postfix may not use" in commands.stdout
    socket.chmod(0o660)
    assert commands("check") == 0
    assert daemon.stop() == 0
    assert commands("check") == 1
