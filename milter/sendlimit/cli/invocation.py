"""What every command has: the configuration, the database, the clock."""

from __future__ import annotations

import time
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import click

from sendlimit.cli.admin import admin_name
from sendlimit.cli.printing import print_note
from sendlimit.config.login_map import read_login_map
from sendlimit.config.reading import default_path, load, read_password
from sendlimit.errors import LoginMapError, SchemaError
from sendlimit.reports.context import ReportContext
from sendlimit.rules.limit import Scope
from sendlimit.rules.precedence import Rules
from sendlimit.rules.subject import mailbox_subject
from sendlimit.store.changes import Author, wait_until_heard
from sendlimit.store.connection import open_connection
from sendlimit.store.location import Location, SQLiteLocation, parse_url
from sendlimit.store.migrations import schema_version
from sendlimit.store.owner import rights_of_owner
from sendlimit.store.rows import check_version

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from sendlimit.config import Config
    from sendlimit.doctor.examination import Examination
    from sendlimit.rules.limit import LimitName, Settings
    from sendlimit.rules.login_map import LoginMap
    from sendlimit.rules.override import Override
    from sendlimit.rules.subject import Subject
    from sendlimit.rules.window import Calendar
    from sendlimit.store.changes import Made
    from sendlimit.store.connection import Connection

T = TypeVar("T")


@dataclass
class Invocation:
    """One run of the command; files and database are opened when they are asked for.

    Attributes:
        clock: says what time it is, seconds since 1970.
        sleep: waits for some seconds.
        given_path: --config, wherever it was written; None: not given.
        debug: show where an error came from.
        monotonic: seconds of a clock that only goes forward.
    """

    clock: Callable[[], float] = time.time
    sleep: Callable[[float], None] = time.sleep
    given_path: Path | None = None
    debug: bool = False
    monotonic: Callable[[], float] = time.monotonic

    @property
    def path(self) -> Path:
        """The configuration file."""
        return self.given_path or default_path()

    @cached_property
    def config(self) -> Config:
        """The configuration, read once."""
        return load(self.path)

    @cached_property
    def context(self) -> ReportContext:
        """What reports are made with."""
        return ReportContext.of(self.config)

    @property
    def calendar(self) -> Calendar:
        """The configured calendar."""
        return self.context.calendar

    @property
    def file_settings(self) -> Settings:
        """The limits of the file."""
        return self.context.file_settings

    @property
    def location(self) -> Location:
        """Where the database is."""
        return parse_url(self.config.store.url)

    def now(self) -> int:
        """Return the time of the call, whole seconds since 1970."""
        return int(self.clock())

    def author(self) -> Author:
        """Return who changes something by this command."""
        return Author(admin_name(), "command", self.now())

    def wait_for_daemon(self, connection: Connection, made: Made[T]) -> None:
        """Wait until the daemon has applied a change; print a note when it has not."""
        said = wait_until_heard(connection, made, self.monotonic, self.sleep)
        if said is not None:
            print_note(said)

    def rules_without_boosts(self, lasting: Mapping[tuple[str, LimitName], Override]) -> Rules:
        """Return the settings of the file and these overrides."""
        return Rules(self.file_settings).with_rows(row.setting for row in lasting.values())

    def subject(self, text: str, connection: Connection) -> Subject:
        """Read a SUBJECT of the command line; another spelling of a login is its mailbox.

        Raises:
            click.UsageError: it names no subject.
        """
        try:
            subject = self.context.subject(text, connection)
        except ValueError as error:
            raise click.UsageError(f"SUBJECT: {error}") from error
        if subject.scope is not Scope.MAILBOX or self.login_map is None:
            return subject
        mailbox = mailbox_subject(self.login_map.sender_of(text.strip()).mailbox)
        if mailbox != subject:
            print_note(f"{text.strip()} is another spelling of {mailbox.key}")
        return mailbox

    @cached_property
    def login_map(self) -> LoginMap | None:
        """Other spellings of logins; None without any, or when they can't be read."""
        try:
            return read_login_map(self.config, self.path)
        except LoginMapError as error:
            print_note(str(error))
            return None

    def examination(self) -> Examination:
        """Return the checks of what the configuration names.

        Raises:
            ConfigError: the configuration is wrong.
        """
        from sendlimit.doctor.examination import Examination  # noqa: PLC0415 - 8 MB, of two commands

        return Examination(
            path=self.path, config=self.config, connect=self.connection, clock=self.clock
        )

    @contextmanager
    def connection(self) -> Iterator[Connection]:
        """Open the database, whatever its tables are.

        Raises:
            StoreError: it can't be reached.
            SchemaError: SQLite's file is not there; opening it would make an empty one.
        """
        location = self.location
        with ExitStack() as stack:
            if isinstance(location, SQLiteLocation):
                file = Path(location.path)
                if not file.exists():
                    raise SchemaError(f"{location}: there is no such file: run 'sendlimit db init'")
                stack.enter_context(rights_of_owner(file))
            connection = open_connection(location, read_password(self.config, self.path))
            stack.callback(connection.close)
            yield connection

    @contextmanager
    def database(self) -> Iterator[Connection]:
        """Open the database with the tables of this release.

        Raises:
            StoreError: it can't be reached.
            SchemaError: the tables are missing or of another version.
        """
        with self.connection() as connection:
            check_version(schema_version(connection), self.location)
            yield connection


pass_invocation = click.make_pass_decorator(Invocation)


def chosen_path() -> Path:
    """Return the configuration file of the running command, for commands that take it themselves."""
    context = click.get_current_context(silent=True)
    invocation = context.find_object(Invocation) if context else None
    return invocation.path if invocation else default_path()
