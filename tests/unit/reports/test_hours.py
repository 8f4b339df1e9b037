"""The server's day, hour by hour."""

from sendlimit.reports.hours import hour_totals, note_hour
from sendlimit.rules.limit import EVERYONE
from sendlimit.rules.window import Window
from sendlimit.store.connection import Connection
from support.counting_samples import BERLIN, NOON, UTC, key_of
from support.real_stores import insert_counter

_DAY = key_of("global.messages_per_day", EVERYONE)
_HOUR_S = 3600


def _totals(tables: Connection, at: int) -> list[tuple[int, bool]]:
    return [(total, is_known) for _, total, is_known in hour_totals(UTC, tables, at)]


def _use(tables: Connection, used: int) -> None:
    tables.execute("UPDATE er_counter SET used = %s WHERE `window` = 'day'", [used])


def test_seen(tables: Connection) -> None:
    """An hour has what was seen last in it, the running one what there is now."""
    insert_counter(tables, _DAY, 5)
    note_hour(UTC, tables, NOON - 2 * _HOUR_S)
    _use(tables, 9)
    note_hour(UTC, tables, NOON - 2 * _HOUR_S + 60)
    _use(tables, 20)
    found = _totals(tables, NOON)
    assert found == [*[(0, False)] * 10, (9, True), (9, False), (20, True)]


def test_counted(tables: Connection) -> None:
    """Hours that were counted, for a limit, are added up."""
    insert_counter(tables, _DAY, 30)
    for hours_ago, used in ((2, 9), (1, 4)):
        key = key_of("global.messages_per_hour", EVERYONE, at=NOON - hours_ago * _HOUR_S)
        insert_counter(tables, key, used)
    assert _totals(tables, NOON)[-3:] == [(9, True), (13, True), (30, True)]


def test_after_a_reset(tables: Connection) -> None:
    """When the day's count was set back, no hour has more than there is."""
    insert_counter(tables, _DAY, 50)
    note_hour(UTC, tables, NOON - _HOUR_S)
    _use(tables, 3)
    assert _totals(tables, NOON)[-2:] == [(3, True), (3, True)]


def test_a_new_day(tables: Connection) -> None:
    """The hours of the day before are forgotten; the day of the calendar is meant."""
    note_hour(UTC, tables, NOON - 86400)
    note_hour(UTC, tables, NOON)
    assert tables.execute("SELECT COUNT(*) FROM er_hour") == [(1,)]
    hours = hour_totals(BERLIN, tables, NOON)
    assert hours[0].hour.start == BERLIN.period(Window.DAY, NOON).start
    assert len(hours) == 14
