"""The thread that reads the spellings of logins, at the start, at a reload and once a minute.

FAILURE: a map that is missing or broken is logged once, and the last one stays in force; at a start
without one each spelling is a mailbox of its own.
LIMITS: a spelling holds up to REFRESH_S after it was changed.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from sendlimit import maillog
from sendlimit.config.login_map import read_login_map
from sendlimit.errors import ConfigError, LoginMapError

if TYPE_CHECKING:
    from pathlib import Path

    from sendlimit.config import Config
    from sendlimit.daemon.server_state import ServerState

REFRESH_S = 60.0
FIRST_READ_S = 5.0
"""How long the start and a reload wait for the map."""


class LoginMapReader:
    """Keeps `ServerState.login_map` up to date; lives as long as the daemon.

    The main thread writes `_config` and `_stopping`, the reader's thread reads them and alone
    touches `_entries` and `_error`.

    Args:
        state: whose login_map it replaces as a whole.
        path: the config file.
        refresh_s: seconds between two looks.
    """

    def __init__(self, state: ServerState, path: Path, refresh_s: float = REFRESH_S) -> None:
        self._state = state
        self._path = path
        self._refresh_s = refresh_s
        self._config: Config | None = None
        self._stopping = False
        self._entries: int | None = None
        self._error = ""
        self._wanted = threading.Event()
        self._read_once = threading.Event()
        self._thread: threading.Thread | None = None

    def use(self, config: Config) -> None:
        """Read the map that a configuration names, now and from time to time."""
        self._config = config
        if not config.identity.has_map:
            self._state.login_map = None
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="login-map", daemon=True)
            self._thread.start()
        self._read_once.clear()
        self._wanted.set()
        self._read_once.wait(FIRST_READ_S)

    def stop(self) -> None:
        """Let the thread end."""
        self._stopping = True
        self._wanted.set()

    def _run(self) -> None:
        while not self._stopping:
            self._wanted.wait(self._refresh_s)
            self._wanted.clear()
            config = self._config
            if config is not None and config.identity.has_map and not self._stopping:
                self._read(config)
            self._read_once.set()

    def _read(self, config: Config) -> None:
        try:
            found = read_login_map(config, self._path)
        except (LoginMapError, ConfigError) as error:
            if str(error) != self._error:
                self._error = str(error)
                maillog.login_map_rejected(error)
            return
        except Exception:  # noqa: BLE001 - the thread's boundary
            maillog.fault("login-map")
            return
        was_broken, self._error = bool(self._error), ""
        if found is None or config is not self._config:
            return
        self._state.login_map = found
        if was_broken or len(found) != self._entries:
            self._entries = len(found)
            maillog.login_map_loaded(len(found))
