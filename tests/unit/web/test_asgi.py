"""What every request goes through."""

import logging

import pytest
from starlette.types import Receive, Scope, Send

from sendlimit.web.asgi import BODY_MAX, Frame
from support.web_client import WebClient


@pytest.fixture
def log(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    """The lines of the log, debug lines too."""
    caplog.set_level(logging.DEBUG, "sendlimit.web")
    return caplog


async def _echo(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer with the path and the body's length."""
    body = (await receive())["body"]
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": f"{scope['path']} {len(body)}".encode()})


async def _failing(scope: Scope, receive: Receive, send: Send) -> None:
    """Fail after the answer, as Starlette does."""
    await _echo(scope, receive, send)
    raise RuntimeError("a fault")


def test_path() -> None:
    """The path stays as it was written, for segments that are decoded later."""
    assert WebClient(Frame(_echo))("GET", "/v1/a%2Fb").body == b"/v1/a%2Fb 0"
    assert WebClient(Frame(_echo))("GET", "/v1/%ff").code == "bad_request"


@pytest.mark.parametrize("headers", [{}, {"content-length": str(BODY_MAX + 1)}])
def test_body(headers: dict[str, str]) -> None:
    """A body that is too long is refused, whether its length was announced or not."""
    ask = WebClient(Frame(_echo))
    assert ask("PUT", "/", body=b"x" * BODY_MAX).body == f"/ {BODY_MAX}".encode()
    assert ask("PUT", "/", body=b"x" * (BODY_MAX + 1), headers=headers).status == 413


def test_log(log: pytest.LogCaptureFixture) -> None:
    """A line names method, path, status and peer; no query and no header."""
    WebClient(Frame(_echo))(
        "GET", "/v1/status?token=secret", headers={"authorization": "Bearer secret"}
    )
    assert "GET /v1/status 200" in log.text
    assert "from panel" in log.text
    assert "secret" not in log.text


def test_a_fault_is_logged_once(log: pytest.LogCaptureFixture) -> None:
    """A fault ends in the log, not in the server."""
    assert WebClient(Frame(_failing))("GET", "/").status == 200
    assert log.text.count("RuntimeError: a fault") == 1
