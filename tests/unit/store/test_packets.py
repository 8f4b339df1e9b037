"""A packet goes out, the results of its statements come in."""

import threading
from collections.abc import Iterator

import pytest
from pymysql.constants import COMMAND
from pymysql.err import DataError, OperationalError, ProgrammingError

from sendlimit.errors import StoreUnavailable
from sendlimit.store import drivers
from sendlimit.store.drivers import mariadb_errors, open_mariadb
from sendlimit.store.location import Host, MariaDBLocation, parse_url
from sendlimit.store.packets import PacketConnection
from support.doubles.mariadb import OK, SpeakingServer
from support.rig.mariadb import Database

_QUIT = bytes([COMMAND.COM_QUIT])


def _connect(port: int, password: str = "") -> PacketConnection:
    location = MariaDBLocation("u", "d", (Host("127.0.0.1", port),))
    return open_mariadb(location, password, location.hosts[0])


@pytest.fixture
def connection(database: Database) -> Iterator[PacketConnection]:
    """A connection to a real server."""
    location = parse_url(database.url)
    assert isinstance(location, MariaDBLocation)
    connection = open_mariadb(location, database.password, location.hosts[0])
    yield connection
    connection.close()


@pytest.mark.mariadb
def test_results(connection: PacketConnection) -> None:
    """Each statement of a packet has its rows, () when it has none, and the rows that it found."""
    connection.send(
        "CREATE TABLE t (name VARCHAR(20), used BIGINT); INSERT INTO t VALUES ('Jürgen', 5), ('b', NULL);"
        " UPDATE t SET used = 5 WHERE name = 'Jürgen'; SELECT name, used FROM t ORDER BY name"
    )
    created, inserted, updated, selected = connection.receive()

    assert created.rows == inserted.rows == updated.rows == []
    assert (inserted.affected, updated.affected) == (2, 1)
    assert selected.rows == [("b", None), ("Jürgen", 5)]


@pytest.mark.mariadb
def test_literals(connection: PacketConnection) -> None:
    """What is put into a statement comes back as it was, whatever its characters."""
    odd = 'it\'s \\ "quoted" % %s \x00\n\r\x1a ü 🙂'
    connection.send(connection.fill("SELECT %s, %s, %s, '100%%'", (odd, 2**63, None)))

    assert connection.receive()[0].rows == [(odd, 2**63, None, "100%")]


@pytest.mark.mariadb
def test_types(connection: PacketConnection) -> None:
    """Sums are whole numbers, moments are text."""
    connection.send("SELECT SUM(1), CAST('2026-11-22 10:00:00' AS DATETIME), COUNT(*), 1 = 1")

    assert connection.receive()[0].rows == [(1, "2026-11-22 10:00:00", 1, 1)]


@pytest.mark.mariadb
@pytest.mark.parametrize("length", [0, 1, 250, 251, 2**16 - 1, 2**16, 10**6])
def test_lengths(connection: PacketConnection, length: int) -> None:
    """A text of any length comes whole, and so does what stands before and behind it."""
    connection.send(f"SELECT NULL, REPEAT('x', {length}), NULL, 7 UNION ALL SELECT '', '', '', 8")

    assert connection.receive()[0].rows == [(None, "x" * length, None, 7), ("", "", "", 8)]


@pytest.mark.mariadb
def test_binary(connection: PacketConnection) -> None:
    """What is no text stays bytes."""
    connection.send("SELECT CAST(X'00FF' AS BINARY), 1.5e0")

    assert connection.receive()[0].rows == [(b"\x00\xff", 1.5)]


@pytest.mark.mariadb
def test_statement_that_fails(connection: PacketConnection) -> None:
    """The first error of a packet is raised, what follows is not executed, the connection goes on."""
    connection.send("SELECT 1; SELECT * FROM nowhere; CREATE TABLE t (a INT)")
    with pytest.raises(ProgrammingError):
        connection.receive()

    connection.send("SHOW TABLES")
    assert connection.receive()[0].rows == []


@pytest.mark.mariadb
def test_strict(connection: PacketConnection) -> None:
    """A value that does not fit is an error, never cut."""
    connection.send("CREATE TABLE t (a VARCHAR(3)); INSERT INTO t VALUES ('four')")
    with pytest.raises(DataError):
        connection.receive()


@pytest.mark.parametrize(
    "greeting",
    [
        pytest.param(b"220 mail.example.org ESMTP", id="a mail server"),
        pytest.param(b"", id="nothing"),
        pytest.param(b"\x0a10.11", id="half a greeting"),
        pytest.param(b"\xffHTTP/1.1 400 Bad Request", id="a web server"),
    ],
)
def test_another_protocol(greeting: bytes) -> None:
    """What answers there is no MariaDB: an error as if it were not there, and nothing is left open."""
    with SpeakingServer(greeting=greeting) as server, pytest.raises(OperationalError):
        _connect(server.port)


@pytest.mark.parametrize("plugin", [b"mysql_clear_password", b"dialog"])
def test_password_in_clear(plugin: bytes) -> None:
    """A server that asks for the password as it is does not get it over TCP without TLS."""
    switch = b"\xfe" + plugin + b"\x00" + b"\x04Password: "
    with SpeakingServer(after_login=switch) as server:
        with pytest.raises(OperationalError, match="password in clear"):
            _connect(server.port, "secret")
        assert not any(b"secret" in packet for packet in server.heard)


def test_login_that_needs_a_library() -> None:
    """caching_sha2_password over TCP without TLS: a sentence, not an exception of its own kind."""
    answers = iter((b"\x01\x04", b"\x01-----BEGIN PUBLIC KEY-----"))
    with (
        SpeakingServer(
            lambda _: next(answers),
            after_login=b"\xfecaching_sha2_password\x0012345678901234567890\x00",
        ) as server,
        pytest.raises(OperationalError, match=r"caching_sha2_password .*use TLS or a unix socket"),
    ):
        _connect(server.port, "secret")


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Answers are waited for a second only."""
    monkeypatch.setattr(drivers, "READ_TIMEOUT_S", 1)


@pytest.mark.usefixtures("impatient")
def test_server_that_does_not_answer() -> None:
    """An answer that does not come in time is a lost connection, told so."""
    is_over = threading.Event()

    def answer(packet: bytes) -> bytes:
        if b"SELECT" in packet:
            is_over.wait(10)
        return OK

    with SpeakingServer(answer) as server:
        connection = _connect(server.port)
        connection.send("SELECT 1")
        with pytest.raises(StoreUnavailable, match="connection lost: no answer in time"):
            _receive(connection)
        is_over.set()
        assert not connection.open


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("answer", [b"\x01", b"\xfe\xff", b"\x02\x03def", b""])
def test_answer_of_another_protocol(answer: bytes) -> None:
    """Bytes that are no answer end the connection."""
    with SpeakingServer(lambda packet: answer if b"SELECT" in packet else OK) as server:
        connection = _connect(server.port)
        connection.send("SELECT 1")
        with pytest.raises(StoreUnavailable):
            _receive(connection)
        assert not connection.open


def _receive(connection: PacketConnection) -> None:
    with mariadb_errors("mariadb"):
        connection.receive()


def test_server_that_asks_for_our_files() -> None:
    """LOAD DATA LOCAL is refused, whatever the server says that we asked for."""
    with SpeakingServer(lambda packet: b"\xfb/etc/passwd" if b"SELECT" in packet else OK) as server:
        connection = _connect(server.port)
        connection.send("SELECT 1")
        with pytest.raises(OperationalError):
            connection.receive()
        assert not connection.open
        assert not any(b"root:" in packet for packet in server.heard)
