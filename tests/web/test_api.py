"""The API over its real sockets, on both stores."""

import os
import stat
import statistics
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_mariadb
from support.rig.daemon import Sendlimit
from support.rig.mariadb import PrivateMariaDB
from support.rig.milter_client import MilterClient
from support.rig.process import running, wait_for
from support.rig.web import Web

_LIMIT = "/v1/limits/alice@example.org/mailbox.messages_per_day"


def test_sockets(web: Web) -> None:
    """Each socket has its role, mode 0600 and its owner; nothing is left of them after the end."""
    for path, role in ((web.admin_socket, "admin"), (web.read_socket, "read")):
        info = path.stat()
        assert (stat.S_IMODE(info.st_mode), info.st_uid) == (0o600, os.getuid())
        assert web.ask("GET", "/v1/status", over=path).json["role"] == role
    assert web.ask("PUT", _LIMIT, {"max": 5}, over=web.read_socket).status == 403
    assert web.ask("PUT", _LIMIT, {"max": 5}, over=web.admin_socket).status == 200
    assert web.stop() == 0
    assert not web.admin_socket.exists()


def test_owners(folder: Path, store: Counters) -> None:
    """A socket's owner connects, another user of the host does not; also after a kill."""
    settings = configuration(folder, folder / "milter.sock", store.settings)
    server = Web(folder, settings, {"read_socket_owner": "nobody"})
    with running(server):
        assert '"role":"read"' in server.ask_as("nobody", server.read_socket)
        assert "PermissionError" in server.ask_as("nobody", server.admin_socket)
        server.process.kill()
    with running(server):
        assert '"role":"read"' in server.ask_as("nobody", server.read_socket)


def test_tokens(web: Web) -> None:
    """A token does what its role says until it is revoked; no secret is in the log."""
    secret = web.token("panel", "admin")
    reader = web.token("webmail", "read")

    def put(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return web.ask("PUT", _LIMIT, {"max": 5, "by": "panel:admin"}, headers=headers).status

    assert (put(secret), put(reader), put("wrong")) == (200, 403, 401)
    assert web.ask("GET", "/v1/status").status == 401
    assert web.command("web", "token", "revoke", "panel").exit_code == 0
    assert put(secret) == 401
    assert "PUT /v1/limits" in web.process.log_text()
    assert secret not in web.process.log_text()
    assert reader not in web.process.log_text()


def test_as_the_commands(web: Web) -> None:
    """The API answers with the keys of the commands, and what one changes the other shows."""
    over = web.admin_socket
    body = {"max": 5, "reason": "why", "by": "panel:admin"}
    # On a busy machine the answer may be 503 though it is set: then it is set again.
    wait_for(lambda: web.ask("PUT", _LIMIT, body, over=over).status == 200, 30, "the limit set")
    shown = web.command("show", "alice@example.org")
    assert "set by panel:admin" in shown.stdout
    assert "why" in shown.stdout
    listed = web.ask("GET", "/v1/limits", over=over).json["limits"]
    assert [(row["max"], row["set_by"]) for row in listed] == [(5, "panel:admin")]
    web.command("limit", "unset", "alice@example.org", "mailbox.messages_per_day")
    changes = web.ask("GET", "/v1/changes", over=over).json["changes"]
    assert [(each["what"], each["origin"]) for each in (changes[0], changes[-1])] == [
        ("limit unset", "command"),
        ("limit set", "api"),
    ]


def test_many_at_once(web: Web) -> None:
    """500 mailboxes are answered within the second, in their order."""
    subjects = [f"m{number}@example.org" for number in range(500)]

    def is_answered() -> bool:
        begun = time.monotonic()
        answer = web.ask("POST", "/v1/usage", {"subjects": subjects}, over=web.read_socket)
        if answer.status == 503:  # the machine is too busy with other things
            return False
        assert [each["subject"] for each in answer.json["usage"]] == subjects
        return time.monotonic() - begun < 1

    web.process.wait_until(is_answered, 60, "answers in time")


def test_slow_clients(web: Web) -> None:
    """Bodies that are too long, and broken requests, are refused, and others are answered."""
    long = {"subjects": ["x" * 70_000]}
    assert web.ask("POST", "/v1/usage", long, over=web.read_socket).status == 413
    assert web.ask("GET", "/v1/usage/%ff", over=web.read_socket).status == 400
    assert web.ask("GET", "/v1/status", over=web.read_socket).status == 200


@pytest.fixture
def own_server(folder: Path) -> Iterator[PrivateMariaDB]:
    """A MariaDB that the test may freeze."""
    with running(PrivateMariaDB(folder / "mariadb")) as server:
        yield server


@pytest.mark.mariadb
def test_database_away(own_server: PrivateMariaDB, folder: Path) -> None:
    """Frozen or stopped, the database costs no request more than a second; back again, all is well."""
    database = own_server.create_database("t", "t", "secret")
    store = in_mariadb(own_server, database)
    settings = configuration(folder, folder / "milter.sock", store.settings)
    with running(Web(folder, settings)) as web:
        own_server.freeze()
        took = []
        for _ in range(6):
            begun = time.monotonic()
            answer = web.ask("GET", "/v1/usage/a@x.org", over=web.admin_socket)
            took.append(time.monotonic() - begun)
            assert (answer.status, answer.json["error"]["code"]) == (503, "store_unavailable")
        assert statistics.median(took) < 1.1, took  # one of them may find the machine busy
        assert web.ask("GET", "/v1/status", over=web.admin_socket).json["store"] == "degraded"
        own_server.thaw()
        _wait_until_ok(web)
        own_server.restart()
        _wait_until_ok(web)


def _wait_until_ok(web: Web) -> None:
    web.process.wait_until(
        lambda: web.ask("GET", "/v1/usage/a@x.org", over=web.admin_socket).status == 200,
        30,
        "answers again",
    )


def test_holds_from_the_next_mail_on(folder: Path, store: Counters) -> None:
    """When the API says that a limit is heard, the running daemon refuses the next mail by it."""
    socket = folder / "milter.sock"
    settings = configuration(folder, socket, store.settings)
    with (
        running(Sendlimit(folder / "daemon", settings)),
        running(Web(folder, settings)) as web,
        MilterClient(socket) as client,
    ):
        assert client.send_mail("alice@example.org").kind == "continue"
        # An idle daemon reads changes once a second, which can be longer than an answer may take.
        web.process.wait_until(
            lambda: web.ask("PUT", _LIMIT, {"max": 1}, over=web.admin_socket).json["heard"],
            30,
            "a change that is heard",
        )
        assert client.mail("alice@example.org").kind == "reply"


def test_second_process(web: Web, folder: Path, store: Counters) -> None:
    """A second one does not steal the sockets of the first."""
    settings = configuration(folder, folder / "milter.sock", store.settings)
    (folder / "second").mkdir()
    second = Web(folder / "second", settings, {"admin_socket": str(web.admin_socket)})
    second.process.start()
    assert second.process.wait_for_exit(20) == 1
    assert "another process answers" in second.process.log_text()
    assert web.ask("GET", "/v1/status", over=web.admin_socket).status == 200
