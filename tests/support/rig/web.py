"""A real `sendlimit web`, and a plain HTTP client for its port and its unix sockets."""

import http.client
import json as json_format
import os
import pwd
import socket
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from support.rig.daemon import CommandResult, Sendlimit
from support.rig.process import Process, accepts_connections, free_port

USER = pwd.getpwuid(os.getuid()).pw_name
PASSWORD = "correct horse battery"


_ASK = """
import socket, sys
with socket.socket(socket.AF_UNIX) as client:
    client.settimeout(10)
    client.connect(sys.argv[1])
    client.sendall(b"GET /v1/status HTTP/1.0\\r\\n\\r\\n")
    print(client.makefile().read())
"""


class Answer(NamedTuple):
    """What came back."""

    status: int
    body: bytes

    @property
    def json(self) -> Any:  # noqa: ANN401 - the test says what it expects
        """The body as JSON."""
        return json_format.loads(self.body)


class _UnixConnection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        """Take the path."""
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        """Connect."""
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(10)
        self.sock.connect(str(self._path))


class Web:
    """One `sendlimit web` with both unix sockets and a port.

    Attributes:
        port: of 127.0.0.1.
        admin_socket, read_socket: of this user, unless the test says otherwise.
    """

    def __init__(
        self, folder: Path, settings: Mapping[str, Any], web: Mapping[str, object] | None = None
    ) -> None:
        """Write the configuration; nothing is started.

        Args:
            folder: for the configuration, the sockets and the log.
            settings: the tables of the configuration but [web].
            web: keys of [web] in place of the usual ones.
        """
        self.port = free_port()
        self.admin_socket = Path(str((web or {}).get("admin_socket", folder / "admin.sock")))
        self.read_socket = folder / "read.sock"
        table = {
            "listen": f"127.0.0.1:{self.port}",
            "admin_socket": str(self.admin_socket),
            "admin_socket_owner": USER,
            "read_socket": str(self.read_socket),
            "read_socket_owner": USER,
        }
        self._sendlimit = Sendlimit(folder, {**settings, "web": {**table, **(web or {})}})
        if str(settings["store"]["url"]).startswith("sqlite:"):
            assert self.command("db", "init").exit_code == 0
        program = self._sendlimit.process.argv[0]
        self.process = Process(
            "sendlimit web",
            [program, "web", "--config", self._sendlimit.config_file],
            folder / "web.log",
        )

    @property
    def config_file(self) -> Path:
        """Its configuration."""
        return self._sendlimit.config_file

    @property
    def url(self) -> str:
        """Where the pages are."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it takes connections."""
        self.process.start()
        self.process.wait_until(lambda: accepts_connections(self.port), 90, "listens")

    def stop(self) -> int:
        """Ask it to end and return its exit code."""
        return self.process.stop()

    def command(self, *words: str, stdin: str = "") -> CommandResult:
        """Run `sendlimit words` with the same configuration."""
        return self._sendlimit.command(*words, stdin=stdin)

    def add_user(self, name: str) -> None:
        """Let a user log in with PASSWORD."""
        done = self.command("web", "user", "add", name, stdin=f"{PASSWORD}\n")
        assert done.exit_code == 0, done.stderr

    def token(self, name: str, role: str) -> str:
        """Make a token."""
        done = self.command("web", "token", "add", name, "--role", role)
        assert done.exit_code == 0, done.stderr
        return done.stdout.strip()

    def ask(
        self,
        method: str,
        target: str,
        json: object = None,
        *,
        over: Path | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """Send a request and read the answer.

        Args:
            method: of the request.
            target: path and query.
            json: the body.
            over: a unix socket; None: the port.
            headers: further ones.
        """
        connection = (
            http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
            if over is None
            else _UnixConnection(over)
        )
        body = None if json is None else json_format.dumps(json)
        sent = {**({"Content-Type": "application/json"} if body else {}), **(headers or {})}
        try:
            connection.request(method, target, body, sent)
            response = connection.getresponse()
            return Answer(response.status, response.read())
        finally:
            connection.close()

    def ask_as(self, user: str, path: Path) -> str:
        """Ask for the status as another user of this host; return what came back, or the error."""
        done = subprocess.run(
            ["/usr/bin/python3", "-c", _ASK, path],
            capture_output=True,
            text=True,
            check=False,
            timeout=20,
            user=user,
            group="nogroup",
            extra_groups=[],
        )
        return done.stdout or done.stderr


def overrides(web: Web) -> list[tuple[str, int | None, str]]:
    """Return what is set: subject, number, who."""
    rows = web.ask("GET", "/v1/limits", over=web.admin_socket).json["limits"]
    return [(row["subject"], row["max"], row["set_by"]) for row in rows]
