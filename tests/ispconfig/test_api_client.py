"""The panel's client of the API: against a real `sendlimit web`, and against servers gone bad."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from support.doubles.api import BrokenApi, answer
from support.rig.configuration import configuration
from support.rig.counters import in_sqlite
from support.rig.php import call_api
from support.rig.process import running, wait_for
from support.rig.web import USER, Web

_LIMIT = "mailbox.messages_per_day"
_ODD = "o'neil/50%+a?b#c@example.org"
_PATIENCE_S = 2.2
"""1.5 s of the client, and what a busy machine adds."""


@pytest.fixture(scope="module")
def web(module_folder: Path) -> Iterator[Web]:
    """A `sendlimit web` of this module."""
    store = in_sqlite(module_folder / "sendlimit.db")
    limits = {"mailbox": {"messages_per_day": 100}, "global": {"messages_per_day": 999}}
    settings = configuration(
        module_folder, module_folder / "milter.sock", store.settings, limits=limits
    )
    with running(Web(module_folder, settings)) as server:
        yield server


def over(path: Path) -> dict[int, dict[str, str]]:
    """Return the panel's setting for a socket."""
    return {1: {"socket": str(path)}}


def test_over_the_socket(web: Web) -> None:
    """Every request that pages make is answered, and understood."""
    change = {"max": 7, "until": None, "reason": "", "by": "ispconfig:admin"}
    found = call_api(
        over(web.admin_socket),
        ("status", [1]),
        ("usage", [1, "ALICE@example.org"]),
        ("overview", [1]),
        ("refusals", [1, "alice@example.org"]),
        ("set", [1, _ODD, _LIMIT, change]),
        ("limits_of", [1, _ODD]),
        ("limits", [1, ""]),
        ("unset", [1, _ODD, _LIMIT, "lasting", "ispconfig:admin"]),
        ("unset", [1, _ODD, _LIMIT, "lasting", "ispconfig:admin"]),
        ("limits", [1, ""]),
    ).results
    assert found[0]["timezone"] == "UTC"
    assert (found[1]["subject"], found[1]["limits"][0]["max"]) == ("alice@example.org", 100)
    assert found[2]["global"]["limits"][0]["max"] == 999
    assert found[3] == []
    assert [(row["subject"], row["max"], row["set_by"]) for row in found[5]] == [
        (_ODD, 7, "ispconfig:admin")
    ]
    assert len(found[6]["limits"]) == 1
    assert found[7:9] == [None, None]
    assert found[9]["limits"] == []


def test_many(web: Web) -> None:
    """More mailboxes than one request takes are asked in several."""
    addresses = [f"u{number}@example.org" for number in range(110)]

    def usages() -> dict[str, Any]:
        found = call_api(over(web.admin_socket), ("usages", [1, addresses])).results[0]
        return found if len(found) == len(addresses) else {}

    # On a busy machine the API may give up on the first ones.
    found = wait_for(usages, 60, "all are answered")
    assert [usage["subject"] for usage in found.values()] == addresses


def test_over_the_port(web: Web, tmp_path: Path) -> None:
    """With a token over TCP, never through a proxy of the environment; a wrong one is refused."""
    token = tmp_path / "panel.token"
    servers = {1: {"url": web.url, "token_file": str(token)}}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("http_proxy", "http://127.0.0.1:9")
        patch.setenv("ALL_PROXY", "http://127.0.0.1:9")
        token.write_text(web.token("panel", "admin") + "\n")
        assert call_api(servers, ("status", [1])).results[0]["timezone"] == "UTC"
    token.write_text("wrong")
    assert reasons(servers) == ["unauthorized"]
    token.unlink()
    assert reasons(servers) == ["no_server"]


def reasons(servers: dict[int, dict[str, str]], server_id: int = 1) -> list[str]:
    """Return why a request got no result."""
    return [each["reason"] for each in call_api(servers, ("status", [server_id])).results]


