"""Make the database, its user and its tables, and tell what the user may do.

What needs rights that the daemon's user doesn't have runs on an admin's connection, or is
printed for one.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from pymysql.converters import escape_string

from sendlimit.errors import StoreDenied
from sendlimit.store.connection import MariaDBConnection
from sendlimit.store.location import MariaDBLocation, SQLiteLocation, parse_url
from sendlimit.store.migrations import migrations
from sendlimit.store.servers import open_admin_server

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

    from sendlimit.store.connection import Connection
    from sendlimit.store.location import Location

RIGHTS = ("SELECT", "INSERT", "UPDATE", "DELETE")
"""All that the daemon and the commands need."""

_WITHOUT_DATABASE = re.compile(r"([a-z]+://[^/?]*)/?(\?.*)?")

_USER = "SELECT 1 FROM mysql.user WHERE User = %s AND Host = %s"

# Statements that find nothing to do, but not without the right to do it. The columns are those
# that have no default.
_TRIALS = {
    "SELECT": "SELECT 1 FROM {table} WHERE 1 = 0",
    "INSERT": "INSERT INTO {table} ({columns}) SELECT {columns} FROM {table} WHERE 1 = 0",
    "UPDATE": "UPDATE {table} SET {column} = {column} WHERE 1 = 0",
    "DELETE": "DELETE FROM {table} WHERE 1 = 0",
}
_COUNTER = ("scope", "subject", "unit", "`window`", "period_start")
_TABLES = {
    "er_counter": _COUNTER,
    "er_refusal": (*_COUNTER, "`limit`", "first_at", "last_at", "attempts"),
    "er_committer": ("id", "batch"),
    "er_file_limit": ("subject", "scope", "unit", "`window`"),
    "er_day": ("period_start", "period_end"),
    "er_limit": ("subject", "scope", "unit", "`window`"),
    "er_lease": ("one",),
    "er_daemon": ("id",),
    "er_change": ("what",),
    "er_web_user": ("name", "password"),
    "er_web_token": ("name", "role", "digest"),
    "er_web_session": ("digest", "kind", "name"),
    "er_finding": ("`check`", "code", "level", "text"),
    "er_hour": ("hour", "day_start", "used"),
}


class Statement(NamedTuple):
    """A statement of an admin, with its parameters apart."""

    text: str
    params: tuple[str, ...] = ()

    @property
    def literal(self) -> str:
        """The statement as one writes it by hand."""
        return self.text % tuple(f"'{escape_string(param)}'" for param in self.params)


def client_hosts(location: MariaDBLocation) -> tuple[str, ...]:
    """Return from where the daemon connects, as the server names it in accounts."""
    if location.unix_socket is not None:
        return ("localhost",)
    if all(host.is_loopback for host in location.hosts):
        # With skip-name-resolve the server doesn't take the addresses for "localhost".
        return ("localhost", "127.0.0.1", "::1")
    return ("%",)


def statements(
    location: MariaDBLocation, password: str, hosts: Collection[str]
) -> Iterator[Statement]:
    """Yield what makes database, user and grants; harmless where they exist.

    An account that exists keeps its password.
    """
    database = f"`{location.database}`"
    # In a GRANT "_" stands for any character.
    granted = f"`{location.database.replace('_', chr(92) + '_')}`"
    yield Statement(f"CREATE DATABASE IF NOT EXISTS {database} CHARACTER SET utf8mb4")
    for host in hosts:
        yield Statement(
            "CREATE USER IF NOT EXISTS %s@%s IDENTIFIED BY %s", (location.user, host, password)
        )
        yield Statement(f"GRANT {', '.join(RIGHTS)} ON {granted}.* TO %s@%s", (location.user, host))


def script(location: Location, password: str, hosts: Collection[str]) -> str:
    """Return all SQL that makes a store, for an admin to run."""
    parts = []
    if isinstance(location, MariaDBLocation):
        parts = [f"{statement.literal};" for statement in statements(location, password, hosts)]
        parts.append(f"USE `{location.database}`;")
    parts.extend(migration.text.rstrip("\n") for migration in migrations(location))
    return "\n".join(parts)


def set_up(
    connection: Connection, location: MariaDBLocation, password: str, hosts: Collection[str]
) -> None:
    """Make database, user and grants, and use the database."""
    for statement in statements(location, password, hosts):
        connection.execute(*statement)
    connection.execute(f"USE `{location.database}`")


def accounts(
    connection: Connection, location: MariaDBLocation, hosts: Collection[str]
) -> tuple[str, ...]:
    """Return the hosts from which the user can connect already."""
    return tuple(host for host in hosts if connection.execute(_USER, (location.user, host)))


def admin_location(url: str) -> MariaDBLocation:
    """Read an admin's url, which need not name a database.

    Raises:
        ValueError: with what is wrong and what is allowed.
    """
    match = _WITHOUT_DATABASE.fullmatch(url)
    location = parse_url(f"{match[1]}/mysql{match[2] or ''}" if match else url)
    if isinstance(location, SQLiteLocation):
        raise ValueError(  # noqa: TRY004 - the text is wrong, not the type
            "is not 'mariadb://USER@HOST' or 'mariadb://USER@localhost?unix_socket=PATH'"
        )
    return location


def open_admin(location: MariaDBLocation, password: str) -> Connection:
    """Connect as an admin, without a database: to the first of the hosts that takes writes.

    Raises:
        StoreError: none of them does, or not with these credentials.
    """
    server = open_admin_server(location, password)
    if server.problem is not None:
        server.connection.close()
        raise server.problem
    return MariaDBConnection(server.connection, server.where)


def missing_rights(connection: Connection) -> list[str]:
    """Return what the user may not do, as "DELETE on er_counter"; nothing is changed by asking.

    Raises:
        StoreError: a trial failed for another reason: no right is known to be missing.
    """
    missing = []
    for table, columns in _TABLES.items():
        for right, trial in _TRIALS.items():
            try:
                connection.execute(
                    trial.format(table=table, column=columns[0], columns=", ".join(columns))
                )
            except StoreDenied:
                missing.append(f"{right} on {table}")
    return missing
