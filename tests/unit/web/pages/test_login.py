"""Who has logged in: by a session, by a proxy, by the mailbox's password."""

import socket
import threading
from base64 import b64decode
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from sendlimit.config.web import LoginServer
from sendlimit.store.connection import Connection
from sendlimit.store.web_access import digest, find_session, use_session
from sendlimit.web.app import make_app
from sendlimit.web.errors import WebError
from sendlimit.web.pages.login import IDLE_S, is_owner, local_path
from sendlimit.web.pages.security import SESSION_COOKIE
from sendlimit.web.peer import Peer
from support.counting_samples import NOON
from support.pages_client import Browser
from support.web_client import web_service

_WEB = {"listen": "127.0.0.1:9141", "trusted_proxy": "::1", "user_header": "X-Remote-User"}


@contextmanager
def _scripted_server(*lines: bytes) -> Iterator[tuple[LoginServer, list[bytes]]]:
    """A server that sends a line for each line that it reads, and keeps what it has read."""
    heard: list[bytes] = []

    def answer(listener: socket.socket) -> None:
        connection, _ = listener.accept()
        with connection, connection.makefile("rwb") as file:
            file.write(lines[0])
            file.flush()
            tag = b""
            for line in lines[1:]:
                heard.append(file.readline())
                tag = heard[-1].split(b" ")[0] if b" " in heard[-1] else tag
                file.write(line.replace(b"TAG", tag))
                file.flush()
            file.read()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=answer, args=(listener,))
        thread.start()
        yield LoginServer("submission", *listener.getsockname()), heard
        thread.join(5)


def test_idle(admin: Browser, tables: Connection) -> None:
    """A session that was not used for hours has ended; using it keeps it."""
    hashed = digest(admin.cookies[SESSION_COOKIE])
    use_session(tables, hashed, NOON - IDLE_S + 1)
    assert admin.get("/").status == 200
    session = find_session(tables, hashed)
    assert session
    assert session.used_at == NOON
    use_session(tables, hashed, NOON - IDLE_S)
    assert admin.get("/").status == 303


@pytest.mark.parametrize(
    ("peer", "user", "status"),
    [("::1", "dave", 200), ("::1", "", 303), ("::1", " ", 303), ("192.0.2.1", "dave", 303)],
)
def test_proxy(url: str, tables: Connection, peer: str, user: str, status: int) -> None:
    """The trusted proxy names the admin; what another client says is not believed."""
    del tables
    service = web_service(url, NOON, web=_WEB)
    browser = Browser(make_app(service), Peer(None, peer), x_remote_user=user)
    assert browser.get("/").status == status
    service.database.close()
    assert ("Logged in as dave" in browser.text) is (status == 200)
    assert "Log out" not in browser.text


def test_proxy_is_for_pages_only(url: str, tables: Connection) -> None:
    """The API wants a token all the same."""
    del tables
    service = web_service(url, NOON, web=_WEB)
    browser = Browser(make_app(service), Peer(None, "::1"), x_remote_user="dave")
    assert browser.get("/v1/overview").status == 401
    service.database.close()


@pytest.mark.parametrize(
    ("answer", "is_right"),
    [(b"235 2.7.0 fine\r\n", True), (b"535 5.7.8 wrong\r\n", False), (b"334 \r\n", False)],
)
def test_by_smtp(answer: bytes, *, is_right: bool) -> None:
    """Only 235 is a log-in; name and password go over the line as SASL PLAIN."""
    with _scripted_server(b"220 ready\r\n", b"250 AUTH PLAIN\r\n", answer) as (server, heard):
        assert is_owner(server, "ä@x.org", "pässword") is is_right
    assert heard[1].startswith(b"AUTH PLAIN ")


@pytest.mark.parametrize(
    ("answer", "is_right"),
    [(b"TAG OK in\r\n", True), (b"TAG NO [AUTHENTICATIONFAILED] wrong\r\n", False)],
)
def test_by_imap(answer: bytes, *, is_right: bool) -> None:
    """OK is a log-in, NO is none."""
    capability = b"* CAPABILITY IMAP4rev1 AUTH=PLAIN\r\nTAG OK done\r\n"
    with _scripted_server(b"* OK ready\r\n", capability, b"+ \r\n", answer) as (server, heard):
        imap = server._replace(protocol="imap")
        assert is_owner(imap, "ä@x.org", "pässword") is is_right
    assert b64decode(heard[-1]).decode() == "\0ä@x.org\0pässword"


@pytest.mark.parametrize("protocol", ["imap", "imaps", "submission", "submissions"])
def test_no_server(protocol: str) -> None:
    """A server that is away is no wrong password."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    with pytest.raises(WebError) as raised:
        is_owner(LoginServer(protocol, "127.0.0.1", port), "a@x.org", "password")
    assert (raised.value.code, raised.value.field) == ("busy", "login")


def test_a_server_that_is_busy() -> None:
    """A temporary failure of the server is no wrong password."""
    script = (b"220 ready\r\n", b"250 AUTH PLAIN\r\n", b"454 4.7.0 later\r\n")
    with _scripted_server(*script) as (server, _), pytest.raises(WebError):
        is_owner(server, "a@x.org", "password")


@pytest.mark.parametrize(
    ("login", "password"),
    [("", "x"), ("a@x.org", ""), ("a@x.org\0b", "x"), ("a@x.org", "x\0y"), ("a", "x" * 2000)],
)
def test_not_asked(login: str, password: str) -> None:
    """Without a name or password, or with a NUL that parts them, no server is asked."""
    assert not is_owner(LoginServer("imap", "127.0.0.1", 1), login, password)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        ("/", "/"),
        ("/limits?text=a", "/limits?text=a"),
        ("//evil.example", "/"),
        ("/\\evil.example", "/"),
        ("/a\r\nSet-Cookie: b", "/"),
        ("https://evil.example", "/"),
        ("", "/"),
    ],
)
def test_local_path(text: str, path: str) -> None:
    """Only a path of these pages is gone on with."""
    assert local_path(text) == path
