"""The empty pymilter daemon and sendlimit itself, each with the store it is measured on."""

import contextlib
import re
import sqlite3
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from bench.contender import LIMIT_PER_DAY, Contender
from bench.peers import running
from bench.sampling import WrongCountError
from support.rig.daemon import Sendlimit
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.process import Process

# What MariaDB has without any configuration; the rig's servers are smaller.
_MARIADB_DEFAULTS = ("--innodb-buffer-pool-size=128M", "--innodb-log-file-size=96M")
EMPTY = "empty pymilter"
DIRECT = "empty pymilter, direct callbacks"
EMPTY_RCPT = "empty pymilter, RCPT answered"
"""Postfix waits for one answer more a mail, as it does for EVERYTHING."""
ON_MARIADB = "sendlimit, MariaDB"
SHARED = "sendlimit, MariaDB, shared"
"""As with a second daemon on the database."""
ON_SQLITE = "sendlimit, SQLite"
EVERYTHING = "sendlimit, MariaDB, everything on"
"""With all that stops a stolen password: see everything_on()."""
NOT_EXTERNAL = "sendlimit, MariaDB, all but external"
"""The same without a limit on external mail, for which RCPT is answered: one round trip more a mail."""
_COUNTED = "SELECT used FROM er_counter WHERE `window` = 'ever'"
_NEVER_REACHED = 10**12
END_TO_END_MAILBOX = "bench@dom000.test"
"""The one mailbox that sends all mail through Postfix, without a limit."""


@contextlib.contextmanager
def empty(folder: Path, *, direct: bool = False, answers_rcpt: bool = False) -> Iterator[Contender]:
    """Run the empty pymilter daemon.

    Args:
        folder: for its files; is made.
        direct: without pymilter's Python classes.
        answers_rcpt: with an answer to RCPT, too; not with direct.
    """
    folder.mkdir()
    socket = folder / "milter.sock"
    program = Path(__file__).with_name("empty_daemon.py")
    words: list[str | Path] = [
        sys.executable,
        program,
        f"unix:{socket}",
        *["--direct"] * direct,
        *["--answers-rcpt"] * answers_rcpt,
    ]
    process = Process("empty", words, folder / "empty.log")
    with running(process, socket):
        socket.chmod(0o666)  # for Postfix
        name = DIRECT if direct else EMPTY_RCPT if answers_rcpt else EMPTY
        yield Contender(name=name, address=f"unix:{socket}", daemon=process.pid)


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


def unit_environment() -> dict[str, str]:
    """Return the variables that the systemd unit sets for the daemon."""
    unit = Path(__file__).parents[1] / "systemd" / "sendlimit.service"
    lines = re.findall(r"^Environment=(\w+)=(.*)$", unit.read_text(encoding="utf-8"), re.MULTILINE)
    return dict(lines)


