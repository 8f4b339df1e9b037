"""How many mails wait to be booked, asked of the daemon's metrics."""

import asyncio
import socket
import threading

import pytest

from sendlimit.config.sections import MetricsSection
from sendlimit.web.pages.unbooked import unbooked_mails


def _asked(answer: bytes) -> int | None:
    def serve(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection:
            connection.recv(1000)
            connection.sendall(answer)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=serve, args=(listener,))
        thread.start()
        port = listener.getsockname()[1]
        found = asyncio.run(unbooked_mails(MetricsSection(listen=f"127.0.0.1:{port}")))
        thread.join()
    return found


@pytest.mark.parametrize(
    ("answer", "number"),
    [
        (b"HTTP/1.0 200 OK\r\n\r\n# HELP x\nsendlimit_unbooked_mails 17.0\n", 17),
        (b"HTTP/1.0 200 OK\r\n\r\nother 1\n", None),
        (b"", None),
    ],
)
def test_metrics(answer: bytes, number: int | None) -> None:
    """The number is that of the metric; without it, it is not known."""
    assert _asked(answer) == number


def test_off() -> None:
    """Without metrics it is not known; a daemon that is away neither."""
    assert asyncio.run(unbooked_mails(None)) is None
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert asyncio.run(unbooked_mails(MetricsSection(listen=f"127.0.0.1:{port}"))) is None
