"""The demo's servers: Postfix, Dovecot, sendlimit, and a database that can be taken away."""

import contextlib
import json
import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol

from support.rig.daemon import Sendlimit
from support.rig.dovecot import PrivateDovecot
from support.rig.mariadb import Database, PrivateMariaDB
from support.rig.postfix import RECOMMENDED_MILTERS, PrivatePostfix
from support.rig.process import private_folder, running

MAILBOX_LIMIT = 3
SERVER_LIMIT = 8

_LIMITS = f"""\
[limits]
mailbox.messages_per_day = {MAILBOX_LIMIT}
global.messages_per_day = {SERVER_LIMIT}
"""
_CONFIG = """\
state_dir = "{folder}/state"

[milter]
socket = "unix:{socket}"

[calendar]
day_starts_at = "{day_starts_at}"

[store]
{store}
{limits}"""
_LAST_HOUR = 23


class DemoStore(Protocol):
    """A database for the demo.

    Attributes:
        name: what it is, with its version.
        settings: lines of the table [store].
        loss: how it is taken away, as a sentence.
        rescue: how it comes back, as a sentence.
    """

    name: str
    settings: str
    loss: str
    rescue: str

    def take_away(self) -> None:
        """Make it unreachable."""

    def give_back(self) -> None:
        """Make it reachable again, with all that was in it."""


class SQLiteInFolder:
    """An SQLite file in a folder of its own, which can be moved away."""

    loss = "The folder of the database file is moved away."
    rescue = "The folder is moved back."

    def __init__(self, folder: Path) -> None:
        """Make the folder; sendlimit makes the file."""
        self.name = f"SQLite {sqlite3.sqlite_version}"
        self.settings = f'url = "sqlite:///{folder}/sendlimit.db"\n'
        self._folder = folder
        self._elsewhere = folder.with_name("elsewhere")
        folder.mkdir()

    def take_away(self) -> None:
        """Move the folder."""
        self._folder.rename(self._elsewhere)

    def give_back(self) -> None:
        """Move it back."""
        self._elsewhere.rename(self._folder)


class MariaDBServer:
    """A private MariaDB, which can be killed."""

    loss = "MariaDB is killed (kill -9)."
    rescue = "MariaDB is started again."

    def __init__(self, server: PrivateMariaDB, database: Database) -> None:
        """Take a running server with an empty database."""
        self.name = f"MariaDB {server.query('SELECT VERSION()')[0][0]}"
        self.settings = "".join(
            f'{key} = "{value}"\n' for key, value in database.store_settings.items()
        )
        self._server = server

    def take_away(self) -> None:
        """Kill the server."""
        self._server.kill()

    def give_back(self) -> None:
        """Start it again."""
        self._server.start()


@dataclass(frozen=True)
class Stage:
    """Everything that runs while the demo does."""

    postfix: PrivatePostfix
    sendlimit: Sendlimit
    store: DemoStore
    limits: str = _LIMITS

    def used(self, subject: str) -> int:
        """Return how many messages `sendlimit show` has for a mailbox or `global` today."""
        scope = "mailbox" if "@" in subject else "global"
        return next(
            int(limit["used"])
            for limit in json.loads(self.run("show", subject, "--json"))["limits"]
            if limit["limit"] == f"{scope}.messages_per_day"
        )

    def run(self, *words: str) -> str:
        """Run a command of sendlimit and return what it prints.

        Raises:
            ChildProcessError: it failed.
        """
        done = self.sendlimit.command(*words)
        if done.exit_code != 0:
            raise ChildProcessError(f"sendlimit {' '.join(words)}: {done.stderr}")
        return done.stdout


@contextlib.contextmanager
def set_stage(*, mariadb: bool) -> Iterator[Stage]:
    """Start all servers in one folder of their own; end and remove everything afterwards."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(private_folder("demo"))
        store = _start_mariadb(stack, folder) if mariadb else SQLiteInFolder(folder / "database")
        dovecot = stack.enter_context(running(PrivateDovecot(folder / "dovecot")))
        postfix = stack.enter_context(
            running(
                PrivatePostfix(
                    folder / "postfix", sasl_path=dovecot.sasl_path, milters=RECOMMENDED_MILTERS
                )
            )
        )
        sendlimit = Sendlimit(folder / "sendlimit", _config(folder, postfix, store))
        stage = Stage(postfix, sendlimit, store)
        if mariadb:
            stage.run("db", "init")
        stack.enter_context(running(sendlimit))
        yield stage


def _start_mariadb(stack: contextlib.ExitStack, folder: Path) -> MariaDBServer:
    server = stack.enter_context(running(PrivateMariaDB(folder / "mariadb")))
    return MariaDBServer(server, server.create_database("sendlimit", "sendlimit", "secret"))


def _config(folder: Path, postfix: PrivatePostfix, store: DemoStore) -> str:
    # No midnight during the demo: it would start the counters at zero.
    late = datetime.now().astimezone().hour == _LAST_HOUR
    return _CONFIG.format(
        folder=folder,
        socket=postfix.milter_socket,
        day_starts_at="12:00" if late else "00:00",
        store=store.settings,
        limits=_LIMITS,
    )
