"""The tables: plain SQL that the databases' own programs take, and rows that make sense."""

import subprocess
from pathlib import Path

import pytest

from sendlimit.errors import StoreError
from sendlimit.rules.learning import Learned
from sendlimit.rules.limit import Scope
from sendlimit.rules.window import Window
from sendlimit.store import SCHEMA_VERSION
from sendlimit.store.changes import Author
from sendlimit.store.connection import Connection, SQLiteConnection, open_connection
from sendlimit.store.episodes import LAST_STARTS, PAGE, PAGE_OF, last_episodes
from sendlimit.store.learned import replace_learned
from sendlimit.store.location import MariaDBLocation, SQLiteLocation
from sendlimit.store.migrations import migrations
from sendlimit.store.sqltime import from_sql, to_sql
from sendlimit.store.usage import BUSIEST, TOP, WINDOWS, top, windows_counted
from support.counting_samples import key_of, named
from support.real_stores import TABLES, insert_counter, insert_limit, new_store, open_tables
from support.rig.mariadb import Database

_SQLITE = SQLiteLocation("/x.db")
_MARIADB = MariaDBLocation("u", "d", ())
_DAY = "mailbox.messages_per_day"


@pytest.mark.parametrize("location", [_SQLITE, _MARIADB], ids=["sqlite", "mariadb"])
def test_files_are_numbered(location: MariaDBLocation | SQLiteLocation) -> None:
    """The files of sql/ are one a version, without a gap, up to the version that this release needs."""
    versions = [migration.version for migration in migrations(location)]

    assert versions == list(range(1, SCHEMA_VERSION + 1))


def test_both_databases_have_the_same_files() -> None:
    """Each step has the same name for both databases."""
    assert [migration.path.name for migration in migrations(_SQLITE)] == [
        migration.path.name for migration in migrations(_MARIADB)
    ]


def test_sqlite3_takes_the_files(tmp_path: Path) -> None:
    """An admin can make the tables with the sqlite3 program; the daemon takes them as its own."""
    path = tmp_path / "s.db"
    for migration in migrations(_SQLITE):
        with migration.path.open() as text:
            subprocess.run(["sqlite3", "-bail", path], stdin=text, check=True)

    store = new_store(f"sqlite:///{path}")
    store.connect()
    store.close()


@pytest.mark.mariadb
def test_mariadb_takes_the_files(database: Database) -> None:
    """A DBA can make the tables with the mariadb program; the daemon takes them as its own."""
    for migration in migrations(_MARIADB):
        with migration.path.open() as text:
            subprocess.run(
                ["mariadb", "--no-defaults", "--skip-ssl", f"--socket={database.socket}", f"--user={database.user}",
                 f"--password={database.password}", database.name],
                stdin=text, check=True,
            )  # fmt: skip

    store = new_store(database.url_with_password)
    store.connect()
    store.close()


@pytest.mark.mariadb
def test_each_statement_can_be_repeated(database: Database) -> None:
    """MariaDB commits statement by statement: a file that stopped after any of them is run again.

    The rows are kept, those that the files insert are there once.
    """
    connection = open_tables(database.url_with_password)
    insert_limit(connection, "x.org", "domain", "messages", "day", 5, None)
    before = [connection.execute(f"SELECT * FROM {table}") for table in TABLES]  # noqa: S608
    versions = [migration.version for migration in migrations(_MARIADB)]
    for migration in migrations(_MARIADB):
        connection.script(migration.text)

    assert [connection.execute(f"SELECT * FROM {table}") for table in TABLES] == before  # noqa: S608
    assert connection.execute("SELECT version FROM er_schema_version ORDER BY version") == [
        (version,) for version in versions
    ]
    connection.close()


@pytest.mark.mariadb
def test_both_databases_have_the_same_shape(database: Database, tmp_path: Path) -> None:
    """Tables, views and their columns have the same names in the same order."""
    mariadb = open_tables(database.url_with_password)
    sqlite = open_tables(f"sqlite:///{tmp_path}/s.db")
    in_mariadb = mariadb.execute(
        "SELECT table_name, column_name FROM information_schema.columns"
        " WHERE table_schema = %s AND extra NOT LIKE '%%INVISIBLE%%' ORDER BY table_name, ordinal_position",
        [database.name],
    )
    in_sqlite = sqlite.execute(
        "SELECT t.name, c.name FROM sqlite_master t, pragma_table_xinfo(t.name) c"
        " WHERE t.type IN ('table', 'view') AND t.name LIKE 'er%' ORDER BY t.name, c.cid"
    )
    for connection in (mariadb, sqlite):
        connection.close()

    assert in_mariadb == in_sqlite
    assert {table for table, _ in in_sqlite} >= {*TABLES}


