"""What was seen of the server's day."""

from sendlimit.store.connection import Connection
from sendlimit.store.hours import hours_seen, keep_hour
from support.counting_samples import DAY_START, NOON


def test_last_of_each_hour(tables: Connection) -> None:
    """The last look of an hour is kept; with the first of another day the old ones go."""
    keep_hour(tables, DAY_START, NOON - 3600, 5)
    keep_hour(tables, DAY_START, NOON, 7)
    keep_hour(tables, DAY_START, NOON, 9)
    assert hours_seen(tables, DAY_START) == {NOON - 3600: 5, NOON: 9}
    keep_hour(tables, DAY_START + 86400, NOON + 86400, 1)
    assert hours_seen(tables, DAY_START) == {}
    assert hours_seen(tables, DAY_START + 86400) == {NOON + 86400: 1}
