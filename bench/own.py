"""The empty pymilter daemon and sendlimit itself, each with the store it is measured on."""

import contextlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

from bench.contender import LIMIT_PER_DAY, Contender
from bench.peers import running
from support.rig.daemon import Sendlimit
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.process import Process

# What MariaDB has without any configuration; the rig's servers are smaller.
_MARIADB_DEFAULTS = ("--innodb-buffer-pool-size=128M", "--innodb-log-file-size=96M")
BINLOG = ("--log-bin", "--server-id=1", "--sync-binlog=1")
"""Options of a server that logs every commit safely for its replicas."""
EMPTY = "empty pymilter"
ON_MARIADB = "sendlimit, MariaDB"
ON_BINLOG = "sendlimit, MariaDB + synced binlog"
ON_SQLITE = "sendlimit, SQLite"
END_TO_END_MAILBOX = "bench@dom000.test"
"""The one mailbox that sends all mail through Postfix, without a limit."""


@contextlib.contextmanager
def empty(folder: Path) -> Iterator[Contender]:
    """Run the empty pymilter daemon."""
    folder.mkdir()
    socket = folder / "milter.sock"
    program = Path(__file__).with_name("empty_daemon.py")
    process = Process("empty", [sys.executable, program, f"unix:{socket}"], folder / "empty.log")
    with running(process, socket):
        socket.chmod(0o666)  # for Postfix
        yield Contender(name=EMPTY, address=f"unix:{socket}", daemon=process.pid)


@contextlib.contextmanager
def mariadb(folder: Path, *options: str) -> Iterator[PrivateMariaDB]:
    """Run a MariaDB server with default durability and sizes, and these options."""
    server = PrivateMariaDB(folder, *_MARIADB_DEFAULTS, *options)
    server.start()
    try:
        yield server
    finally:
        server.kill()


def database(server: PrivateMariaDB, name: str) -> Database:
    """Create an empty database for one daemon."""
    return server.create_database(name, name, "bench")


@contextlib.contextmanager
def sendlimit(
    folder: Path,
    *,
    name: str,
    store: Mapping[str, str],
    server: PrivateMariaDB | None = None,
) -> Iterator[Contender]:
    """Run sendlimit on an empty database, with a daily limit for each mailbox.

    Args:
        folder: for its files; is made.
        name: for tables.
        store: the `[store]` table of its configuration.
        server: the database server behind the store, if there is one.
    """
    folder.mkdir()
    socket = folder / "milter.sock"
    daemon = Sendlimit(
        folder,
        {
            "state_dir": str(folder / "state"),
            "milter": {"socket": f"unix:{socket}", "socket_group": "postfix"},
            "store": dict(store),
            "calendar": {"timezone": "UTC"},
            "limits": {
                "global": {"messages_per_day": "unlimited"},
                "mailbox": {"messages_per_day": LIMIT_PER_DAY},
                "for": {END_TO_END_MAILBOX: {"mailbox": {"messages_per_day": "unlimited"}}},
            },
        },
    )
    (folder / "state").mkdir()
    made = daemon.command("db", "init")
    if made.exit_code != 0:
        msg = f"sendlimit db init failed:\n{made.stdout}{made.stderr}"
        raise ChildProcessError(msg)
    daemon.start()
    try:
        yield Contender(
            name=name,
            address=f"unix:{socket}",
            daemon=daemon.process.pid,
            store=server.process.pid if server else None,
        )
        daemon.stop()
    finally:
        daemon.kill()


@contextlib.contextmanager
def sendlimit_on_sqlite(folder: Path, *, name: str) -> Iterator[Contender]:
    """Run sendlimit on its embedded store."""
    store = {"url": f"sqlite:///{folder}/sendlimit.db"}
    with sendlimit(folder, name=name, store=store) as contender:
        yield contender
