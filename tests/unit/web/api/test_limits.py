"""/v1/limits: overrides and boosts (R10)."""

from typing import Any

import pytest

from sendlimit.store.changes import recorded_changes
from sendlimit.store.connection import Connection
from support.counting_samples import DAILY
from support.web_client import WebClient

_PATH = f"/v1/limits/a@x.org/{DAILY}"
_LATER = "2026-11-22T18:00:00+01:00"


def _put(ask: WebClient, body: dict[str, Any], path: str = _PATH) -> Any:  # noqa: ANN401 - JSON
    answer = ask("PUT", path, body)
    assert answer.status == 200, answer.body
    return answer.json


def test_put(ask: WebClient, tables: Connection) -> None:
    """Without an end it is lasting, with one a boost; the row before comes back."""
    first = _put(ask, {"max": 5, "until": None, "reason": "why", "by": "panel:admin"})
    again = _put(ask, {"max": 5, "until": None, "reason": "why", "by": "panel:admin"})
    boost = _put(ask, {"max": None, "until": _LATER})

    assert first["before"] is None
    assert again["now"] == again["before"] == first["now"]
    assert (boost["before"], boost["now"]["until"]) == (None, "2026-11-22T17:00:00Z")
    assert (boost["now"]["max"], boost["now"]["set_by"], boost["heard"]) == (None, "panel", True)
    trail = recorded_changes(tables, 0)
    assert [(row.who, row.origin) for row in trail] == [
        ("panel", "api"),
        ("panel:admin", "api"),
        ("panel:admin", "api"),
    ]


@pytest.mark.parametrize("value", [0, 1, 10**15, None])
def test_values(ask: WebClient, value: int | None) -> None:
    """From nothing to 10^15, or unlimited."""
    assert _put(ask, {"max": value})["now"]["max"] == value


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "max"),
        ({"max": -1}, "max"),
        ({"max": 10**15 + 1}, "max"),
        ({"max": True}, "max"),
        ({"max": "5"}, "max"),
        ({"max": 5.0}, "max"),
        ({"max": 5, "until": "2026-11-22T11:00:00Z"}, "until"),
        ({"max": 5, "until": "2026-11-23T11:00:00"}, "until"),
        ({"max": 5, "until": "soon"}, "until"),
        ({"max": 5, "until": 1_900_000_000}, "until"),
        ({"max": 5, "until": "9999-12-31T23:59:59-12:00"}, "until"),
        ({"max": 5, "reason": "x" * 256}, "reason"),
        ({"max": 5, "by": ""}, "by"),
        ({"max": 5, "maximum": 5}, "maximum"),
    ],
)
def test_put_refused(ask: WebClient, tables: Connection, body: object, field: str) -> None:
    """A wrong value is refused with its field, and nothing is set."""
    answer = ask("PUT", _PATH, body)
    assert (answer.status, answer.json["error"]["field"]) == (422, field)
    assert ask("GET", "/v1/limits").json["limits"] == []
    assert recorded_changes(tables, 0) == []


@pytest.mark.parametrize(
    ("path", "field"),
    [
        ("/v1/limits/a@x.org/mailbox.messages_per_week", "limit"),
        ("/v1/limits/a@x.org/domain.messages_per_day", "limit"),
        ("/v1/limits/x.org/global.messages_per_day", "limit"),
        ("/v1/limits/*@x.org/mailbox.messages_per_day", "subject"),
    ],
)
def test_path_refused(ask: WebClient, path: str, field: str) -> None:
    """A limit that there is not, or that could never count for the subject, is refused."""
    answer = ask("PUT", path, {"max": 1})
    assert (answer.status, answer.json["error"]["field"]) == (422, field)


@pytest.mark.parametrize(
    "body", [b"", b"{", b"[]", b'{"max": 1e400}', b"\xff", b'{"max":' + b"9" * 5000]
)
def test_not_json(ask: WebClient, body: bytes) -> None:
    """A body that is no object of JSON is refused."""
    answer = ask("PUT", _PATH, body=body, headers={"content-type": "application/json"})
    assert answer.status in {400, 422}
    assert answer.code in {"bad_request", "invalid"}


