"""The thread that learns once a day, with a real SQLite file and a clock of the test."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.daemon.learner import SETTLE_S, Learner
from sendlimit.errors import StoreUnavailable
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.learning import LearnRule
from sendlimit.rules.limit import CounterKey, Scope, Setting, Unit
from sendlimit.rules.window import DAY_S, Window
from sendlimit.store.connection import Connection
from sendlimit.store.learned import learned_overrides
from support.counting_samples import ALICE, DAILY, NOON, UTC, file_rules, named
from support.real_stores import insert_counter, open_tables
from support.rig.process import wait_for

_RULE = LearnRule(200, 50, 1000)


def _settings(rule: LearnRule = _RULE) -> CountingSettings:
    return CountingSettings(file_rules(Setting("*", named(DAILY), rule.at_least, learn=rule)), UTC)


class Learning:
    """A learner and its tables."""

    def __init__(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Begin at noon, with one day on which Alice sent 61 mails."""
        caplog.set_level(logging.INFO, logger="sendlimit")
        self.caplog = caplog
        self.url = f"sqlite://{folder}/s.db"
        self.tables = open_tables(self.url)
        self.now = NOON
        self.away = False
        self.learner = Learner(self._connect, lambda: self.now, retry_s=0.01, look_s=0.01)
        self.count(1, 61)

    def _connect(self) -> Connection:
        if self.away:
            raise StoreUnavailable
        return open_tables(self.url)

    def count(self, days_ago: int, used: int) -> None:
        """Put a day before today into the tables."""
        start = UTC.period(Window.DAY, self.now - days_ago * DAY_S).start
        key = CounterKey(Scope.MAILBOX, ALICE.mailbox, Unit.MESSAGES, Window.DAY, start)
        insert_counter(self.tables, key, used)

    def wait_for_line(self, text: str, times: int = 1) -> None:
        """Wait until a line was logged so often."""
        wait_for(lambda: self.caplog.text.count(text) >= times, 20, text, lambda: self.caplog.text)

    def limit(self) -> int | None:
        """Return what was learned about Alice."""
        (row,) = learned_overrides(self.tables)
        return row.setting.max


@pytest.fixture
def learning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Learning]:
    """A learner that looks at its clock a hundred times a second."""
    learning = Learning(tmp_path, caplog)
    yield learning
    learning.learner.stop()
    learning.tables.close()


def test_at_the_start_and_once_a_day(learning: Learning) -> None:
    """R15: it learns at the start, and again when a day has begun and its counts have settled."""
    learning.learner.use(_settings())
    learning.wait_for_line("limits-learned limits=1 changed=1")
    assert learning.limit() == 122

    learning.count(0, 90)
    learning.now = UTC.period(Window.DAY, NOON).end + SETTLE_S - 1
    learning.learner.use(_settings())
    learning.now += 1
    learning.wait_for_line("limits-learned limits=1 changed=1", times=2)
    assert learning.limit() == 180


def test_a_reload(learning: Learning) -> None:
    """R15: another rule is learned at once; the same again is not."""
    learning.learner.use(_settings())
    learning.wait_for_line("limits-learned")
    learning.learner.use(_settings())
    learning.learner.use(_settings(LearnRule(300, 50, 1000)))
    learning.wait_for_line("limits-learned", times=2)

    assert learning.limit() == 183
    assert learning.caplog.text.count("limits-learned") == 2


def test_database_away(learning: Learning) -> None:
    """While the database is away it tries again."""
    learning.away = True
    learning.learner.use(_settings())
    learning.wait_for_line("learn-failed error=")
    learning.away = False
    learning.wait_for_line("limits-learned")

    assert learning.limit() == 122


def test_nothing_to_learn(learning: Learning) -> None:
    """Without such a limit there is no thread, and after a reload without one nothing is learned."""
    learning.learner.use(CountingSettings(file_rules(), UTC))
    learning.learner.use(_settings())
    learning.wait_for_line("limits-learned")
    learning.learner.use(CountingSettings(file_rules(), UTC))
    learning.now += DAY_S

    assert learning.caplog.text.count("limits-learned") == 1
