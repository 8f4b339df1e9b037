"""A private MariaDB server with default durability and small buffers."""

import atexit
import contextlib
import functools
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pymysql
from pymysql.constants import ER
from pymysql.cursors import Cursor

from support.rig.process import Process, accepts_connections, free_port, private_folder

# Creating a server's tables takes seconds, copying them does not; the size of the redo log is
# part of them.
_REDO_LOG = "--innodb-log-file-size=16M"
# Not /tmp: a server that starts removes the temporary tables that it finds, others' too.
_TEMPORARY = "temporary"
_START_DEADLINE_S = 60


@dataclass(frozen=True, kw_only=True)
class Database:
    """A database of a PrivateMariaDB and the one user who may use it."""

    name: str
    user: str
    password: str
    password_file: Path
    socket: Path
    port: int

    @property
    def url(self) -> str:
        """Address over the unix socket, without the password."""
        return f"mariadb://{self.user}@localhost/{self.name}?unix_socket={self.socket}"

    @property
    def tcp_url(self) -> str:
        """Address over TCP, without the password."""
        return f"mariadb://{self.user}@127.0.0.1:{self.port}/{self.name}"

    @property
    def url_with_password(self) -> str:
        """Address over the unix socket for those who take no password file."""
        return self.url.replace("@", f":{self.password}@", 1)

    @property
    def store_settings(self) -> dict[str, str]:
        """The `[store]` table of a configuration that uses this database."""
        return {"url": self.url, "password_file": str(self.password_file)}


class PrivateMariaDB:
    """A MariaDB server on its own port and unix socket; root needs no password on the socket.

    It can be stopped, killed, frozen and started again, and keeps port, socket and tables.
    """

    def __init__(self, folder: Path, *options: str) -> None:
        """Make the tables of a new server; nothing is started.

        Args:
            folder: an empty or missing folder whose parents user mysql can enter.
            options: for mariadbd, on top of the rig's own.
        """
        self.folder = folder
        self.socket = folder / "mariadb.sock"
        self.port = free_port()
        folder.mkdir(parents=True, exist_ok=True)
        _copy_tables(_template_tables(), folder / "tables")
        shutil.chown(folder, "mysql", "mysql")
        _make_temporary_folder(folder)
        self.process = self._server(options)

    def start(self) -> None:
        """Start the server and wait until it answers queries."""
        self.process.start()
        self.process.wait_until(self._answers, _START_DEADLINE_S, "answers queries")

    def stop(self) -> None:
        """Shut the server down in good order."""
        self.process.stop()

    def kill(self) -> None:
        """End the server as a power failure would."""
        self.process.kill()

    def freeze(self) -> None:
        """Let the server hang: connections open, nothing is answered."""
        self.process.freeze()

    def thaw(self) -> None:
        """Let a frozen server go on."""
        self.process.thaw()

    def restart(self, *options: str) -> None:
        """Stop the server and start it with these options on top of the rig's own."""
        self.stop()
        self.process = self._server(options)
        self.start()

    def query(
        self, sql: str, params: Sequence[object] = (), *, database: str | None = None
    ) -> list[tuple[Any, ...]]:
        """Run one statement as root, commit it, return its rows."""
        connection = pymysql.connect(
            user="root", unix_socket=str(self.socket), database=database, autocommit=True
        )
        with contextlib.closing(connection), connection.cursor() as cursor:
            cursor.execute(sql, params or None)  # None: % is no placeholder
            return list(cursor.fetchall())

    def create_database(
        self, name: str, user: str, password: str, *, rights: str = "ALL"
    ) -> Database:
        """Create an empty database and a user who has these rights on it.

        Args:
            name: an identifier.
            user: an identifier; may log in over the socket and over TCP.
            password: written to a file that only its owner can read, too.
            rights: list of privileges as in GRANT.
        """
        if not (name.isidentifier() and user.isidentifier()):
            msg = f"not identifiers: {name!r}, {user!r}"
            raise ValueError(msg)
        self.query(f"CREATE DATABASE {name}")
        self.query("CREATE USER %s@'%%' IDENTIFIED BY %s", (user, password))
        self.query(f"GRANT {rights} ON {name}.* TO {user}@'%'")
        password_file = self.folder / f"{user}.password"
        password_file.touch(mode=0o600)
        password_file.write_text(password + "\n")
        return Database(
            name=name,
            user=user,
            password=password,
            password_file=password_file,
            socket=self.socket,
            port=self.port,
        )

    def drop_database(self, database: Database) -> None:
        """Remove a database and its user."""
        self.query(f"DROP DATABASE {database.name}")
        self.query("DROP USER %s@'%%'", (database.user,))
        database.password_file.unlink()

    def _server(self, options: Sequence[str]) -> Process:
        argv: list[str | Path] = [
            "mariadbd",
            "--no-defaults",
            f"--datadir={self.folder / 'tables'}",
            f"--tmpdir={self.folder / _TEMPORARY}",
            f"--socket={self.socket}",
            f"--pid-file={self.folder / 'mariadb.pid'}",
            f"--port={self.port}",
            "--bind-address=127.0.0.1",
            "--skip-name-resolve",
            "--innodb-flush-log-at-trx-commit=1",
            "--innodb-buffer-pool-size=16M",
            "--key-buffer-size=1M",
            "--aria-pagecache-buffer-size=1M",
            "--performance-schema=OFF",
            "--skip-ssl",  # from 11.4 on a server makes a certificate for itself
            _REDO_LOG,
            *options,
        ]
        return Process("mariadbd", argv, self.folder / "mariadb.log", user="mysql")

    def _answers(self) -> bool:
        # First without PyMySQL, which leaves its socket open when nothing listens.
        try:
            return accepts_connections(self.socket) and self.query("SELECT 1") == [(1,)]
        except pymysql.OperationalError:
            return False


