"""What makes the database, its user and its tables."""

import re

import pytest

from sendlimit.errors import StoreConflict
from sendlimit.store.connection import Connection, MariaDBConnection
from sendlimit.store.drivers import open_mariadb
from sendlimit.store.location import MariaDBLocation, parse_url
from sendlimit.store.setup import (
    RIGHTS,
    Statement,
    admin_location,
    client_hosts,
    missing_rights,
    script,
    statements,
)
from support.doubles.mariadb import OK, SpeakingServer, failure
from support.real_stores import TABLES


def _location(url: str) -> MariaDBLocation:
    location = parse_url(url)
    assert isinstance(location, MariaDBLocation)
    return location


@pytest.mark.parametrize(
    ("url", "hosts"),
    [
        ("mariadb://u@localhost/d?unix_socket=/run/s", ("localhost",)),
        ("mariadb://u@localhost,127.0.0.1:3307/d", ("localhost", "127.0.0.1", "::1")),
        ("mariadb://u@localhost,db2/d", ("%",)),
    ],
)
def test_client_hosts(url: str, hosts: tuple[str, ...]) -> None:
    """The account is for where the daemon comes from, as the server names it."""
    assert client_hosts(_location(url)) == hosts


def test_least_rights() -> None:
    """An account for each host, with four rights in this database; "_" there is no wildcard."""
    found = [
        one.literal for one in statements(_location("mariadb://u@h/mail_d"), "p'w", ["a", "b"])
    ]

    assert len([text for text in found if text.startswith("CREATE USER IF NOT EXISTS")]) == 2
    assert "CREATE USER IF NOT EXISTS 'u'@'a' IDENTIFIED BY 'p\\'w'" in found
    assert f"GRANT {', '.join(RIGHTS)} ON `mail\\_d`.* TO 'u'@'b'" in found
    assert not re.search(r"ALL|SUPER|\*\.\*", "".join(found))


def test_literal_of_a_statement() -> None:
    """Printed for an admin, a value can't end its own quotes."""
    assert Statement("DO %s", ("a'; DROP TABLE er_counter; --",)).literal == (
        "DO 'a\\'; DROP TABLE er_counter; --'"
    )


@pytest.mark.parametrize("url", ["mariadb://u@h/d", "sqlite:///d.db"])
def test_script_makes_every_table(url: str) -> None:
    """What is printed makes all tables, and on MariaDB database, user and grants before."""
    text = script(parse_url(url), "secret", ["%"])

    assert {*re.findall(r"CREATE TABLE (?:IF NOT EXISTS )?(\w+)", text)} >= {*TABLES}
    assert ("CREATE USER" in text) is (url.startswith("mariadb"))


@pytest.mark.parametrize(
    "url", ["mariadb://root@h", "mariadb://root@h/", "mariadb://root@localhost?unix_socket=/run/s"]
)
def test_admin_needs_no_database(url: str) -> None:
    """An admin's address is one without a database."""
    assert admin_location(url).user == "root"


@pytest.mark.parametrize("url", ["sqlite:///x.db", "root@h"])
def test_admin_of_another_kind(url: str) -> None:
    """What is no server is refused with what is allowed."""
    with pytest.raises(ValueError, match="mariadb://USER@"):
        admin_location(url)


def test_trials_of_the_rights_fit_the_tables(tables: Connection) -> None:
    """Each trial names tables and columns that there are, and changes nothing."""
    before = [tables.execute(f"SELECT COUNT(*) FROM {table}") for table in TABLES]  # noqa: S608 - our own

    assert missing_rights(tables) == []
    assert [tables.execute(f"SELECT COUNT(*) FROM {table}") for table in TABLES] == before  # noqa: S608 - our own


def _missing_rights(answer: bytes) -> list[str]:
    """Ask a server that gives this answer to each DELETE FROM er_counter."""
    with SpeakingServer(lambda sent: answer if b"DELETE FROM er_counter" in sent else OK) as server:
        location = _location(f"mariadb://u@127.0.0.1:{server.port}/d")
        connection = MariaDBConnection(open_mariadb(location, "", location.hosts[0]), "here")
        try:
            return missing_rights(connection)
        finally:
            connection.close()


def test_missing_right() -> None:
    """A statement that the server denies is named by right and table."""
    assert _missing_rights(failure(1142, "DELETE command denied")) == ["DELETE on er_counter"]


def test_other_errors_are_no_missing_right() -> None:
    """A deadlock or a lost connection says nothing about rights."""
    with pytest.raises(StoreConflict):
        _missing_rights(failure(1213, "Deadlock found"))
