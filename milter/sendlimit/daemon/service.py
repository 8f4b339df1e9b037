"""The daemon: put the parts together, run, load the config again, leave in order.

FAILURE: a wrong config file does not start; a running daemon keeps the settings it has. A
database that is away at the start is no reason not to start.
"""

from __future__ import annotations

import os
import signal
import time
from functools import partial
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from sendlimit import __version__, maillog
from sendlimit.config.reading import load, read_password
from sendlimit.counting.committer import Committer, CommitterThread
from sendlimit.counting.ledger import Ledger
from sendlimit.counting.unbooked_file import UnbookedFile
from sendlimit.daemon.callbacks import run_libmilter
from sendlimit.daemon.listener import Listener
from sendlimit.daemon.logsetup import LogWriter
from sendlimit.daemon.sdnotify import notify, watchdog_s
from sendlimit.daemon.server_state import ServerState, SessionSettings
from sendlimit.daemon.telemetry import Telemetry
from sendlimit.errors import ConfigError, ListenError
from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.limit import Settings
from sendlimit.rules.precedence import Rules
from sendlimit.store.location import SQLiteLocation, parse_url
from sendlimit.store.mariadb import MariaDBStore
from sendlimit.store.sqlite import SQLiteStore

if TYPE_CHECKING:
    from sendlimit.config import Config
    from sendlimit.store import Store

_FIRST_LOOK_S = 5.0
_STOP_S = 20.0
_TICK_S = 1.0
_NEEDS_RESTART = ("milter", "store", "state_dir", "metrics")


def counting_settings(config: Config) -> CountingSettings:
    """Return what the file says about counting."""
    return CountingSettings(
        file=Rules(Settings.of(config.settings())),
        calendar=config.make_calendar(),
        observe=config.mode == "observe",
        warn_at_percent=None if config.notify is None else config.notify.warn_at_percent,
    )


def session_settings(config: Config) -> SessionSettings:
    """Return what the file says about sessions."""
    return SessionSettings(
        calendar=config.make_calendar(),
        wording=config.wording(),
        default_domain=config.identity.default_domain,
        exempt=config.identity.exempt_keys(),
        observe=config.mode == "observe",
        refuse_at_end=config.reply.at == "end-of-message",
        tempfail=config.store.on_failure == "tempfail",
        data_callback=config.milter.path is None,
    )


def make_store(config: Config, path: Path) -> Store:
    """Return the store of the url, not yet connected.

    Raises:
        ConfigError: the password can't be read.
    """
    location = parse_url(config.store.url)
    if isinstance(location, SQLiteLocation):
        return SQLiteStore(location)
    return MariaDBStore(location, read_password(config, path))


class Service:
    """One daemon; lives from serve() to its end."""

    def __init__(self, path: Path) -> None:
        """Read the config file.

        Raises:
            ConfigError: it is wrong.
        """
        self._path = path
        self._config = load(path)
        store = make_store(self._config, path)
        self._listener = Listener(self._config.milter, path)
        self._log = LogWriter()
        self._telemetry = Telemetry(self._config, path)
        self._ledger = Ledger(
            counting_settings(self._config), self._config.store.decision_timeout_s
        )
        state_dir = _state_dir(self._config, path)
        committer = Committer(self._ledger, store, UnbookedFile(state_dir), self._telemetry)
        self._committer = CommitterThread(committer, self._ledger)
        self._state = ServerState(self._ledger, session_settings(self._config), self._telemetry)
        self._signals: SimpleQueue[int] = SimpleQueue()

    def serve(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            SendlimitError: the daemon could not start.
        """
        self._listener.claim()
        try:
            self._start()
            self._main_loop()
        finally:
            self._shutdown()

    def _start(self) -> None:
        self._log.start(self._config.log.level)
        self._say_loaded()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda number, _frame: self._signals.put(number))
        self._telemetry.start(self._ledger)
        self._committer.start(_FIRST_LOOK_S)
        self._listener.start(partial(run_libmilter, self._state))
        maillog.started(__version__, self._config.milter.socket, parse_url(self._config.store.url))
        notify("READY=1")

    def _main_loop(self) -> None:
        """Wait for signals; a second one to stop is not waited for politely."""
        tick = min(watchdog_s() or _TICK_S, _TICK_S)
        while True:
            try:
                number = self._signals.get(timeout=tick)
            except Empty:
                if not self._listener.alive():
                    raise ListenError(
                        "libmilter has ended by itself; see the system's mail log"
                    ) from None
                notify("WATCHDOG=1")
                continue
            if number == signal.SIGHUP:
                self._reload()
                continue
            maillog.stopping(signal.Signals(number).name)
            signal.signal(signal.SIGINT, lambda *_: os._exit(1))
            return

    def _reload(self) -> None:
        """Load the file again; a wrong one changes nothing."""
        try:
            config = load(self._path)
            _state_dir(config, self._path)
            counting, sessions = counting_settings(config), session_settings(config)
            self._telemetry.reload(config)
        except ConfigError as error:
            maillog.config_rejected(error.problems)
            return
        for key in _NEEDS_RESTART:
            if getattr(config, key) != getattr(self._config, key):
                maillog.restart_needed(key)
        self._config = config
        self._ledger.use(counting)
        self._state.settings = sessions
        self._log.set_level(config.log.level)
        self._say_loaded()

    def _say_loaded(self) -> None:
        limits = sum(setting.max is not None for setting in self._config.settings())
        maillog.config_loaded(self._path, limits)
        if not limits:
            maillog.nothing_limited(self._path)

    def _shutdown(self) -> None:
        """Let callbacks in flight end, book what is owed, leave."""
        notify("STOPPING=1")
        self._listener.close()
        in_flight = set(self._state.busy)
        deadline = time.monotonic() + self._config.store.decision_timeout_s + 1
        while in_flight & self._state.busy and time.monotonic() < deadline:
            time.sleep(0.01)  # a callback that signalled its end would cost each mail
        booked = self._committer.stop(_STOP_S)
        self._telemetry.stop()
        self._listener.remove()
        maillog.stopped(booked=booked)
        self._log.stop()


def _state_dir(config: Config, path: Path) -> Path:
    """Return state_dir, made if need be.

    Raises:
        ConfigError: it can't be made or written.
    """
    folder = Path(config.state_dir)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o750)
    except OSError as error:
        raise ConfigError(
            [f"{path}: state_dir: {folder} can't be made: {error.strerror}"]
        ) from error
    if not os.access(folder, os.W_OK | os.X_OK):
        raise ConfigError([f"{path}: state_dir: {folder} can't be written by this user"])
    return folder


def serve(path: Path) -> None:
    """Run the daemon with this config file until it is told to stop.

    Raises:
        SendlimitError: it could not start.
    """
    Service(path).serve()
