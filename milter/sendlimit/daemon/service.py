"""The daemon: it builds the parts, starts them, obeys signals and stops the parts in order.

FAILURE: with a wrong config file the daemon does not start; a running daemon keeps its settings.
A database that is away does not keep the daemon from starting.
"""

from __future__ import annotations

import gc
import os
import signal
import time
from functools import partial
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING

from sendlimit import __version__, maillog
from sendlimit.config.login_map_reader import LoginMapReader
from sendlimit.config.reading import load, read_password
from sendlimit.counting.state_dir_lock import lock_folder
from sendlimit.daemon.callbacks import run_libmilter
from sendlimit.daemon.counting_parts import counting_parts
from sendlimit.daemon.descriptors import DescriptorWatch, open_descriptors, raise_limit, soft_limit
from sendlimit.daemon.learner import Learner
from sendlimit.daemon.listener import Listener
from sendlimit.daemon.logsetup import LogWriter
from sendlimit.daemon.sdnotify import notify, watchdog_s
from sendlimit.daemon.server_state import ServerState
from sendlimit.daemon.settings import (
    counting_settings,
    make_journal_dir,
    make_state_dir,
    make_store,
    session_settings,
    store_connection,
    suspend_rule,
)
from sendlimit.daemon.status_writer import StatusWriter
from sendlimit.daemon.suspender import Suspender
from sendlimit.daemon.telemetry import Telemetry
from sendlimit.errors import ConfigError, ListenError
from sendlimit.store.location import parse_url
from sendlimit.store.sqlite import SQLiteStore

if TYPE_CHECKING:
    from pathlib import Path

    from sendlimit.config import Config

FIRST_CONNECT_S = 5.0
"""How long the start waits for the database before mail is taken without it."""
STOP_S = 20.0
"""How long a stop waits for the last batch; what is not booked then is written to state_dir."""
TICK_S = 1.0
"""Time between two checks that libmilter runs; with a watchdog it may be shorter."""
POLL_S = 0.01
NEEDS_RESTART = ("milter", "store", "state_dir", "journal_dir", "metrics")
"""Keys of the file that a reload does not change."""


_YOUNG_OBJECTS = 20_000
_COLLECTIONS = (20, 50)


def _collect_seldom() -> None:
    """Look for garbage in circles seldom: hardly any is made, and plans and counters are many objects.

    With a rolling window each mailbox gets new ones every minute, and the default looks at all
    of them again and again while mail waits, for a tenth of a second each time.
    """
    gc.freeze()
    gc.set_threshold(_YOUNG_OBJECTS, *_COLLECTIONS)


