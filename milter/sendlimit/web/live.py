"""The configuration while `sendlimit web` runs: loaded again by SIGHUP, its map of logins read again.

FAILURE: a wrong file is reported, and the configuration before stays; so does the last map of logins.
LIMITS: sockets, their owners and the store are those of the start.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from typing import TYPE_CHECKING

from sendlimit import maillog
from sendlimit.config.login_map_reader import LoginMapReader
from sendlimit.config.reading import load
from sendlimit.errors import ConfigError
from sendlimit.reports.context import ReportContext

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sendlimit.config import Config
    from sendlimit.rules.login_map import LoginMap

_AT_START = ("listen", "admin_socket", "admin_socket_owner", "read_socket", "read_socket_owner")
"""Keys of [web] that are looked at once."""


class LiveContext:
    """What reports are made with at the moment.

    Attributes:
        context: replaced as a whole, under `_lock`, by the event loop's thread and by the one
            that reads the map of logins; any thread may read it.
    """

    def __init__(self, context: ReportContext) -> None:
        self.context = context
        self._lock = threading.Lock()

    def use(self, config: Config) -> None:
        """Use another configuration from now on, with the map that there is."""
        context = ReportContext.of(config)
        with self._lock:
            self.context = replace(context, login_map=self.context.login_map)

    def use_login_map(self, found: LoginMap | None) -> None:
        """Use another map of logins from now on."""
        with self._lock:
            self.context = replace(self.context, login_map=found)


class Reloading:
    """Brings a LiveContext up to date; belongs to the event loop's thread.

    Args:
        path: the configuration file.
        config: as loaded at the start.
        use_level: sets how much is logged.
    """

    def __init__(self, path: Path, config: Config, use_level: Callable[[str], None]) -> None:
        self.live = LiveContext(ReportContext.of(config))
        self._path = path
        self._config = config
        self._use_level = use_level
        self._map = LoginMapReader(self.live.use_login_map, path)

    def start(self) -> None:
        """Read the map of logins, if there is one."""
        self._map.use(self._config)

    def reload(self) -> None:
        """Load the file again; whatever is wrong with it, the configuration before stays."""
        try:
            config = load(self._path)
        except ConfigError as error:
            maillog.config_rejected(error.problems)
            return
        if config.web is None:
            maillog.config_rejected([f"{self._path}: web: is missing; stop the process instead"])
            return
        for key in _restart_needed(self._config, config):
            maillog.restart_needed(key)
        self._config = config
        self._use_level(config.log.level)
        self.live.use(config)
        self._map.use(config, wait_s=0.0)

    def stop(self) -> None:
        """Read no map any more."""
        self._map.stop()


def _restart_needed(before: Config, after: Config) -> list[str]:
    """Return the keys that have changed and are looked at at a start only."""
    changed = [
        f"web.{key}" for key in _AT_START if getattr(before.web, key) != getattr(after.web, key)
    ]
    if before.store.url != after.store.url:
        changed.append("store.url")
    return changed
