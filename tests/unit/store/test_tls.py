"""TLS to a real server, as far as each level of the url goes."""

import subprocess
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from sendlimit.errors import StoreUnavailable
from sendlimit.store import drivers
from sendlimit.store.connection import Connection, open_connection
from sendlimit.store.health import cipher
from sendlimit.store.location import parse_url
from support.rig.certificates import PrivateCA, Signed
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.process import private_folder, running

pytestmark = pytest.mark.mariadb


@dataclass(frozen=True)
class Secure:
    """A server that takes nothing unencrypted over TCP, and what clients need."""

    server: PrivateMariaDB
    database: Database
    ca: Path
    other_ca: Path
    client: Signed

    def open(self, options: str, host: str = "127.0.0.1") -> Connection:
        """Connect with these options in the url."""
        base = self.database.tcp_url.replace("127.0.0.1", host)
        return open_connection(parse_url(f"{base}?{options}"), self.database.password)


@pytest.fixture(scope="module")
def secure() -> Iterator[Secure]:
    """Run the server; its certificate is for 127.0.0.1, not for localhost."""
    with private_folder("tls") as folder:
        ca = PrivateCA(folder)
        signed = ca.sign("server", "IP:127.0.0.1")
        server = PrivateMariaDB(
            folder / "mariadb",
            f"--ssl-ca={ca.cert}",
            f"--ssl-cert={signed.cert}",
            f"--ssl-key={signed.key}",
            "--require-secure-transport=ON",
        )
        with running(server):
            database = server.create_database("tls", "tls", "secret")
            other_ca = PrivateCA(folder, "another CA").cert
            yield Secure(server, database, ca.cert, other_ca, ca.sign("client"))


@pytest.mark.parametrize(
    ("options", "host"),
    [
        ("tls=required", "127.0.0.1"),
        ("tls=verify-ca&tls_ca={ca}", "localhost"),
        ("tls=verify-identity&tls_ca={ca}", "127.0.0.1"),
        ("tls_ca={ca}", "127.0.0.1"),
    ],
)
def test_encrypted(secure: Secure, options: str, host: str) -> None:
    """With TLS statements go through, however long they are, in both directions."""
    connection = secure.open(options.format(ca=secure.ca), host)
    assert cipher(connection) != ""
    assert connection.execute("SELECT %s", ["x" * 10**6]) == [("x" * 10**6,)]
    connection.close()


@pytest.mark.parametrize(
    ("options", "host", "problem"),
    [
        pytest.param("", "127.0.0.1", "Access denied|insecure transport", id="not encrypted"),
        pytest.param("tls=verify-identity", "127.0.0.1", "TLS: the server's certificate: self-signed certificate in", id="the system's CAs"),
        pytest.param("tls_ca={other_ca}", "127.0.0.1", "TLS: the server's certificate: ", id="another CA"),
        pytest.param("tls=verify-ca&tls_ca={other_ca}", "127.0.0.1", "TLS: the server's certificate: ", id="another CA, no name"),
        pytest.param("tls_ca={ca}", "localhost", "TLS: the server's certificate: Hostname mismatch", id="another name"),
    ],
)  # fmt: skip
def test_refused(secure: Secure, options: str, host: str, problem: str) -> None:
    """What does not reach the level of the url is no connection, with the reason in words."""
    with pytest.raises(StoreUnavailable, match=problem):
        secure.open(options.format(ca=secure.ca, other_ca=secure.other_ca), host)


def test_server_without_tls(database: Database, mariadb: PrivateMariaDB) -> None:
    """A server that has no TLS encrypts nothing, and does not get a password from a client that wants it."""
    assert mariadb.query("SELECT @@have_ssl") == [("DISABLED",)]
    with pytest.raises(StoreUnavailable, match="the server offers no TLS"):
        open_connection(parse_url(f"{database.tcp_url}?tls=required"), database.password)

    connection = open_connection(parse_url(database.tcp_url), database.password)
    assert cipher(connection) == ""
    connection.close()


def test_client_certificate(secure: Secure) -> None:
    """An account that requires a certificate is reached with one of the right CA only."""
    secure.server.query("ALTER USER tls REQUIRE X509")
    try:
        with pytest.raises(StoreUnavailable, match="Access denied"):
            secure.open(f"tls_ca={secure.ca}")
        files = f"tls_cert={secure.client.cert}&tls_key={secure.client.key}"
        secure.open(f"tls_ca={secure.ca}&{files}").close()
    finally:
        secure.server.query("ALTER USER tls REQUIRE NONE")


def test_server_that_does_not_answer(secure: Secure, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with TLS an answer is waited for no longer than without it."""
    monkeypatch.setattr(drivers, "READ_TIMEOUT_S", 1)
    connection = secure.open("tls=required")
    found: list[str] = []

    def ask() -> None:
        with pytest.raises(StoreUnavailable) as caught:
            connection.execute("SELECT SLEEP(10)")
        found.append(str(caught.value))

    asks = threading.Thread(target=ask)
    asks.start()
    asks.join(5)
    assert len(found) == 1
    assert found[0].endswith("connection lost: no answer in time")
    connection.close()


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ("tls_ca={folder}/none.pem", "tls_ca can't be used: .*/none.pem: No such file"),
        ("tls_ca={folder}/odd.pem", "tls_ca can't be used: .*/odd.pem: not what it should be"),
        ("tls=required&tls_cert={folder}/none.pem", "tls_cert or tls_key can't be used: .*No such file"),
        ("tls=required&tls_cert={client.cert}", "tls_cert or tls_key can't be used: .*client.pem: not"),
        ("tls=required&tls_cert={client.cert}&tls_key={folder}/secret.key", "secret.key: not .* or encrypted"),
    ],
)  # fmt: skip
def test_files(secure: Secure, tmp_path: Path, options: str, problem: str) -> None:
    """A file that can't be used is named, with the option; a key's password is never asked for."""
    (tmp_path / "odd.pem").write_text("this is no certificate")
    subprocess.run(
        ["openssl", "ec", "-in", secure.client.key, "-aes256", "-passout", "pass:x",
         "-out", tmp_path / "secret.key"],
        check=True, capture_output=True,
    )  # fmt: skip
    with pytest.raises(StoreUnavailable, match=problem):
        secure.open(options.format(folder=tmp_path, client=secure.client))
