"""A command's connection; what both databases have in common is in tests/contract."""

from pathlib import Path

import pytest

from sendlimit.errors import StoreError
from sendlimit.store.connection import Connection, MariaDBConnection, open_connection
from sendlimit.store.drivers import open_mariadb
from sendlimit.store.location import Host, MariaDBLocation, SQLiteLocation
from support.doubles.mariadb import OK, SpeakingServer


def test_statements_and_rows(tables: Connection) -> None:
    """Parameters come back as they were, also with what SQL itself is written with."""
    odd = 'it\'s \\ "%s" ? 🙂'

    assert tables.execute("SELECT %s, %s", (odd, None)) == [(odd, None)]
    assert tables.execute("SELECT '100%'") == [("100%",)]


def test_affected(tables: Connection) -> None:
    """How many rows a statement changed, for what commands report."""
    tables.execute("INSERT INTO er_committer (id, batch) VALUES ('a', 1), ('b', 1)")
    tables.execute("UPDATE er_committer SET batch = 2 WHERE id = %s", ["a"])
    assert tables.affected() == 1

    tables.execute("DELETE FROM er_committer")
    assert tables.affected() == 2


@pytest.mark.parametrize("commits", [True, False])
def test_transaction(tables: Connection, url: str, *, commits: bool) -> None:
    """What is not committed when the connection is closed is gone."""
    location = SQLiteLocation(url.removeprefix("sqlite://"))
    other = open_connection(location)
    other.begin()
    other.execute("INSERT INTO er_committer (id, batch) VALUES ('a', 1)")
    if commits:
        other.commit()
    other.close()

    assert len(tables.execute("SELECT id FROM er_committer")) == commits


def test_script_is_all_or_nothing(tables: Connection) -> None:
    """A file of sql/ that fails half-way leaves nothing behind, and the connection works on."""
    with pytest.raises(StoreError, match="nowhere"):
        tables.script("CREATE TABLE half (a INT); INSERT INTO nowhere VALUES (1);")

    assert tables.execute("SELECT name FROM sqlite_master WHERE name = 'half'") == []


def test_statement_that_fails_names_the_store(tables: Connection, tmp_path: Path) -> None:
    """An error says which database it was."""
    with pytest.raises(StoreError, match=str(tmp_path)):
        tables.execute("SELECT * FROM nowhere")


def test_percent_sign_without_parameters() -> None:
    """To MariaDB, too, "%" is itself in a statement without parameters."""
    with SpeakingServer(lambda _: OK) as server:
        location = MariaDBLocation("u", "d", (Host("127.0.0.1", server.port),))
        connection = MariaDBConnection(open_mariadb(location, "", location.hosts[0]), "here")
        connection.execute("DO '100%'")
        connection.execute("DO '100%%', %s", ["a'b"])
        connection.close()

    assert server.heard[-3][1:] == b"DO '100%'"
    assert server.heard[-2][1:] == b"DO '100%', 'a\\'b'"
