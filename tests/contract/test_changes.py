"""Changes by commands on both databases: written down in one transaction, heard of by the daemon."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path

import pytest

from sendlimit.errors import StoreError
from sendlimit.rules.limit import EVERYONE, Scope, Setting
from sendlimit.rules.override import Override
from sendlimit.store.changes import Author, Change, make_change, recorded_changes
from sendlimit.store.connection import Connection
from sendlimit.store.overrides import override_record, overrides, set_override
from support.command_samples import ALICE, NOW, Commands, day
from support.counting_samples import named
from support.real_stores import open_tables

_ROOT = Author("root", "command", NOW)
_SET = ("limit", "set", ALICE, "mailbox.messages_per_day")


def changes(commands: Commands) -> list[Change]:
    """Return what er_change has, the first first."""
    assert commands.tables is not None
    found = reversed(recorded_changes(commands.tables, 0))
    return [row.change for row in found]


def hold(commands: Commands, beat: int = 1) -> None:
    """Let a daemon hold the lease."""
    assert commands.tables is not None
    commands.tables.execute("INSERT INTO er_daemon (id, host) VALUES ('d4e5', 'mx1.example.org')")
    commands.tables.execute("UPDATE er_lease SET holder = 'd4e5', beat = %s", [beat])


def test_limit_set_and_unset(commands: Commands) -> None:
    """Each change of a limit is a row with what was before and what is after, as in JSON."""
    first = commands.json(*_SET, "300", "--reason", "why")["now"]
    second = commands.json(*_SET, "unlimited")["now"]
    commands.json("limit", "unset", ALICE, "mailbox.messages_per_day")

    assert changes(commands) == [
        ("limit set", ALICE, None, first),
        ("limit set", ALICE, first, second),
        ("limit unset", ALICE, second, None),
    ]


def test_who_when_and_from_where(commands: Commands, monkeypatch: pytest.MonkeyPatch) -> None:
    """A row names the admin, the moment, and that it was a command."""
    monkeypatch.setenv("SUDO_USER", "carol")
    commands.json(*_SET, "300")

    assert commands.tables is not None
    (row,) = recorded_changes(commands.tables, 0)
    assert (row.who, row.origin, row.at) == ("carol", "command", NOW)


def test_reset(commands: Commands) -> None:
    """A reset is a row with the counts that were taken away."""
    commands.count(day(ALICE), 60)
    commands.json("usage", "reset", ALICE, "--yes")

    counter = {"limit": "mailbox.messages_per_day", "period_start": "2026-11-21T23:00:00+00:00"}
    assert changes(commands) == [
        ("usage reset", ALICE, [counter | {"used": 60}], [counter | {"used": 0}])
    ]


def test_import(commands: Commands, tmp_path: Path) -> None:
    """An import is a row for each limit that it sets, however many."""
    path = tmp_path / "limits.csv"
    path.write_text("".join(f"u{number}@example.org,{number}\n" for number in range(450)))
    commands.json("import", "csv", str(path), "--yes")

    found = changes(commands)
    assert len(found) == 450
    assert {what for what, *_ in found} == {"import"}
    assert {subject for _, subject, *_ in found} == {f"u{n}@example.org" for n in range(450)}


def test_nothing_changed(commands: Commands) -> None:
    """Where nothing was to be changed no row is left."""
    commands("limit", "unset", ALICE, "mailbox.messages_per_day")
    commands("usage", "reset", ALICE, "--yes")

    assert changes(commands) == []


def test_all_or_none(tables: Connection) -> None:
    """A change that fails half way leaves neither itself nor its row."""

    def work() -> tuple[None, list[Change]]:
        tables.execute("DELETE FROM er_lease")
        return None, [Change("x", ALICE), Change("y", None)]  # type: ignore[arg-type]

    with pytest.raises(StoreError):
        make_change(tables, _ROOT, work)

    assert recorded_changes(tables, 0) == []
    assert len(tables.execute("SELECT 1 FROM er_lease")) == 1


def test_ids_have_the_order_of_commits(tables: Connection, emptied_url: str) -> None:
    """A change that began later waits for the first: its id is higher, and it commits later."""
    begun = threading.Event()
    ids: dict[str, int] = {}

    def first() -> None:
        connection = open_tables(emptied_url)

        def work() -> tuple[None, list[Change]]:
            begun.set()
            waited.wait(1)
            return None, [Change("first", EVERYONE)]

        ids["first"] = make_change(connection, _ROOT, work).id
        connection.close()

    waited = threading.Event()
    thread = threading.Thread(target=first)
    thread.start()
    assert begun.wait(10)
    ids["second"] = make_change(tables, _ROOT, lambda: (None, [Change("second", EVERYONE)])).id
    thread.join()

    assert ids["first"] < ids["second"]
    assert [row.change.what for row in recorded_changes(tables, 0)] == ["second", "first"]


def test_the_same_limit_at_once(tables: Connection, emptied_url: str) -> None:
    """Of many who set the same limit at the same moment none fails, and the last one holds."""
    name = named("mailbox.messages_per_day")

    def work(number: int) -> None:
        connection = open_tables(emptied_url)
        for step in range(5):
            value = Override(Setting(ALICE, name, 10 * number + step, None), "", "", NOW)
            set_override(connection, value, _ROOT)
        connection.close()

    with ThreadPoolExecutor(8) as pool:
        for done in [pool.submit(work, number) for number in range(8)]:
            done.result()

    written = recorded_changes(tables, 0)
    assert len(written) == 40
    assert sum(row.change.before is None for row in written) == 1
    (row,) = overrides(tables)
    assert written[0].change.after == override_record(row)


def test_no_holder(commands: Commands) -> None:
    """Where no daemon decides from memory nothing is waited for."""
    commands.json(*_SET, "300")

    assert commands.slept_s == 0


def test_heard(commands: Commands) -> None:
    """The command returns when the daemon has applied the change."""
    hold(commands)

    def polls() -> Iterator[object]:
        assert commands.tables is not None
        yield "not yet"
        commands.tables.execute("UPDATE er_lease SET beat = beat + 1")
        yield "read, not applied"
        commands.tables.execute(
            "UPDATE er_lease SET beat = beat + 1, seen_change = (SELECT MAX(id) FROM er_change)"
        )
        yield "applied"

    commands.polls = polls()
    commands.json(*_SET, "300")
    assert commands.slept_s == pytest.approx(0.15)


@pytest.mark.parametrize(
    "words", ["limit set", "limit unset", "usage reset", "import", "rename", "forget"]
)
def test_not_heard(commands: Commands, tmp_path: Path, words: str) -> None:
    """Each command waits; a daemon that gives no sign of life is named, and the change is made."""
    commands.count(day(ALICE), 60)
    commands.json(*_SET, "300")
    path = tmp_path / "limits.csv"
    path.write_text("bob@example.org,5\n")
    hold(commands)
    commands.polls = iter(range(1000))
    arguments = {
        "limit set": (ALICE, "mailbox.messages_per_day", "400"),
        "limit unset": (ALICE, "mailbox.messages_per_day"),
        "usage reset": (ALICE, "--yes"),
        "import": ("csv", str(path), "--yes"),
        "rename": (ALICE, "bob@example.net", "--yes"),
        "forget": (ALICE, "--yes"),
    }

    assert commands(*words.split(), *arguments[words]) == 0

    assert 4 <= commands.slept_s <= 4.2
    assert (
        "the change is made, but the daemon on mx1.example.org (d4e5) has not heard of it: it"
        " gives no sign of life" in commands.stderr
    )
    assert changes(commands)[-1][0] == words


def test_lease_is_passed_on(commands: Commands) -> None:
    """A holder that lets go flushed before and decides from memory no longer: that is enough."""
    hold(commands)

    def polls() -> Iterator[object]:
        assert commands.tables is not None
        yield "not yet"
        commands.tables.execute("UPDATE er_lease SET beat = beat + 1, holder = ''")
        yield "let go"

    commands.polls = polls()
    commands.json(*_SET, "300")


def test_lost_connection_while_waiting(commands: Commands) -> None:
    """The change is made when the database goes away: exit code 0, and what is not known is said."""
    hold(commands)

    def polls() -> Iterator[object]:
        assert commands.tables is not None
        yield "not yet"
        commands.tables.execute("ALTER TABLE er_lease RENAME TO er_lease_away")
        yield "gone"

    commands.polls = polls()
    assert commands(*_SET, "300") == 0
    assert "whether the daemon has heard of it is not known" in commands.stderr


def test_hand_written_rows(tables: Connection) -> None:
    """What was written by hand is listed as it is."""
    tables.execute(
        "INSERT INTO er_change (at, what, subject, `before`, `after`)"
        " VALUES ('2026-11-22 11:00:00', 'x', '*', 'no json', '{')"
    )

    (row,) = recorded_changes(tables, 0)
    assert row.change == Change("x", EVERYONE, "no json", "{")


def _nothing_but(change: Change) -> tuple[None, list[Change]]:
    return None, [change]


def test_since_and_subject(tables: Connection) -> None:
    """The trail is read from a moment on, of all or of one subject."""
    for number, subject in enumerate([ALICE, EVERYONE, ALICE, EVERYONE]):
        author = Author("root", "command", NOW + number)
        change = Change("x", subject)
        make_change(tables, author, partial(_nothing_but, change))

    def subjects(since: int, subject: str | None = None) -> list[str]:
        return [row.change.subject for row in recorded_changes(tables, since, subject)]

    assert subjects(NOW) == [EVERYONE, ALICE, EVERYONE, ALICE]
    assert subjects(NOW + 2) == [EVERYONE, ALICE]
    assert subjects(NOW + 1, ALICE) == [ALICE]


def test_reset_of_the_server(commands: Commands) -> None:
    """The server's counts are those of '*'."""
    commands.count(day(EVERYONE, Scope.GLOBAL), 5)
    commands.json("usage", "reset", "global", "--yes")

    assert [subject for _, subject, *_ in changes(commands)] == [EVERYONE]
