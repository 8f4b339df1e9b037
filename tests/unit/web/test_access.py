"""Who may use the API."""

import asyncio

import pytest
from starlette.requests import Request

from sendlimit.store.connection import Connection
from sendlimit.store.web_access import Token, add_token, digest, remove_token
from sendlimit.web.access import Attempts, Caller, Gate
from sendlimit.web.api.common import Service
from sendlimit.web.errors import WebError
from sendlimit.web.peer import KEY, Peer
from support.counting_samples import NOON

_CLIENT = "192.0.2.1"


def _request(peer: Peer, authorization: str = "") -> Request:
    headers = [(b"authorization", authorization.encode())] if authorization else []
    return Request({"type": "http", "headers": headers, KEY: peer})


def _caller(gate: Gate, authorization: str = "", peer: Peer = Peer(None, _CLIENT)) -> Caller:  # noqa: B008 - a value
    return asyncio.run(gate.caller(_request(peer, authorization)))


def test_attempts() -> None:
    """So many failures a client has in the time; another client is not touched."""
    now = 0.0
    attempts = Attempts(2, 60.0, lambda: now)
    for _ in range(2):
        assert attempts.wait_s("a") == 0
        attempts.fail("a")
    assert (attempts.wait_s("a"), attempts.wait_s("b")) == (61, 0)
    now = 60.0
    assert attempts.wait_s("a") == 0
    attempts.fail("a")
    attempts.forget("a")
    assert attempts.wait_s("a") == 0


def test_attempts_of_many() -> None:
    """Attempts from ever new addresses take no more memory than those of 10,000."""
    attempts = Attempts(1, 60.0, lambda: 0.0)
    for number in range(10_001):
        attempts.fail(str(number))
    assert (attempts.wait_s("0"), attempts.wait_s("10000")) == (0, 61)


def test_a_socket_has_its_role(service: Service) -> None:
    """On a unix socket the peer decides; a wrong one is refused."""
    assert _caller(service.gate, peer=Peer("read", "www-data")) == Caller("www-data", "read")
    with pytest.raises(WebError, match="not for nobody") as raised:
        _caller(service.gate, peer=Peer("admin", "nobody", is_refused=True))
    assert raised.value.status == 403


def test_tokens(service: Service, tables: Connection) -> None:
    """A token has its role until it is revoked; the scheme's capitals make no difference."""
    add_token(tables, Token("panel", "admin"), digest("secret"), NOON)
    for word in ("Bearer secret", "bearer  secret"):
        assert _caller(service.gate, word) == Caller("panel", "admin")
    remove_token(tables, "panel")
    for word in ("Bearer secret", "", "Basic c2VjcmV0", "Bearer "):
        with pytest.raises(WebError) as raised:
            _caller(service.gate, word)
        assert raised.value.status == 401


def test_wrong_tokens_are_limited(service: Service, tables: Connection) -> None:
    """After too many wrong tokens an address is told to wait; a right one is let in all the same."""
    add_token(tables, Token("panel", "admin"), digest("secret"), NOON)
    statuses = []
    for number in range(12):
        with pytest.raises(WebError) as raised:
            _caller(service.gate, f"Bearer wrong{number}")
        statuses.append(raised.value.status)
    assert statuses == [401] * 10 + [429] * 2
    assert _caller(service.gate, "Bearer secret").name == "panel"