@pytest.mark.parametrize(
    "values",
    [
        pytest.param(("Example.org", "domain", "messages", "day", 5, None), id="capitals"),
        pytest.param(("x.org", "domain", "messages", "day", -1, None), id="below 0"),
        pytest.param(("x.org", "global", "messages", "day", 5, None), id="the server's limit for one domain"),
        pytest.param(("x.org", "domain", "recipients", "message", 5, None), id="one mail of a domain"),
        pytest.param(("*", "mailbox", "messages", "message", 5, None), id="messages of one mail"),
        pytest.param(("*", "user", "messages", "day", 5, None), id="unknown scope"),
        pytest.param(("*", "mailbox", "mails", "day", 5, None), id="unknown unit"),
        pytest.param(("*", "mailbox", "messages", "week", 5, None), id="unknown window"),
        pytest.param(("*", "mailbox", "messages", "ever", 5, None), id="the latch"),
        pytest.param((None, "mailbox", "messages", "day", 5, None), id="no subject"),
    ],
)  # fmt: skip
def test_rows_that_make_no_sense(tables: Connection, values: tuple[object, ...]) -> None:
    """An admin who writes SQL by hand can't set a limit that makes no sense."""
    with pytest.raises(StoreError):
        insert_limit(tables, *values)


def test_one_lasting_row_and_one_boost(tables: Connection) -> None:
    """R10: of one limit there is one lasting row and one boost, side by side."""
    insert_limit(tables, "x.org", "domain", "messages", "day", 5, None)
    insert_limit(tables, "x.org", "domain", "messages", "day", 9, to_sql(0))
    for until in (None, to_sql(60)):
        with pytest.raises(StoreError):
            insert_limit(tables, "x.org", "domain", "messages", "day", 6, until)


def test_one_lease(tables: Connection) -> None:
    """There is one lease, free at first, and no room for a second."""
    assert tables.execute("SELECT * FROM er_lease") == [(1, "", 0, 0)]
    with pytest.raises(StoreError):
        tables.execute("INSERT INTO er_lease (one) VALUES (2)")


def test_a_suspension(tables: Connection) -> None:
    """A limit of 0 on each message of a mailbox is the one that messages of one mail may have."""
    statement = (
        "INSERT INTO er_limit (subject, scope, unit, `window`, max) VALUES (%s, %s, %s, %s, %s)"
    )
    tables.execute(statement, ("a@x.org", "mailbox", "messages", "message", 0))
    for values in (("*", "mailbox", "messages", "message", None), ("x.org", "domain", "messages", "message", 0)):  # fmt: skip
        with pytest.raises(StoreError):
            tables.execute(statement, values)


@pytest.mark.parametrize("unit", ["external_messages", "external_recipients"])
def test_external_units(tables: Connection, unit: str) -> None:
    """R18: each table that has a unit takes the external ones; but a limit on one mail is on all its recipients."""
    insert_limit(tables, "x.org", "domain", unit, "day", 5, None)
    keys = "(scope, subject, unit, `window`, period_start"
    rest = "'domain', 'x.org', %s, 'day', %s"
    for row in (
        f"er_counter {keys}) VALUES ({rest})",
        f"er_refusal {keys}, `limit`, attempts, first_at, last_at) VALUES ({rest}, 1, 1, %s, %s)",
        f"er_file_limit (scope, subject, unit, `window`, max) VALUES ({rest})",
    ):
        others = [to_sql(0)] * (row.count("%s") - 1) if "period_start" in row else [5]
        tables.execute(f"INSERT INTO {row}", [unit, *others])
        table = row.partition(" ")[0]
        assert (unit,) in tables.execute(f"SELECT unit FROM {table}")  # noqa: S608
    with pytest.raises(StoreError):
        insert_limit(tables, "a@x.org", "mailbox", unit, "message", 5, None)


def test_rows_survive_the_fifth_version(tmp_path: Path) -> None:
    """SQLite makes er_limit again for the new units: overrides, boosts and learned limits stay as they were."""
    path = tmp_path / "s.db"
    tables = open_connection(SQLiteLocation(str(path)))
    *before, fifth = [found for found in migrations(_SQLITE) if found.version <= 5]
    for migration in before:
        tables.script(migration.text)
    insert_limit(tables, "x.org", "domain", "messages", "day", 5, None)
    insert_limit(tables, "x.org", "domain", "messages", "day", 9, to_sql(60))
    new = {"a@x.org": (Learned(122, 61, 0), "why")}
    replace_learned(tables, named(_DAY), new, Author("me", "daemon", 0))
    rows = tables.execute("SELECT * FROM er_limit ORDER BY id")
    tables.script(fifth.text)

    assert tables.execute("SELECT * FROM er_limit ORDER BY id") == rows
    tables.close()


