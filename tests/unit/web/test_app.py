"""The application as a whole: errors in their form, the OpenAPI document, who may what."""

import json
import re
from pathlib import Path

import pytest

from sendlimit.web.api.common import AdminRoute, ReaderRoute, Service
from sendlimit.web.app import make_app
from sendlimit.web.peer import Peer
from support.web_client import READER, STRANGER, WebClient, web_client

_DOCUMENT = (Path(__file__).parents[3] / "docs" / "web.md").read_text()
_NAMES = {"{subject}": "SUBJECT", "{limit}": "LIMIT"}


def _documented() -> dict[str, str]:
    """Return the requests in docs/web.md, each with its role."""
    rows = re.findall(r"^\| `([A-Z]+ /v1\S+?)` \| (read|admin) \|", _DOCUMENT, re.MULTILINE)
    return dict(rows)


def _described(ask: WebClient) -> set[str]:
    """Return the requests of the OpenAPI document."""
    paths = ask("GET", "/v1/openapi.json").json["paths"]
    found = {f"{method.upper()} {path}" for path, methods in paths.items() for method in methods}
    for name, word in _NAMES.items():
        found = {each.replace(name, word) for each in found}
    return found


def test_documented(ask: WebClient) -> None:
    """docs/web.md has every request of the OpenAPI document, and no other."""
    assert {*_documented()} == _described(ask) | {"GET /v1/openapi.json"}


@pytest.mark.parametrize("request_line", _documented())
def test_roles(ask: WebClient, request_line: str) -> None:
    """The role read may do what docs/web.md says, and nothing else; a stranger nothing."""
    method, target = request_line.split()
    target = target.replace("SUBJECT", "a@x.org").replace("LIMIT", "mailbox.messages_per_day")
    may_read = _documented()[request_line] == "read"

    assert (ask.as_peer(READER)(method, target).status == 403) is not may_read
    assert ask.as_peer(STRANGER)(method, target).status == 401
    assert ask.as_peer(Peer("admin", "nobody", is_refused=True))(method, target).status == 403


def test_routes_have_classes() -> None:
    """The two kinds of route let in what their names say."""
    assert ReaderRoute.roles == {"read", "admin"}
    assert AdminRoute.roles == {"admin"}


@pytest.mark.parametrize(
    ("method", "target", "status"),
    [("GET", "/v1/nothing", 404), ("GET", "/v2", 404), ("POST", "/v1/status", 405)],
)
def test_other_paths(ask: WebClient, method: str, target: str, status: int) -> None:
    """What there is not has the form of every error."""
    answer = ask(method, target)
    assert answer.status == status
    assert set(answer.json["error"]) == {"code", "message"}


def test_no_cors(ask: WebClient) -> None:
    """A page of another origin gets nothing that its browser would give it."""
    answer = ask("GET", "/v1/status", headers={"origin": "https://evil.example"})
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert ask("OPTIONS", "/v1/status", headers={"origin": "https://evil.example"}).status == 405


def test_a_fault(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fault is an error in its form, without a trace."""
    monkeypatch.setattr("sendlimit.web.api.common.usage_report", None)
    answer = WebClient(make_app(service))("GET", "/v1/usage/a@x.org")
    assert (answer.status, answer.code) == (500, "internal")
    assert b"Trace" not in answer.body


def test_store_away(service: Service, tmp_path: Path) -> None:
    """Without its database everything is 503 but the status, which says so."""
    (tmp_path / "sendlimit.db").unlink()
    ask = web_client(service)
    assert ask("GET", "/v1/status").json["store"] == "degraded"
    answer = ask("GET", "/v1/usage/a@x.org")
    assert (answer.status, answer.code) == (503, "store_unavailable")
    assert answer.headers["retry-after"] == "5"
    assert (
        ask.as_peer(STRANGER)("GET", "/v1/status", headers={"authorization": "Bearer x"}).status
        == 503
    )
    assert json.loads(answer.body)["error"]["message"]
