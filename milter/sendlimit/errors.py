"""The errors that a command or the daemon reports to an admin, in one tree.

SendlimitError
  ConfigError          the configuration file is wrong (exit code 2)
    UnusableFile       a file or folder that it names can't be used now (exit code 1)
  LoginMapError        the map of logins is missing or broken
  SocketInUse          another daemon answers on the milter socket
  ListenError          libmilter can't listen, or has ended by itself
  StateDirInUse        another daemon has locked state_dir or journal_dir
  DatabaseInUse        another daemon has locked the SQLite file
  JournalError         the crash journal can't be made or looked for
  StoreError           anything the database answers that is not a result
    StoreUnavailable   no connection, or it was lost: the outcome is unknown
      StoreDenied      the database knows no such user or password, or forbids a statement
    StoreStuck         a transaction does not end, so nothing is decided
      NotHandedOver    another daemon on the same database decides, and keeps the lease
    BatchFault         an error of sendlimit ended a batch, so nothing was decided
    StoreConflict      rolled back by the database: read again and redo
    LeaseLost          another daemon decides, or the database is not the one that was left
    ChangedMeanwhile   another admin has changed the row that was to be replaced
    SchemaError        the tables are missing, too old or too new
      NoSuchDatabase   the server has no database of this name
      NoSuchTable      the database has no table or column of this name
  PostfixError         Postfix's configuration can't be read or changed safely

A class's docstring is its default message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Iterator


class SendlimitError(Exception):
    """Something went wrong in sendlimit."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str | None = None) -> None:
        """Take the message, or the class docstring when there is none."""
        super().__init__(message or (type(self).__doc__ or "").strip())


class ConfigError(SendlimitError):
    """The configuration file is wrong.

    Attributes:
        problems: one sentence each, "FILE: KEY: what is wrong, what is allowed".
    """

    exit_code = 2

    def __init__(self, problems: list[str]) -> None:
        """Take all problems found, at least one."""
        super().__init__("\n".join(problems))
        self.problems = problems


class UnusableFile(ConfigError):  # noqa: N818 - reads as the fact it reports
    """A file or folder that the configuration names can't be used now.

    That may pass (a full disk, a password that is being replaced), so it has not the exit code
    after which systemd never tries again.
    """

    exit_code = 1


class LoginMapError(SendlimitError):
    """The map of logins (identity.map_file, identity.map_query) is missing or broken."""


class SocketInUse(SendlimitError):  # noqa: N818 - reads as the fact it reports
    """Another daemon answers on the milter socket: stop it first, or set another milter.socket."""


class ListenError(SendlimitError):
    """libmilter can't listen on milter.socket."""


class StateDirInUse(SendlimitError):  # noqa: N818 - reads as the fact it reports
    """Another daemon uses the same directory."""


class DatabaseInUse(SendlimitError):  # noqa: N818 - reads as the fact it reports
    """Another daemon uses the same SQLite file: stop it first, or set another store.url."""


class JournalError(SendlimitError):
    """The crash journal can't be made or looked for."""


class StoreError(SendlimitError):
    """The database refused a statement."""


class StoreUnavailable(StoreError):  # noqa: N818 - reads as the fact it reports
    """The database can't be reached, or the connection was lost."""


class StoreDenied(StoreUnavailable):
    """The database knows no such user or password, or forbids the statement."""


class StoreStuck(StoreError):  # noqa: N818 - reads as the fact it reports
    """A transaction does not end: the database waits for a lock, or does not answer."""


class NotHandedOver(StoreStuck):
    """Another daemon on the same database decides, and does not let go."""


class BatchFault(StoreError):  # noqa: N818 - reads as the fact it reports
    """An error of sendlimit ended a batch."""


class StoreConflict(StoreError):  # noqa: N818 - reads as the fact it reports
    """The database rolled the transaction back (deadlock or lock wait): it can be done again."""


class LeaseLost(StoreError):  # noqa: N818 - as the others
    """The lease on the database has another holder or another beat."""


class ChangedMeanwhile(StoreError):  # noqa: N818 - reads as the fact it reports
    """Another one has changed it meanwhile: nothing was set."""


class SchemaError(StoreError):
    """The tables are missing or of another version: run 'sendlimit db status'."""


class NoSuchDatabase(SchemaError):  # noqa: N818 - reads as the fact it reports
    """There is no such database: run 'sendlimit db init'."""


class NoSuchTable(SchemaError):  # noqa: N818 - reads as the fact it reports
    """The database has no such table or column: run 'sendlimit db status'."""


class PostfixError(SendlimitError):
    """Postfix's configuration can't be read or changed safely."""


def causes(error: BaseException | None) -> Iterator[BaseException]:
    """Yield an error, what it came from, what that came from, and so on."""
    while error is not None:
        yield error
        error = error.__cause__ or error.__context__
