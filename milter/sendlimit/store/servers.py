"""Which server of the list in store.url is used: the same one by the daemon and by the commands.

The first that answers, has the tables of this release and takes writes. Where there is none,
commands take the one that comes nearest, to make the tables or to say what is wrong.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.errors import NoSuchTable, SchemaError, StoreDenied, StoreError
from sendlimit.store import rows
from sendlimit.store import statements as sql
from sendlimit.store.drivers import mariadb_errors, open_mariadb

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from sendlimit.store.location import Host, MariaDBLocation
    from sendlimit.store.packets import PacketConnection

# It finds nothing to do and locks nothing, but a server that takes no writes refuses it.
_WRITES = "UPDATE er_counter SET used = used WHERE 1 = 0"
_READ_ONLY = "SHOW GLOBAL VARIABLES LIKE 'read_only'"


class Server(NamedTuple):
    """A server that answers.

    Attributes:
        connection: to it.
        where: names it in errors.
        problem: why the daemon can't use it; None: it can.
    """

    connection: PacketConnection
    where: str
    problem: StoreError | None


def open_server(location: MariaDBLocation, password: str) -> Server:
    """Connect to the server that the daemon uses, or to the one that comes nearest.

    Raises:
        StoreError: none answers; of several hosts with what each of them said.
    """

    def problem(connection: PacketConnection, where: str) -> StoreError | None:
        try:
            with mariadb_errors(where):
                connection.send(sql.VERSION)
                version = connection.receive()[0].rows[0][0]
            rows.check_version(version, where)
        except NoSuchTable:
            return rows.no_tables(where)
        except SchemaError as error:
            return error
        try:
            with mariadb_errors(where):
                connection.send(_WRITES)
                connection.receive()
        except StoreError as error:
            if not connection.open:
                raise
            return error
        return None

    return _first(
        location.hosts, str(location), lambda host: open_mariadb(location, password, host), problem
    )


def open_admin_server(location: MariaDBLocation, password: str) -> Server:
    """Connect as an admin, without a database, to the first server that is not read-only.

    Raises:
        StoreError: none answers; of several hosts with what each of them said.
    """

    def problem(connection: PacketConnection, where: str) -> StoreError | None:
        with mariadb_errors(where):
            connection.send(_READ_ONLY)
            found = connection.receive()[0].rows
        is_writable = all(row[1] == "OFF" for row in found)
        return None if is_writable else StoreError(f"{where}: the server is read-only")

    address = location.unix_socket or ",".join(str(host) for host in location.hosts)
    return _first(
        location.hosts,
        f"admin {location.user}@{address}",
        lambda host: open_mariadb(location, password, host, database=False),
        problem,
    )


def _first(
    hosts: Sequence[Host],
    name: str,
    open_host: Callable[[Host], PacketConnection],
    problem: Callable[[PacketConnection, str], StoreError | None],
) -> Server:
    """Return the first server without a problem; failing that, rather one with tables."""
    found: list[Server] = []
    problems: list[StoreError] = []
    for host in hosts:
        where = name if len(hosts) == 1 else f"{name} at {host}"
        try:
            server = _open(host, where, open_host, problem)
        except StoreError as error:
            problems.append(error)
            continue
        found.append(server)
        if server.problem is None:
            return _only(server, found)
        problems.append(server.problem)
    told = _together(problems)
    if not found:
        raise told
    nearest = min(found, key=lambda server: isinstance(server.problem, SchemaError))
    return _only(nearest, found)._replace(problem=told)


def _open(
    host: Host,
    where: str,
    open_host: Callable[[Host], PacketConnection],
    problem: Callable[[PacketConnection, str], StoreError | None],
) -> Server:
    with mariadb_errors(where):
        connection = open_host(host)
    try:
        return Server(connection, where, problem(connection, where))
    except StoreError:
        connection.close()
        raise


def _only(chosen: Server, found: Iterable[Server]) -> Server:
    """Close the connections to the other servers."""
    for server in found:
        if server is not chosen:
            server.connection.close()
    return chosen


def _together(problems: Sequence[StoreError]) -> StoreError:
    """Return one error for all hosts: of the kind that says most about what to do."""
    if len(problems) == 1:
        return problems[0]
    telling = max(problems, key=lambda error: isinstance(error, StoreDenied | SchemaError))
    return type(telling)("; ".join(str(error) for error in problems))
