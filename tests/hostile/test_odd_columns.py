"""A row of one subject is odd, in any column of any table: no other subject notices.

The rows are written past all checks, as they may have come in before there were checks. Tables
and columns are those of the schema, so a new column is tried without a word here.
"""

import itertools
import re
import secrets
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path

import pytest

from support.command_samples import Commands
from support.odd_rows import (
    ODD_VALUES,
    TABLES,
    OddTables,
    odd_mariadb,
    odd_sqlite,
    odd_subject,
)
from support.rig.counters import in_mariadb, in_sqlite
from support.rig.lone_daemon import LoneDaemon
from support.rig.process import running, wait_for
from support.web_client import WebClient, web_client, web_service

LIMIT = 2
LIMITS = {
    "global": {"messages_per_day": 10**6},
    "mailbox": {"messages_per_day": LIMIT, "messages_per_rolling_hour": 10**6},
    "for": {"odd.test": {"mailbox": {"messages_per_day": "unlimited"}}},
}
SANE = "sane@fine.test"
OWN_ODD_VALUES = (-1, 2**63 - 1, 1.5, "many")
UNDECIDED = "accepted-on-failure|store-down"
PAGES = [
    *("overview", "status", "top", "refusals", "changes", "limits", "suspensions"),
    *(f"usage/{SANE}", f"history/{SANE}", f"usage/{odd_subject(0)}", f"history/{odd_subject(0)}"),
]


class Odd:
    """One daemon on a store whose tables get odd rows.

    Attributes:
        daemon: it decides.
        tables: to write to.
        url: of the store, of a user without a password.
    """

    def __init__(self, daemon: LoneDaemon, tables: OddTables, url: str) -> None:
        self.daemon = daemon
        self.tables = tables
        self.web: WebClient = web_client(web_service(url, int(time.time())))
        self.fresh = map("sane{}@fine.test".format, itertools.count())

    def is_limited(self, numbers: Iterable[int] = ()) -> None:
        """Send from odd mailboxes, then from one that is none of them: it is limited exactly."""
        self.daemon.send_from(odd_subject(number) for number in numbers)
        sane = next(self.fresh)
        passed = self.daemon.send_from([sane] * (LIMIT + 1))
        assert passed == LIMIT, self.daemon.lines()[-12:]
        wait_for(partial(self.has_used, sane, LIMIT), 20, f"{sane} has used {LIMIT}")

    def has_used(self, subject: str, number: int) -> bool:
        """Tell whether a mailbox has used so much today."""
        query = "SELECT used FROM er_counter WHERE subject = %s AND `window` = 'day'"
        return [row[0] for row in self.tables.query(query, [subject])] == [number]


@pytest.fixture(
    scope="module", params=["sqlite", pytest.param("mariadb", marks=pytest.mark.mariadb)]
)
def odd(request: pytest.FixtureRequest, module_folder: Path) -> Iterator[Odd]:
    """One daemon for all tables of a store."""
    folder = module_folder / request.param
    folder.mkdir()
    with ExitStack() as stack:
        if request.param == "sqlite":
            file = folder / "sendlimit.db"
            store, url, tables = in_sqlite(file), f"sqlite:///{file}", partial(odd_sqlite, file)
        else:
            server = request.getfixturevalue("mariadb")
            name = f"o_{secrets.token_hex(6)}"
            database = server.create_database(name, name, secrets.token_urlsafe(9))
            stack.callback(server.drop_database, database)
            store, url = in_mariadb(server, database), database.url.replace(f"{name}@", "root@", 1)
            tables = partial(odd_mariadb, server.socket, name)
        daemon = stack.enter_context(running(LoneDaemon(folder, store.settings, LIMITS)))
        daemon.config_file.chmod(0o600)
        daemon.wait_for_mode("memory")
        odd = Odd(daemon, stack.enter_context(tables()), url)
        odd.is_limited()
        yield odd


@pytest.fixture
def look(odd: Odd, capsys: pytest.CaptureFixture[str]) -> Callable[[], None]:
    """Return what runs all commands and asks for all pages: none may end by an error of ours."""
    commands = Commands(odd.daemon.config_file, capsys)
    nowhere = f"--config-directory={odd.daemon.config_file.parent}/none"
    asked = [
        *(("show", SANE), ("show", odd_subject(0)), ("show", "global"), ("status",)),
        *(("limit", "list"), ("check",), ("doctor", nowhere), ("top",), ("refusals",)),
        *(("changes",), ("usage", "reset", SANE, "--yes"), ("suspensions",), ("suggest",)),
        *(("learn", "--dry-run"), ("web", "user", "list"), ("web", "token", "list")),
        *(("limit", "set", SANE, "mailbox.messages_per_hour", "7"), ("purge",)),
        *(("rename", odd_subject(1), odd_subject(2), "--dry-run"), ("db", "status")),
    ]

    def look() -> None:
        commands.now = int(time.time())
        for words in asked:
            code = commands(*words, "--json")
            said = commands.stdout + commands.stderr
            assert code in {0, 1}, (words, said)
            assert not re.search("unexpected|Traceback", said), (words, said)
        for page in PAGES:
            answer = odd.web("GET", f"/v1/{page}")
            assert answer.status == 200, (page, answer.body)

    return look


@pytest.mark.parametrize("table", sorted({*TABLES} - {"er_lease", "er_schema_version"}))
def test_odd_column(odd: Odd, look: Callable[[], None], table: str) -> None:
    """Rows with odd values in each column of a table; what the daemon can't read it names once."""
    undecided = len(odd.daemon.lines(UNDECIDED))
    numbers = itertools.count()
    for column in odd.tables.columns(table):
        some = list(itertools.islice(numbers, len(ODD_VALUES)))
        assert odd.tables.insert(table, column.name, some), column
        odd.is_limited(some)
    look()
    if table == "er_limit":
        odd.daemon.wait_for_lines(f"row-unreadable table={table}")
    odd.tables.clear(table)
    odd.is_limited()
    assert len(odd.daemon.lines(UNDECIDED)) == undecided
    named = odd.daemon.lines("row-unreadable")
    assert len(named) == len({*named})
    assert not odd.daemon.faults


@pytest.mark.parametrize("table", ["er_lease", "er_daemon", "er_committer"])
def test_own_row(odd: Odd, look: Callable[[], None], table: str) -> None:
    """Odd values in what the daemon writes of itself: it decides again, and counts what passed meanwhile."""
    for value in OWN_ODD_VALUES:
        for column in odd.tables.columns(table):
            odd.tables.update(table, column.name, value)
        fresh = next(odd.fresh)
        passed = odd.daemon.send_from([fresh] * (LIMIT + 1))
        wait_for(partial(odd.has_used, fresh, passed), 20, f"{fresh} has used {passed}")
    look()
    odd.tables.clear(table)
    wait_for(lambda: not odd.daemon.passes(SANE), 20, "a limit in force")
    odd.is_limited()
    assert not odd.daemon.faults


def test_odd_version(odd: Odd, look: Callable[[], None]) -> None:
    """A version of the tables that is none: commands say so, the daemon decides on."""
    for number, column in enumerate(odd.tables.columns("er_schema_version")):
        odd.tables.insert("er_schema_version", column.name, range(200 * number, 400))
    odd.is_limited()
    look()
    odd.tables.clear("er_schema_version")
