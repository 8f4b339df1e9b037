"""What the parts of the daemon take from the config file."""

from __future__ import annotations

import os
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sendlimit.config.reading import read_password
from sendlimit.daemon.server_state import SessionSettings
from sendlimit.errors import ConfigError, StoreUnavailable, UnusableFile
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.precedence import Rules
from sendlimit.store.connection import open_connection
from sendlimit.store.location import SQLiteLocation, parse_url
from sendlimit.store.mariadb import MariaDBStore
from sendlimit.store.sqlite import SQLiteStore
from sendlimit.store.tls import tls_context
from sendlimit.store.unreadable import ignored

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.config import Config
    from sendlimit.rules.suspicion import SuspendRule
    from sendlimit.store import Store
    from sendlimit.store.connection import Connection
    from sendlimit.store.unreadable import Report


def counting_settings(config: Config) -> CountingSettings:
    """Return the settings of the ledger and the committer."""
    return CountingSettings(
        file=Rules(config.file_settings()),
        calendar=config.make_calendar(),
        observe=config.mode == "observe",
        warn_at_percent=None if config.notify is None else config.notify.warn_at_percent,
    )


def suspend_rule(config: Config) -> SuspendRule | None:
    """Return when logins are suspended; None: never."""
    section = config.suspend
    return None if section is None else section.rule(observe=config.mode == "observe")


def store_connection(config: Config, path: Path) -> Callable[[], Connection]:
    """Return what opens a connection to the store, beside that of the ledger.

    Raises:
        UnusableFile: the password can't be read.
    """
    location = parse_url(config.store.url)
    if isinstance(location, SQLiteLocation):
        return partial(open_connection, location)
    password = StorePassword(config, path)
    return lambda: open_connection(location, password())


def session_settings(config: Config) -> SessionSettings:
    """Return the settings of the milter sessions; in observe mode nothing is refused (R12)."""
    observe = config.mode == "observe"
    return SessionSettings(
        calendar=config.make_calendar(),
        wording=config.wording(),
        default_domain=config.identity.default_domain,
        exempt=config.identity.exempt_keys(),
        exempt_clients=config.identity.exempt_networks(),
        observe=observe,
        refuse_at_end=config.reply.at == "end-of-message",
        tempfail=config.store.on_failure == "tempfail" and not observe,
        data_callback=config.milter.path is None,
        local_transports=frozenset(config.counting.local_transports),
    )


class StorePassword:
    """The password of the store, read again for each connection: it may have been changed.

    A file that can't be read, or is empty while it is replaced, leaves the one that was known.

    Args:
        config: names the file.
        path: of the config file, for errors.

    Raises:
        ConfigError: it can't be read.
    """

    def __init__(self, config: Config, path: Path) -> None:
        self._read = partial(read_password, config, path)
        self._known = self._read()

    def __call__(self) -> str:
        """Return the password that holds now."""
        with suppress(ConfigError):
            self._known = self._read() or self._known
        return self._known


def make_store(config: Config, path: Path, report: Report = ignored) -> Store:
    """Return the store of store.url, not yet connected.

    Args:
        config: the settings.
        path: of their file, to name in errors.
        report: called with each row that can't be read.

    Raises:
        UnusableFile: the password, or a file for TLS, can't be read.
    """
    location = parse_url(config.store.url)
    if isinstance(location, SQLiteLocation):
        return SQLiteStore(location, report)
    if location.tls is not None:
        try:
            tls_context(location.tls)
        except StoreUnavailable as error:
            raise UnusableFile([f"{path}: store.url: {error}"]) from error
    return MariaDBStore(location, StorePassword(config, path), report=report)


def make_state_dir(config: Config, path: Path) -> Path:
    """Return state_dir; make the directory if it does not exist.

    Raises:
        UnusableFile: it can't be made or written.
    """
    return _made("state_dir", Path(config.state_dir), path)


def make_journal_dir(config: Config, path: Path) -> Path:
    """Return the directory of the crash journal, which is state_dir or made as that.

    Raises:
        UnusableFile: it can't be made or written.
    """
    if config.journal_dir is None:
        return make_state_dir(config, path)
    return _made("journal_dir", Path(config.journal_dir), path)


def _made(key: str, folder: Path, path: Path) -> Path:
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as error:
        raise UnusableFile([f"{path}: {key}: {folder} can't be made: {error.strerror}"]) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UnusableFile([f"{path}: {key}: {folder} can't be written by this user"])
    return folder
