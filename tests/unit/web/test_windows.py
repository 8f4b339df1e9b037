"""Which windows have counters, as the web process knows it."""

import pytest

from sendlimit.rules.window import COUNTED_WINDOWS, Window
from sendlimit.store.connection import Connection
from sendlimit.web import windows as module
from sendlimit.web.windows import CountedWindows


def test_once_a_second(tables: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """The database is asked at first, and again when a second has passed."""
    now = [100.0]
    answers = [frozenset({Window.DAY}), frozenset({Window.DAY, Window.HOUR})]
    monkeypatch.setattr(module, "windows_counted", lambda _: answers.pop(0))
    windows = CountedWindows(lambda: now[0])

    assert windows.get(tables) == {Window.DAY}
    now[0] = 100.9
    assert windows.get(tables) == {Window.DAY}
    now[0] = 101.0
    assert windows.get(tables) == {Window.DAY, Window.HOUR}


def test_of_the_database(tables: Connection) -> None:
    """In SQLite, which would read all counters for it, every window may have some."""
    assert CountedWindows().get(tables) == {*COUNTED_WINDOWS}
