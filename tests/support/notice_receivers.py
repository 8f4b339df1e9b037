"""Receivers of notices: an HTTP server that records posts, and one for SMTP that follows a script."""

import json
import socketserver
import ssl
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from support.rig.certificates import Signed
from support.rig.process import wait_for


@dataclass(frozen=True)
class Post:
    """One request that was received."""

    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> dict[str, Any]:
        """The JSON of the body."""
        document = json.loads(self.body)
        assert isinstance(document, dict)
        return document


@dataclass
class WebhookReceiver:
    """A real HTTP server on loopback.

    Attributes:
        url: where to post.
        posts: what came, in order.
        statuses: answered one after the other, the last one from then on.
        hangs: while it is set, requests are read and not answered.
    """

    url: str = ""
    posts: list[Post] = field(default_factory=list)
    statuses: list[int] = field(default_factory=lambda: [204])
    hangs: threading.Event = field(default_factory=threading.Event)
    goes_on: threading.Event = field(default_factory=threading.Event)

    def events(self) -> list[str]:
        """Return what was told, in order."""
        return [post.document["event"] for post in self.posts]

    def wait_for(self, count: int) -> list[Post]:
        """Wait until that many posts have come; return all."""
        wait_for(lambda: len(self.posts) >= count, 20, f"{count} posts", lambda: str(self.events()))
        return list(self.posts)


@contextmanager
def webhook_receiver(signed: Signed | None = None) -> Iterator[WebhookReceiver]:
    """Run a receiver until the block is left; what hangs then is let go.

    Args:
        signed: the certificate with which it speaks https; None: http.
    """
    receiver = WebhookReceiver()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            receiver.posts.append(Post(dict(self.headers.items()), body))
            if receiver.hangs.is_set():
                receiver.goes_on.wait()
            statuses = receiver.statuses
            status = statuses.pop(0) if len(statuses) > 1 else statuses[0]
            self.send_response(status)
            self.send_header("Location", "/elsewhere")
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    class Server(ThreadingHTTPServer):
        def handle_error(self, *_: object) -> None:
            """Say nothing about clients that hung up."""

    server = Server(("127.0.0.1", 0), Handler)
    if signed is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(signed.cert, signed.key)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    with _serving(server) as port:
        receiver.url = f"{'https' if signed else 'http'}://127.0.0.1:{port}/hook/secret-part"
        try:
            yield receiver
        finally:
            receiver.goes_on.set()


@contextmanager
def smtp_server(answers: Sequence[str]) -> Iterator[tuple[int, list[str]]]:
    """Run an SMTP server that greets and then answers each line from a script.

    Args:
        answers: to the greeting, EHLO, MAIL, RCPT, ... in order; after "354" the next one
            answers the message. When they are used up the connection is closed.

    Yields:
        The port, and the lines that came.
    """
    lines: list[str] = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            for answer in answers:
                self.wfile.write(f"{answer}\r\n".encode())
                while raw := self.rfile.readline():
                    line = raw.decode().rstrip("\r\n")
                    lines.append(line)
                    if not answer.startswith("354") or line == ".":
                        break

    class Server(socketserver.ThreadingTCPServer):
        daemon_threads = True

    with _serving(Server(("127.0.0.1", 0), Handler)) as port:
        yield port, lines


@contextmanager
def _serving(server: socketserver.TCPServer) -> Iterator[int]:
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_address[1]
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
