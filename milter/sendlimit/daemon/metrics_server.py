"""The HTTP server that Prometheus asks for the metrics.

LIMITS: the server is plain HTTP and asks for no password: metrics.listen is for loopback or a
private network.
"""

from __future__ import annotations

import socket
import threading
from socketserver import TCPServer
from typing import TYPE_CHECKING
from wsgiref.simple_server import WSGIRequestHandler, make_server

from prometheus_client import make_wsgi_app
from prometheus_client.exposition import ThreadingWSGIServer

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

REQUEST_S = 10.0
"""How long a client may stay silent; without a bound it would keep a thread for ever."""


class _Request(WSGIRequestHandler):
    """One request, without a line in the log."""

    def log_message(self, *_: object) -> None:
        """Write nothing."""


class _Server(ThreadingWSGIServer):
    """Binds without asking DNS for its own name, which could delay the start."""

    def server_bind(self) -> None:
        """Bind."""
        TCPServer.server_bind(self)
        self.server_name, self.server_port = str(self.server_address[0]), self.server_address[1]
        self.setup_environ()


class _ServerIPv6(_Server):
    address_family = socket.AF_INET6


class MetricsServer:
    """The server on metrics.listen and its thread; lives until stop().

    Args:
        registry: what to show.
        host: an IPv4 or IPv6 address, or a name.
        port: TCP port.
        request_s: how long a client may stay silent, in seconds.

    Raises:
        OSError: the address can't be listened on.
    """

    def __init__(
        self, registry: CollectorRegistry, host: str, port: int, request_s: float = REQUEST_S
    ) -> None:
        self._server = make_server(
            host,
            port,
            make_wsgi_app(registry),
            _ServerIPv6 if ":" in host else _Server,
            type("_TimedRequest", (_Request,), {"timeout": request_s}),
        )
        self._thread = threading.Thread(
            target=self._server.serve_forever, name="metrics", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