@pytest.mark.parametrize(
    "url",
    ["http://mail.example.org", "ftp://127.0.0.1", "http://localhost.example.org", "file:///"],
)
def test_a_token_is_not_sent_in_the_clear(url: str, tmp_path: Path) -> None:
    """Beyond this host only https is used."""
    token = tmp_path / "token"
    token.write_text("secret")
    assert reasons({1: {"url": url, "token_file": str(token)}}) == ["no_server"]


def test_a_server_without_setting() -> None:
    """A mail server that is not in sendlimit.conf.php is said to have no sendlimit."""
    assert reasons({}, 2) == ["no_server"]


def test_a_read_role_that_writes(web: Web) -> None:
    """What the API forbids is an error with its code."""
    change = {"max": 7, "reason": "", "by": "x"}
    found = call_api(over(web.read_socket), ("set", [1, "a@example.org", _LIMIT, change]))
    assert found.results[0]["reason"] == "forbidden"


_USAGE: dict[str, Any] = {
    "subject": "a@example.org",
    "known": True,
    "timezone": "UTC",
    "mode": "enforce",
    "exempt": False,
    "over_limit": None,
    "refused": False,
    "resets_at": None,
    "external_over_limit": None,
    "external_resets_at": None,
    "limits": [],
}
_BAD: dict[str, tuple[str | bytes, str]] = {
    "hangs": ("hang", "unreachable"),
    "drips": ("drip", "unreachable"),
    "floods": ("flood", "unreachable"),
    "hangs up": (b"", "unreachable"),
    "nothing": (answer(b""), "bad_answer"),
    "a page": (answer(b"<html><script>alert(1)</script>"), "bad_answer"),
    "a number": (answer(b"5"), "bad_answer"),
    "a list": (answer(b"[]"), "bad_answer"),
    "not UTF-8": (answer(b'{"subject": "\xff"}'), "bad_answer"),
    "deep": (answer(b"[" * 100_000), "bad_answer"),
    "limits of no list": (
        answer(json.dumps({**_USAGE, "limits": {"a": 1}}).encode()),
        "bad_answer",
    ),
    "a limit of text": (
        answer(json.dumps({**_USAGE, "limits": ["many"]}).encode()),
        "bad_answer",
    ),
    "a number as text": (
        answer(json.dumps({**_USAGE, "subject": 5}).encode()),
        "bad_answer",
    ),
    "401": (
        answer(b'{"error": {"code": "unauthorized", "message": "no"}}', "401 No"),
        "unauthorized",
    ),
    "500": (answer(b"oops", "500 Oops"), "bad_answer"),
    "503": (
        answer(b'{"error": {"code": "store_unavailable", "message": "away"}}', "503 Away"),
        "store_unavailable",
    ),
    "elsewhere": (
        answer(b"", "302 Found", "Location: http://127.0.0.1:9/"),
        "bad_answer",
    ),
}


@pytest.mark.parametrize("name", _BAD)
def test_a_bad_server(name: str, folder: Path) -> None:
    """It costs a page 1.5 s at most, once; the page gets an error, not a warning of PHP."""
    manner, reason = _BAD[name]
    path = folder / "bad.sock"
    with BrokenApi(path, manner, USER) as server:
        calls = [("usage", [1, "a@example.org"])] * 3
        found = call_api(over(path), *calls)
    assert [each["reason"] for each in found.results] == [reason] * 3
    assert found.took_s < _PATIENCE_S
    assert server.requests == (1 if reason in {"unreachable", "store_unavailable"} else 3)


def test_nothing_listens(folder: Path) -> None:
    """A socket that is not there is known at once."""
    found = call_api(over(folder / "none.sock"), ("usage", [1, "a@example.org"]))
    assert found.results[0]["reason"] == "unreachable"
    assert found.took_s < 1


def test_a_slow_server(folder: Path) -> None:
    """Many requests of a page together take 3 s at most, and then no more are made."""
    path = folder / "slow.sock"
    body = json.dumps({"usage": [_USAGE] * 100}).encode()
    addresses = [f"u{number}@example.org" for number in range(2000)]
    with BrokenApi(path, answer(body), USER, after_s=1.0):
        found = call_api(over(path), ("usages", [1, addresses]))
    assert len(found.results[0]) in {100, 200, 300}
    assert found.took_s < _PATIENCE_S + 1.5
