"""Runs of the commands in the tests' own process, at a moment of the test's choosing."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sendlimit.cli import run
from sendlimit.rules.episode import Episode
from sendlimit.rules.limit import CounterKey, Scope, Unit
from sendlimit.rules.window import Window
from support.counting_samples import BERLIN, moment
from support.real_stores import insert_counter, insert_episode

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pytest

    from sendlimit.store.connection import Connection

ALICE = "alice@example.org"


def at(text: str) -> int:
    """Return a moment of Berlin's clock."""
    return moment(text, "Europe/Berlin")


NOW = at("2026-11-22 12:30")

CONFIG = """
state_dir = "{folder}"
[milter]
socket = "unix:{folder}/milter.sock"
[store]
url = "{url}"
[calendar]
timezone = "Europe/Berlin"
[limits]
global.messages_per_day = 999
mailbox.messages_per_day = 100
[limits.for."example.org"]
mailbox.messages_per_day = 200
"""


class Commands:
    """Runs commands on one store and keeps what they printed."""

    def __init__(
        self, config: Path, capsys: pytest.CaptureFixture[str], connection: Connection | None = None
    ) -> None:
        """Take the configuration file and where output goes."""
        self.config = config
        self.now = NOW
        self.slept_s = 0.0
        self.polls: Iterator[object] = iter(())
        self._capsys = capsys
        self.stdout = self.stderr = ""
        self.tables = connection

    def __call__(self, *words: str) -> int:
        """Run a command; return its exit code."""
        code = run(
            [*words, "--config", str(self.config)],
            clock=lambda: self.now,
            sleep=self._sleep,
            monotonic=lambda: self.slept_s,
        )
        self.stdout, self.stderr = self._capsys.readouterr()
        return code

    def json(self, *words: str) -> Any:  # noqa: ANN401 - the test says what it expects
        """Run a command with --json that succeeds; return what it printed."""
        code = self(*words, "--json")
        assert (code, self.stderr) == (0, "")
        return self.printed_json()

    def printed_json(self) -> Any:  # noqa: ANN401 - the test says what it expects
        """Return what the last command printed as JSON."""
        return json.loads(self.stdout)

    def lines(self, *words: str) -> list[str]:
        """Run a command that succeeds; return the lines of its output."""
        assert self(*words) == 0, self.stderr
        return self.stdout.splitlines()

    def count(self, key: CounterKey, used: int) -> None:
        """Put a counter into the tables."""
        assert self.tables is not None
        insert_counter(self.tables, key, used)

    def refuse(self, episode: Episode) -> None:
        """Put an episode into the tables."""
        assert self.tables is not None
        insert_episode(self.tables, episode)

    def used(self) -> list[int]:
        """Return what all counters of days have, the smallest first."""
        assert self.tables is not None
        found = self.tables.execute("SELECT used FROM er_counter WHERE `window` = 'day'")
        return sorted(row[0] for row in found)

    def rows(self, table: str) -> int:
        """Return how many rows a table has."""
        assert self.tables is not None
        return int(self.tables.execute(f"SELECT COUNT(*) FROM {table}")[0][0])  # noqa: S608 - a test's word

    def _sleep(self, seconds: float) -> None:
        assert seconds > 0
        self.slept_s += seconds
        if next(self.polls, None) is None:
            raise KeyboardInterrupt


def day(subject: str, scope: Scope = Scope.MAILBOX, moment: int = NOW) -> CounterKey:
    """Return the key of the messages of a day."""
    start = BERLIN.period(Window.DAY, moment).start
    return CounterKey(scope, subject, Unit.MESSAGES, Window.DAY, start)


def episode(key: CounterKey, *, last_at: int = NOW - 60, mailbox: str = ALICE) -> Episode:
    """Return an episode of three attempts."""
    return Episode(key, 100, last_at - 600, last_at, 3, "192.0.2.7", "a@example.org", mailbox)