class Service:
    """One daemon; lives from serve() to its end, and the main thread alone uses it.

    Args:
        path: the config file.

    Raises:
        ConfigError: the file is wrong.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._config = config = load(path)
        self._listener = Listener(config.milter, path)
        self._log = LogWriter()
        self._telemetry = Telemetry(config, path)
        self._store = make_store(config, path, self._telemetry.row_unreadable)
        self._state_dir = make_state_dir(config, path)
        self._journal_dir = make_journal_dir(config, path)
        self._descriptors = DescriptorWatch()
        connect = store_connection(config, path)
        self._suspender = Suspender(connect, self._telemetry)
        self._learner = Learner(connect)
        self._signals: SimpleQueue[signal.Signals] = SimpleQueue()

    def serve(self) -> None:
        """Run until SIGTERM or SIGINT.

        Raises:
            SendlimitError: the daemon could not start, or libmilter has ended.
        """
        self._listener.claim()
        locks = [lock_folder(self._state_dir, "state_dir")]
        if self._journal_dir != self._state_dir:
            locks.append(lock_folder(self._journal_dir, "journal_dir"))
        if isinstance(self._store, SQLiteStore):
            self._store.claim()
        self._log.start(self._config.log.level, syslog=self._config.log.syslog)
        self._build()
        _collect_seldom()
        try:
            self._start()
            self._main_loop()
        finally:
            self._shutdown()
            for lock in locks:
                os.close(lock)

    def _build(self) -> None:
        """Put together what counts: it reads what an earlier start has left in state_dir."""
        config = self._config
        self._ledger, self._committer = counting_parts(
            config,
            self._store,
            self._telemetry,
            state_dir=self._state_dir,
            journal_dir=self._journal_dir,
        )
        self._state = ServerState(self._ledger, session_settings(config), self._telemetry)
        self._status = StatusWriter(self._state_dir, self._ledger, int(self._state.clock()))
        self._login_map = LoginMapReader(self._state.use_login_map, self._path)

    def _start(self) -> None:
        """Start each part before those that use it; libmilter, which brings mail, is the last."""
        self._state.refusals.merged = self._config.log.refusals == "merged"
        self._log_settings()
        raise_limit()
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            signal.signal(number, lambda number, _frame: self._signals.put(signal.Signals(number)))
        self._telemetry.start(self._ledger)
        self._committer.start(FIRST_CONNECT_S)
        self._login_map.use(self._config)
        self._watch_logins(self._config)
        self._learner.use(self._ledger.settings)
        self._listener.start(partial(run_libmilter, self._state))
        self._look_at_itself()
        maillog.started(__version__, self._config.milter.socket, parse_url(self._config.store.url))
        notify("READY=1")

    def _main_loop(self) -> None:
        """Obey signals until one of them is to stop.

        Raises:
            ListenError: libmilter has ended.
        """
        tick_s = min(watchdog_s() or TICK_S, TICK_S)
        while True:
            try:
                number = self._signals.get(timeout=tick_s)
            except Empty:
                self._check_libmilter()
                self._state.refusals.tick()
                self._look_at_itself()
                notify("WATCHDOG=1")
            else:
                if number == signal.SIGHUP:
                    self._reload()
                else:
                    maillog.stopping(number.name)
                    return

    def _check_libmilter(self) -> None:
        if not self._listener.alive():
            raise ListenError("libmilter has ended by itself; see the system's mail log")

    def _look_at_itself(self) -> None:
        """Report descriptors that run short, and write how the daemon is."""
        used, limit = open_descriptors(), soft_limit()
        self._status.tick(int(self._state.clock()), used, limit)
        if self._descriptors.runs_short(used, limit):
            maillog.descriptors_low(used, limit)

    def _reload(self) -> None:
        """Load the file again; whatever goes wrong, the settings before stay."""
        try:
            config = load(self._path)
            make_state_dir(config, self._path)
            make_journal_dir(config, self._path)
            read_password(config, self._path)  # used by the next connection
            counting, sessions = counting_settings(config), session_settings(config)
            self._telemetry.reload(config)
        except ConfigError as error:
            maillog.config_rejected(error.problems)
            return
        except Exception as error:  # noqa: BLE001 - the boundary of a reload
            maillog.fault("reload")
            maillog.config_rejected([f"{self._path}: {error!r}"])
            return
        self._log_restart_needed(config)
        self._config = config
        self._ledger.use(counting)
        self._state.settings = sessions
        self._state.lacks_rcpt_mailer = (
            False  # Postfix may have it again; it is asked for no longer
        )
        self._login_map.use(config)
        self._watch_logins(config)
        self._learner.use(counting)
        self._log.configure(config.log.level, syslog=config.log.syslog)
        self._state.refusals.merged = config.log.refusals == "merged"
        self._log_settings()

    def _watch_logins(self, config: Config) -> None:
        rule = suspend_rule(config)
        self._suspender.use(rule)
        self._state.suspender = None if rule is None else self._suspender

    def _shutdown(self) -> None:
        """Stop taking connections, end each part before those that it uses; what counts is the last.

        Mail of open sessions goes on until the process ends: it is counted all the time, in the
        end in the crash journal alone.
        """
        signal.signal(signal.SIGINT, lambda *_: os._exit(1))  # a second Ctrl-C ends at once
        notify("STOPPING=1")
        self._listener.close()
        self._wait_for_callbacks()
        self._telemetry.stop()
        self._login_map.stop()
        self._suspender.stop()
        self._learner.stop()
        booked = self._committer.stop(STOP_S)
        self._listener.remove()
        self._status.stop()
        self._state.refusals.close()
        maillog.stopped(booked=booked)
        self._log.stop()
        self._ledger.end(booked=booked)

    def _wait_for_callbacks(self) -> None:
        """Wait for the callbacks that run now, for no longer than a decision may take.

        The state is polled: a callback that signalled its end would cost time in each mail.
        """
        in_flight = set(self._state.busy)
        deadline = time.monotonic() + self._config.store.decision_timeout_s + 1
        while in_flight & self._state.busy and time.monotonic() < deadline:
            time.sleep(POLL_S)

    def _log_settings(self) -> None:
        self._status.loaded(self._config.mode, int(self._state.clock()))
        limits = sum(setting.max is not None for setting in self._config.settings())
        maillog.config_loaded(self._path, limits)
        if not limits:
            maillog.nothing_limited(self._path)

    def _log_restart_needed(self, config: Config) -> None:
        for key in NEEDS_RESTART:
            if getattr(config, key) != getattr(self._config, key):
                maillog.restart_needed(key)


def serve(path: Path) -> None:
    """Run the daemon with this config file until SIGTERM or SIGINT.

    Raises:
        SendlimitError: it could not start, or libmilter has ended.
    """
    Service(path).serve()