def test_top_reads_the_index_alone(tables: Connection) -> None:
    """Which are the busiest of a period is found without the rows, which lie far apart in the table."""
    days = [f"2026-11-{number:02} 00:00:00" for number in range(1, 29)]
    rows = [(f"m{number}@x.org", start, number * 7) for number in range(100) for start in days]
    values = ", ".join(["('mailbox', %s, 'messages', 'day', %s, %s)"] * len(rows))
    columns = "scope, subject, unit, `window`, period_start, used"
    insert = f"INSERT INTO er_counter ({columns}) VALUES {values}"  # noqa: S608 - constants
    tables.execute(insert, [value for row in rows for value in row])
    found = top(tables, named(_DAY), from_sql(days[-1]), 3)
    assert found == [(f"m{number}@x.org", number * 7) for number in (99, 98, 97)]
    params = ("mailbox", "messages", "day", days[-1], 9)
    if isinstance(tables, SQLiteConnection):
        plan = str(tables.execute(f"EXPLAIN QUERY PLAN {TOP}", params))
        assert "USING COVERING INDEX er_counter_by_period" in plan
    else:
        plan = str(tables.execute(f"EXPLAIN {BUSIEST}", params))
        assert "by_period" in plan
        assert "Using index" in plan


@pytest.mark.mariadb
def test_one_row_of_each_is_read(database: Database) -> None:
    """What a subject was refused by, and which windows were counted, is found without reading all rows."""
    tables = open_tables(database.url_with_password)
    tables.execute(
        """
INSERT INTO er_refusal (scope, subject, unit, `window`, period_start, `limit`, first_at, last_at, attempts)
SELECT 'mailbox', 'a@x.org', 'messages', 'minute', '2026-01-01' + INTERVAL seq MINUTE, 1, NOW(), NOW(), 1
  FROM seq_1_to_3000"""
    )
    tables.execute(
        """
INSERT INTO er_counter (scope, subject, unit, `window`, period_start, used)
SELECT 'mailbox', 'a@x.org', 'messages', 'minute', '2026-01-01' + INTERVAL seq MINUTE, 1
  FROM seq_1_to_3000"""
    )
    tables.execute("ANALYZE TABLE er_refusal, er_counter")
    for statement, params in ((LAST_STARTS, ("mailbox", "a@x.org")), (WINDOWS, ())):
        assert "Using index for group-by" in str(tables.execute(f"EXPLAIN {statement}", params))
    assert windows_counted(tables) == {Window.MINUTE, Window.EVER}
    span = ("2025-01-01", "2099-01-01")
    for statement, whose, read in ((PAGE, (), "by_time"), (PAGE_OF, ("b@x.org",) * 2, "PRIMARY")):
        ((*_, key, _, _, rows, how),) = tables.execute(
            f"EXPLAIN {statement}", (*span, *whose, 20, 0)
        )
        assert (key, "filesort" in how) == (read, bool(whose)), statement
        assert not whose or int(rows) < 10
    (found,) = last_episodes(tables, [(Scope.MAILBOX, "a@x.org")]).values()
    assert to_sql(found.key.period_start) == "2026-01-03 02:00:00"
    tables.close()


@pytest.mark.mariadb
def test_magnitude(database: Database) -> None:
    """The steps never fall while a count grows, and each is at least an eighth of what was used."""
    tables = open_tables(database.url_with_password)
    insert_counter(tables, key_of("mailbox.messages_per_day", "a@x.org"), 0)
    seen: list[tuple[int, int]] = []
    for used in [*range(-2, 700), 4095, 4096, 32767, 32768, 262143, 262144, 10**15]:
        tables.execute("UPDATE er_counter SET used = %s WHERE subject = 'a@x.org'", [used])
        seen += tables.execute("SELECT used, magnitude FROM er_counter WHERE subject = 'a@x.org'")
    tables.close()
    steps = [magnitude for _, magnitude in seen]
    assert steps == sorted(steps)
    assert (steps[0], steps[-1]) == (0, 40)
    assert len(set(steps[: 2 + 512])) == 1 + 7 + 7