@contextlib.contextmanager
def root_session(server: PrivateMariaDB) -> Iterator[Cursor]:
    """Open a connection of the server's admin."""
    connection = pymysql.connect(user="root", unix_socket=str(server.socket), autocommit=True)
    with contextlib.closing(connection), connection.cursor() as cursor:
        yield cursor


def kill_connections(cursor: Cursor, database: Database, *, soft: bool = False) -> None:
    """KILL whatever connections the database's user has, or only what they execute."""
    cursor.execute(
        "SELECT id FROM information_schema.processlist WHERE user = %s", (database.user,)
    )
    for (connection,) in cursor.fetchall():
        try:
            cursor.execute(f"KILL {'QUERY' if soft else 'CONNECTION'} {connection}")
        except pymysql.OperationalError as error:
            if error.args[0] != ER.NO_SUCH_THREAD:
                raise


@functools.cache
def _template_tables() -> Path:
    """Create the tables of a new server once a run; removed when the run ends."""
    stack = contextlib.ExitStack()
    atexit.register(stack.close)
    folder = stack.enter_context(private_folder("tables"))
    _make_temporary_folder(folder)
    tables = folder / "tables"
    command = [
        "mariadb-install-db",
        "--no-defaults",
        f"--datadir={tables}",
        f"--tmpdir={folder / _TEMPORARY}",
        "--user=mysql",
        "--auth-root-authentication-method=normal",
        "--skip-test-db",
        "--skip-name-resolve",
        _REDO_LOG,
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    if done.returncode != 0:
        msg = f"mariadb-install-db failed:\n{done.stdout}{done.stderr}"
        raise ChildProcessError(msg)
    return tables


def _copy_tables(source: Path, target: Path) -> None:
    shutil.copytree(source, target)
    for path in [target, *target.rglob("*")]:
        shutil.chown(path, "mysql", "mysql")


def _make_temporary_folder(folder: Path) -> None:
    (folder / _TEMPORARY).mkdir()
    shutil.chown(folder / _TEMPORARY, "mysql", "mysql")