def test_two_admins(ask: WebClient) -> None:
    """With if_set_at only the row that was seen is replaced."""
    seen = _put(ask, {"max": 5, "if_set_at": None})["now"]["set_at"]
    refused = ask("PUT", _PATH, {"max": 6, "if_set_at": None})
    assert (refused.status, refused.code) == (409, "changed_meanwhile")
    assert ask("PUT", _PATH, {"max": 6, "if_set_at": "2026-11-22T11:59:59Z"}).status == 409
    assert _put(ask, {"max": 6, "if_set_at": seen})["now"]["max"] == 6


def test_patch(ask: WebClient) -> None:
    """Several at once, in their order; what is taken back and was not there is no error."""
    _put(ask, {"max": 5})
    _put(ask, {"max": 6, "until": _LATER})
    hourly = "mailbox.messages_per_hour"
    answer = ask(
        "PATCH",
        "/v1/limits/a@x.org",
        {"set": {hourly: {"max": 9}}, "unset": [DAILY, "mailbox.recipients_per_day"], "by": "me"},
    ).json
    assert [(each["now"] or {}).get("max") for each in answer] == [9, None, None, None]
    assert [(each["before"] or {}).get("max") for each in answer] == [None, 5, 6, None]
    assert [each["limit"] for each in ask("GET", "/v1/limits").json["limits"]] == [hourly]


def test_patch_one_kind(ask: WebClient) -> None:
    """Of a boost and a lasting override, the one that is named is taken back."""
    _put(ask, {"max": 5})
    _put(ask, {"max": 6, "until": _LATER})
    ask("PATCH", "/v1/limits/a@x.org", {"unset": [{"limit": DAILY, "kind": "boost"}]})
    assert [each["max"] for each in ask("GET", "/v1/limits").json["limits"]] == [5]


def test_patch_all_or_nothing(ask: WebClient, tables: Connection) -> None:
    """When one of the limits is refused or was changed meanwhile, none is set."""
    for wanted, status in (
        ({"max": 1, "if_set_at": "2026-01-01T00:00:00Z"}, 409),
        ({"max": -1}, 422),
        ({"max": 1, "until": "2026-01-01T00:00:00Z"}, 422),
    ):
        body = {"set": {"mailbox.messages_per_hour": {"max": 9}, DAILY: wanted}}
        assert ask("PATCH", "/v1/limits/a@x.org", body).status == status
    both = ask("PATCH", "/v1/limits/a@x.org", {"set": {DAILY: {"max": 1}}, "unset": [DAILY]})
    assert both.json["error"]["field"] == "unset"
    assert recorded_changes(tables, 0) == []


def test_delete(ask: WebClient) -> None:
    """What is there is taken back once; of two kinds one must be named."""
    _put(ask, {"max": 5})
    _put(ask, {"max": 6, "until": _LATER})
    assert ask("DELETE", _PATH).json["error"]["field"] == "kind"
    assert ask("DELETE", f"{_PATH}?kind=boost&by=me").json["before"]["max"] == 6
    assert ask("DELETE", _PATH).json["before"]["max"] == 5
    for query in ("", "?kind=boost"):
        answer = ask("DELETE", f"{_PATH}{query}")
        assert (answer.status, answer.code) == (404, "no_such_override")


def test_list_in_pages(ask: WebClient) -> None:
    """Page after page gives each row once; a boost that has ended is not in force."""
    for number in range(7):
        _put(ask, {"max": number}, f"/v1/limits/m{number}@x.org/{DAILY}")
        _put(ask, {"max": 1, "until": _LATER}, f"/v1/limits/m{number}@x.org/{DAILY}")
    found: list[tuple[str, str]] = []
    target = "/v1/limits?limit=3"
    while True:
        page = ask("GET", target).json
        found += [(each["subject"], str(each["until"])) for each in page["limits"]]
        if page["next"] is None:
            break
        target = f"/v1/limits?limit=3&after={page['next']}"
    assert len(found) == len(set(found)) == 14
    (one, other) = ask("GET", "/v1/limits?subject=m3@x.org").json["limits"]
    assert {one["max"], other["max"]} == {3, 1}
    assert one["in_force"] is True
