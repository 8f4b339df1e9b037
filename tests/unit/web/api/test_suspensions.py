"""/v1/suspensions: who may send nothing (R17)."""

import pytest

from sendlimit.store.changes import recorded_changes
from sendlimit.store.connection import Connection
from support.counting_samples import ALICE
from support.web_client import READER, WebClient

_PATH = f"/v1/suspensions/{ALICE.mailbox}"
_NOW = "2026-11-22T12:00:00Z"
_LATER = "2026-11-22T18:00:00+01:00"


def test_suspend_and_release(ask: WebClient, tables: Connection) -> None:
    """From suspending to releasing: the mailbox is refused meanwhile, and both leave a line."""
    made = ask("PUT", _PATH, {"until": _LATER, "reason": "stolen", "by": "panel:admin"}).json
    record = {
        "subject": ALICE.mailbox,
        "until": "2026-11-22T17:00:00Z",
        "reason": "stolen",
        "set_by": "panel:admin",
        "set_at": _NOW,
    }
    assert made == {"now": record, "before": None, "heard": True}
    usage = ask("GET", f"/v1/usage/{ALICE.mailbox}").json
    assert (usage["refused"], usage["over_limit"]) == (True, "mailbox.suspended")
    assert ask("GET", "/v1/suspensions").json == {"suspensions": [record], "next": None}

    again = ask("PUT", _PATH).json
    assert (again["before"], again["now"]["until"], again["now"]["set_by"]) == (
        record,
        None,
        "panel",
    )
    gone = ask("DELETE", f"{_PATH}?by=panel:bob").json
    assert (gone["now"], gone["before"]) == (None, again["now"])
    assert not ask("GET", f"/v1/usage/{ALICE.mailbox}").json["refused"]
    assert [(row.change.what, row.who) for row in recorded_changes(tables, 0)] == [
        ("release", "panel:bob"),
        ("suspend", "panel"),
        ("suspend", "panel:admin"),
    ]


def test_not_suspended(ask: WebClient) -> None:
    """Who is not suspended can't be released; a client treats that as done."""
    answer = ask("DELETE", _PATH)
    assert (answer.status, answer.code) == (404, "no_such_override")


def test_moments_of_changes(ask: WebClient) -> None:
    """In the audit trail moments are written as everywhere else in /v1; other texts are as they were."""
    ask("PUT", _PATH, {"until": _LATER, "reason": "2026-11-22T17:00:00+00:00"})
    ask("PUT", f"/v1/limits/{ALICE.mailbox}/mailbox.messages_per_day", {"max": 5, "until": _LATER})
    (limit, suspension) = ask("GET", "/v1/changes").json["changes"]
    assert (limit["after"]["until"], limit["after"]["set_at"]) == ("2026-11-22T17:00:00Z", _NOW)
    assert suspension["after"]["until"] == "2026-11-22T17:00:00Z"
    assert suspension["after"]["reason"] == "2026-11-22T17:00:00+00:00"
    ask("DELETE", "/v1/subjects/" + ALICE.mailbox)
    forgotten = ask("GET", "/v1/changes").json["changes"][0]["before"]
    assert {row["until"] for row in forgotten["limits"]} == {"2026-11-22T17:00:00Z"}


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"until": "2026-11-22T11:00:00Z"}, "until"),
        ({"until": "soon"}, "until"),
        ({"reason": "x" * 256}, "reason"),
        ({"max": 5}, "max"),
        ({"by": ""}, "by"),
    ],
)
def test_refused(ask: WebClient, body: dict[str, object], field: str) -> None:
    """What can't be is refused with its field, and nobody is suspended."""
    answer = ask("PUT", _PATH, body)
    assert (answer.status, answer.json["error"]["field"]) == (422, field)
    assert ask("GET", "/v1/suspensions").json["suspensions"] == []


def test_pages(ask: WebClient, tables: Connection) -> None:
    """Page after page gives each once; one that has ended, and a limit, are not among them."""
    for number in range(7):
        ask("PUT", f"/v1/suspensions/m{number}@x.org")
    ask("PUT", "/v1/limits/m3@x.org/mailbox.messages_per_day", {"max": 5})
    ask("PUT", "/v1/suspensions/ended@x.org", {"until": _LATER})
    tables.execute("UPDATE er_limit SET valid_until = '2026-11-22 11:00:00' WHERE valid_until > ''")
    found: list[str] = []
    target: str | None = "/v1/suspensions?limit=3"
    while target:
        page = ask("GET", target).json
        found += [each["subject"] for each in page["suspensions"]]
        target = page["next"] and f"/v1/suspensions?limit=3&after={page['next']}"
    assert found == [f"m{number}@x.org" for number in range(7)]
    assert ask("GET", "/v1/suspensions?subject=ended@x.org").json["suspensions"] == []
    assert len(ask("GET", "/v1/suspensions?subject=M3@x.org").json["suspensions"]) == 1


def test_for_admins(ask: WebClient) -> None:
    """The role read neither sees nor changes who is suspended."""
    reader = ask.as_peer(READER)
    for method, target in (("GET", "/v1/suspensions"), ("PUT", _PATH), ("DELETE", _PATH)):
        assert reader(method, target).status == 403
