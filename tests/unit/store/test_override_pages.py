"""er_limit page by page."""

from sendlimit.rules.override import Override
from sendlimit.store.changes import Author
from sendlimit.store.connection import Connection
from sendlimit.store.override_pages import (
    OverridePage,
    count_suspensions,
    ending_boosts,
    limits_page,
    overrides_page,
    suspensions_page,
)
from sendlimit.store.overrides import set_override
from sendlimit.store.suspensions import suspend
from support.counting_samples import DAILY, NOON, setting

_ROOT = Author("root", "command", NOON)
_ALL = OverridePage("", 0, 100)


def _subjects(rows: list[Override]) -> list[str]:
    return [row.setting.subject for row in rows]


def test_kinds(tables: Connection) -> None:
    """Limits and suspensions are apart; a suspension that has ended is none any more."""
    set_override(tables, Override(setting("b@x.org", DAILY, 5), "", "root", NOON), _ROOT)
    set_override(tables, Override(setting("a@x.org", DAILY, 5, NOON + 60), "", "", NOON), _ROOT)
    suspend(tables, "c@x.org", NOON + 60, "", _ROOT)
    suspend(tables, "d@x.org", None, "", _ROOT)
    assert _subjects(overrides_page(tables, _ALL)) == ["a@x.org", "b@x.org", "c@x.org", "d@x.org"]
    assert _subjects(limits_page(tables, _ALL)) == ["a@x.org", "b@x.org"]
    assert _subjects(suspensions_page(tables, _ALL, NOON)) == ["c@x.org", "d@x.org"]
    assert _subjects(suspensions_page(tables, _ALL, NOON + 60)) == ["d@x.org"]
    assert count_suspensions(tables, NOON) == 2
    assert _subjects(ending_boosts(tables, (NOON, NOON + 60), 9)) == ["a@x.org"]
    assert ending_boosts(tables, (NOON + 60, NOON + 120), 9) == []


def test_pages(tables: Connection) -> None:
    """From a subject on, without those that were given, with a text in the name as it is."""
    for number in range(5):
        suspend(tables, f"m{number}_%@x.org", None, "", _ROOT)
    page = OverridePage("m1_%@x.org", 1, 2)
    assert _subjects(suspensions_page(tables, page, NOON)) == ["m2_%@x.org", "m3_%@x.org"]
    found = suspensions_page(tables, OverridePage("", 0, 9, "3_%"), NOON)
    assert _subjects(found) == ["m3_%@x.org"]