@contextlib.contextmanager
def sendlimit(  # noqa: PLR0913 - each by its name
    folder: Path,
    *,
    name: str,
    store: Mapping[str, str],
    counted: Callable[[], int],
    server: PrivateMariaDB | None = None,
    allowed: str = "$^",
    more: Mapping[str, Mapping[str, object]] | None = None,
) -> Iterator[Contender]:
    """Run sendlimit with a daily limit for each mailbox; its tables are made if need be.

    Args:
        folder: for its files; is made.
        name: for tables.
        store: the `[store]` table of its configuration.
        counted: returns how many mails the store has counted.
        server: the database server behind the store, if there is one.
        allowed: a pattern of warnings and errors in the log that belong to what is measured.
        more: tables of its configuration, which replace those of this one.

    Raises:
        WrongCountError: the log has a warning, an error or a trace that is not allowed.
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
            **(more or {}),
        },
        env=unit_environment(),
    )
    (folder / "state").mkdir()
    made = daemon.command("db", "init")
    if made.exit_code != 0:
        msg = f"sendlimit db init failed:\n{made.stdout}{made.stderr}"
        raise ChildProcessError(msg)
    begun_s = time.monotonic()
    daemon.start()
    try:
        yield Contender(
            name=name,
            begun_s=begun_s,
            address=f"unix:{socket}",
            daemon=daemon.process.pid,
            store=server.process.pid if server else None,
            counted=counted,
            lines=daemon.lines,
        )
        daemon.stop()
        if found := _faults(daemon, allowed):
            raise WrongCountError(f"the log of {name} has: {found[0]}")
    finally:
        daemon.kill()


def _faults(daemon: Sendlimit, allowed: str) -> list[str]:
    return [
        line for line in daemon.lines("WARNING|ERROR|Traceback") if not re.search(allowed, line)
    ]


@contextlib.contextmanager
def sendlimit_on_mariadb(  # noqa: PLR0913 - each by its name
    folder: Path,
    server: PrivateMariaDB,
    where: Database,
    *,
    name: str,
    shared: bool = False,
    port: int | None = None,
    on_failure: str = "accept",
    allowed: str = "$^",
    more: Mapping[str, Mapping[str, object]] | None = None,
) -> Iterator[Contender]:
    """Run sendlimit on a database.

    Args:
        folder: for its files; is made.
        server: with the database.
        where: the database.
        name: for tables.
        shared: as with a second daemon: a url with two hosts never takes the lease.
        port: of a proxy on 127.0.0.1 that stands for the server; None: its unix socket.
        on_failure: store.on_failure.
        allowed: a pattern of warnings and errors in the log that belong to what is measured.
        more: tables of its configuration, which replace those of this one.
    """
    store = where.store_settings | {"on_failure": on_failure}
    if shared or port is not None:
        host = f"127.0.0.1:{port or where.port}"
        hosts = f"{host},{host}" if shared else host
        store["url"] = f"mariadb://{where.user}@{hosts}/{where.name}"
    with sendlimit(
        folder,
        name=name,
        store=store,
        counted=lambda: counted_in(server, where.name),
        server=server,
        allowed=allowed,
        more=more,
    ) as contender:
        yield contender


def everything_on(folder: Path, *, external: bool) -> dict[str, dict[str, object]]:
    """Return tables with learned limits, shares, rolling windows, external mail, suspension, a map.

    No limit is reached before the one of a mailbox that all contenders have.

    Args:
        folder: for the map of logins; is made.
        external: with a limit on external mail.
    """
    folder.mkdir()
    logins = folder / "logins"
    logins.write_text("".join(f"login{n} mbox{n:06}@dom000.test\n" for n in range(1000)))
    learned = {"times": 2, "at_least": LIMIT_PER_DAY, "at_most": LIMIT_PER_DAY}
    mailbox = {
        "messages_per_day": {"learned": learned},
        "messages_per_rolling_day": LIMIT_PER_DAY,
        "messages_per_rolling_hour": LIMIT_PER_DAY,
        **({"external_recipients_per_day": LIMIT_PER_DAY} if external else {}),
    }
    return {
        "limits": {
            "global": {
                "messages_per_day": _NEVER_REACHED,
                "messages_per_rolling_day": _NEVER_REACHED,
            },
            "mailbox": {**mailbox, "share_of_global_percent": 50},
            "for": {END_TO_END_MAILBOX: {"mailbox": dict.fromkeys(mailbox, _NEVER_REACHED)}},
        },
        "identity": {
            "exempt_clients": ["10.0.0.0/8", "2001:db8::/32"],
            "map_file": str(logins),
        },
        "suspend": {"after_refusals": 1_000_000, "after_client_addresses": 1000},
    }


def counted_in(server: PrivateMariaDB, name: str) -> int:
    """Return how many mails a database has counted."""
    return int(server.query(_COUNTED, database=name)[0][0])


@contextlib.contextmanager
def sendlimit_on_sqlite(folder: Path, *, name: str) -> Iterator[Contender]:
    """Run sendlimit on its embedded store."""
    file = folder / "sendlimit.db"

    def counted() -> int:
        with contextlib.closing(sqlite3.connect(file, timeout=10)) as connection:
            return int(connection.execute(_COUNTED).fetchone()[0])

    store = {"url": f"sqlite:///{file}"}
    with sendlimit(folder, name=name, store=store, counted=counted) as contender:
        yield contender
