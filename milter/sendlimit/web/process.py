"""The process of `sendlimit web`: from the configuration to the end."""

from __future__ import annotations

import asyncio
import logging
import signal
import sys
from contextlib import contextmanager
from functools import partial
from typing import TYPE_CHECKING

import uvicorn

from sendlimit.config.reading import load, read_password
from sendlimit.errors import ConfigError
from sendlimit.store.location import parse_url
from sendlimit.web.access import Gate
from sendlimit.web.api.common import Service
from sendlimit.web.app import make_app
from sendlimit.web.database import Database
from sendlimit.web.live import Reloading
from sendlimit.web.peer import protocol_with_peers
from sendlimit.web.sockets import give_up_capabilities, open_sockets
from sendlimit.web.watch import watch_hours

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Iterator
    from pathlib import Path

    from sendlimit.config import Config

_LOG = logging.getLogger("sendlimit.web")
_CONNECTIONS_MAX = 200
_STOP_S = 5


class _Server(uvicorn.Server):
    """uvicorn's server, whose signals end it in good order: its own are raised again at the end.

    Args:
        config: uvicorn's.
        reload: called at SIGHUP.
        beside: runs beside the answers, until the end.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        reload: Callable[[], None],
        beside: Callable[[], Coroutine[None, None, None]],
    ) -> None:
        super().__init__(config)
        self._reload = reload
        self._beside = beside

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Stop at SIGTERM and SIGINT, load the configuration again at SIGHUP."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self.handle_exit, number, None)
        loop.add_signal_handler(signal.SIGHUP, self._reload)
        beside = loop.create_task(self._beside())
        yield
        beside.cancel()


def serve(path: Path) -> None:
    """Answer requests until SIGTERM or SIGINT; SIGHUP loads the configuration again.

    Args:
        path: of the configuration file.

    Raises:
        ConfigError: the file is wrong, or has no table [web].
        SendlimitError: a socket can't be made.
    """
    config = load(path)
    if config.web is None:
        raise ConfigError(
            [f"{path}: web: is missing; without this table there are no pages and no API"]
        )
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # until it can be obeyed
    log_to_stderr(config.log.level)
    reloading = Reloading(path, config, set_level)
    password = read_password(config, path)
    sockets = open_sockets(config.web)
    try:
        give_up_capabilities()
        database = Database(parse_url(config.store.url), password)
        reloading.start()
        service = Service(reloading.live, database, Gate(database))
        server = _Server(
            uvicorn.Config(
                make_app(service),
                http=protocol_with_peers(sockets.roles),
                ws="none",
                lifespan="off",
                log_config=None,
                access_log=False,
                server_header=False,
                date_header=True,
                proxy_headers=False,
                limit_concurrency=_CONNECTIONS_MAX,
                timeout_keep_alive=15,
                timeout_graceful_shutdown=_STOP_S,
            ),
            reloading.reload,
            partial(watch_hours, service),
        )
        _LOG.info("web: listening on %s", ", ".join(names_of(config)))
        server.run(sockets=sockets.listeners)
        database.close()
    finally:
        reloading.stop()
        sockets.remove()


def names_of(config: Config) -> list[str]:
    """Return what is listened on, as the configuration has it."""
    section = config.web
    if section is None:
        return []
    return [each for each in (section.listen, section.admin_socket, section.read_socket) if each]


def log_to_stderr(level: str) -> None:
    """Log a line an event to standard error, systemd's journal; uvicorn's warnings, too."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
    for name in ("sendlimit", "uvicorn"):
        log = logging.getLogger(name)
        log.handlers = [handler]
        log.propagate = False
    set_level(level)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)


def set_level(level: str) -> None:
    """Log so much from now on; a word of log.level."""
    logging.getLogger("sendlimit").setLevel(level.upper())
