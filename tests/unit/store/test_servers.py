"""Which server of the list is used, by the daemon and by the commands."""

from collections.abc import Iterator

import pytest

from sendlimit.errors import SchemaError, StoreDenied, StoreUnavailable
from sendlimit.store.location import Host, MariaDBLocation
from sendlimit.store.servers import Server, open_admin_server, open_server
from support.doubles.mariadb import OK, SpeakingServer, failure
from support.real_stores import open_tables
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.process import free_port

pytestmark = pytest.mark.mariadb

_REJECTS = failure(1047, "WSREP has not yet prepared node for application use")
_DENIES = failure(1045, "Access denied for user 'u'@'localhost'")


def _rejecting(packet: bytes) -> bytes:
    """Answer as a Galera node that has left the cluster, or rejects queries."""
    return _REJECTS if b"SELECT" in packet else OK


@pytest.fixture
def location(database: Database) -> MariaDBLocation:
    """A database with its tables, over TCP."""
    open_tables(database.url_with_password).close()
    return MariaDBLocation(database.user, database.name, (Host("127.0.0.1", database.port),))


@pytest.fixture
def read_only(mariadb: PrivateMariaDB, location: MariaDBLocation) -> Iterator[MariaDBLocation]:
    """The same, while the server takes no writes from users without special rights."""
    mariadb.query("SET GLOBAL read_only = ON")
    yield location
    mariadb.query("SET GLOBAL read_only = OFF")


def after(location: MariaDBLocation, *ports: int) -> MariaDBLocation:
    """Put other servers before a location's own."""
    hosts = tuple(Host("127.0.0.1", port) for port in ports)
    return MariaDBLocation(location.user, location.database, (*hosts, *location.hosts))


def port_of(server: Server) -> int:
    """Return the port of the server that was chosen, and leave it."""
    server.connection.close()
    return server.connection.port


def test_first_that_answers(location: MariaDBLocation, database: Database) -> None:
    """A host that is dead is left out."""
    server = open_server(after(location, free_port()), database.password)

    assert (port_of(server), server.problem) == (database.port, None)


def test_node_that_rejects_queries(location: MariaDBLocation, database: Database) -> None:
    """A node that answers and refuses every query is left out; it is not a database without tables."""
    with SpeakingServer(_rejecting) as node:
        server = open_server(after(location, node.port), database.password)
        assert (port_of(server), server.problem) == (database.port, None)

        alone = MariaDBLocation("u", "d", (Host("127.0.0.1", node.port),))
        with pytest.raises(StoreUnavailable, match="not yet prepared"):
            open_server(alone, "")


def test_read_only_server(read_only: MariaDBLocation, database: Database) -> None:
    """A read-only server is one that the daemon can't use, and the nearest where there is no other."""
    server = open_server(after(read_only, free_port()), database.password)

    assert port_of(server) == database.port
    assert "read-only" in str(server.problem)
    assert "Connection refused" in str(server.problem)


@pytest.mark.usefixtures("read_only")
def test_admin_on_a_read_only_server(database: Database) -> None:
    """An admin, who could write there all the same, is told."""
    location = MariaDBLocation("root", "mysql", (Host("localhost", 3306),), str(database.socket))
    server = open_admin_server(location, "")
    server.connection.close()

    assert str(server.problem) == f"admin root@{database.socket}: the server is read-only"


def test_server_without_tables(database: Database) -> None:
    """Only a missing table is called missing, and the connection can be used to make it."""
    location = MariaDBLocation(database.user, database.name, (Host("127.0.0.1", database.port),))
    server = open_server(location, database.password)
    server.connection.send("SELECT 1")

    assert isinstance(server.problem, SchemaError)
    assert "the tables are missing" in str(server.problem)
    assert server.connection.receive()[0].rows == [(1,)]
    server.connection.close()


def test_all_that_hosts_say() -> None:
    """Where no host can be used, the error says what each said, and is of the most telling kind."""
    with SpeakingServer(after_login=_DENIES) as other:
        hosts = (Host("127.0.0.1", free_port()), Host("127.0.0.1", other.port))
        with pytest.raises(StoreDenied) as caught:
            open_server(MariaDBLocation("u", "d", hosts), "")

    assert f"at {hosts[0]}: can't connect: Connection refused; " in str(caught.value)
    assert f"at {hosts[1]}: Access denied" in str(caught.value)
