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
    from collections.abc import Callable
    from pathlib import Path

    from sendlimit.config import Config
    from sendlimit.rules.login_map import LoginMap

REFRESH_S = 60.0
FIRST_READ_S = 5.0
"""How long the start and a reload wait for the map."""


class LoginMapReader:
    """Keeps a program's map of logins up to date; lives as long as the program.

    The main thread writes `_config` and `_stopping`, the reader's thread reads them and alone
    touches `_found` and `_error`.

    Args:
        replace: called with the map as a whole, by the reader's thread; None, where the
            configuration names none, by the thread that calls use().
        path: the config file.
        refresh_s: seconds between two looks.
    """

    def __init__(
        self,
        replace: Callable[[LoginMap | None], None],
        path: Path,
        refresh_s: float = REFRESH_S,
    ) -> None:
        self._replace = replace
        self._path = path
        self._refresh_s = refresh_s
        self._config: Config | None = None
        self._stopping = False
        self._found: LoginMap | None = None
        self._error = ""
        self._wanted = threading.Event()
        self._read_once = threading.Event()
        self._thread: threading.Thread | None = None

    def use(self, config: Config, wait_s: float = FIRST_READ_S) -> None:
        """Read the map that a configuration names, now and from time to time.

        Args:
            config: the configuration.
            wait_s: how long to wait for the first reading.
        """
        self._config = config
        if not config.identity.has_map:
            self._replace(None)
            return
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="login-map", daemon=True)
            self._thread.start()
        self._read_once.clear()
        self._wanted.set()
        self._read_once.wait(wait_s)

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
        self._replace(found)
        if was_broken or found != self._found:
            self._found = found
            maillog.login_map_loaded(len(found))
