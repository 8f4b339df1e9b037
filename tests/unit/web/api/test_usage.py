"""/v1/status, /v1/usage, /v1/history."""

from urllib.parse import quote

import pytest

from sendlimit.rules.limit import LIMIT_NAMES
from sendlimit.store.connection import Connection
from support.counting_samples import ALICE, ALICES_DAY, BERLIN, DAILY, NOON, key_of
from support.real_stores import insert_counter
from support.web_client import READER, WebClient

_TODAY = ALICES_DAY._replace(period_start=BERLIN.period(ALICES_DAY.window, NOON).start)


def test_status(ask: WebClient) -> None:
    """It names the release, the mode, the zone, the caller's role and every limit."""
    status = ask("GET", "/v1/status").json
    assert (status["mode"], status["store"]) == ("enforce", "ok")
    assert (status["timezone"], status["role"]) == ("Europe/Berlin", "admin")
    assert [each["limit"] for each in status["limits"]] == [str(name) for name in LIMIT_NAMES]


def test_usage(ask: WebClient, tables: Connection) -> None:
    """Moments end in Z; who is over the limit is refused until it starts again."""
    insert_counter(tables, _TODAY, 100)
    usage = ask.as_peer(READER)("GET", "/v1/usage/ALICE@example.org").json
    assert (usage["subject"], usage["known"], usage["refused"]) == (ALICE.mailbox, True, True)
    assert (usage["over_limit"], usage["resets_at"]) == (DAILY, "2026-11-22T23:00:00Z")
    assert usage["limits"][0]["remaining"] == 0


@pytest.mark.parametrize("login", ["a/b@x.org", "a%b@x.org", "a+b@x.org", "a?b@x.org", "ä ö@x.org"])
def test_one_segment(ask: WebClient, tables: Connection, login: str) -> None:
    """An address is one segment, whatever signs it has."""
    insert_counter(tables, _TODAY._replace(subject=login), 1)
    usage = ask("GET", f"/v1/usage/{quote(login, safe='')}").json
    assert (usage["subject"], usage["known"]) == (login, True)


def test_many(ask: WebClient, tables: Connection) -> None:
    """As many as are asked for, in their order; those never seen are not known."""
    insert_counter(tables, _TODAY, 7)
    subjects = ["new@x.org", ALICE.mailbox, *(f"m{number}@x.org" for number in range(498))]
    answer = ask("POST", "/v1/usage", {"subjects": subjects})
    found = answer.json["usage"]
    assert [each["subject"] for each in found] == subjects
    assert [each["known"] for each in found[:3]] == [False, True, False]
    assert found[1]["limits"][0]["used"] == 7
    assert "defaults" not in found[0]
    assert "last_episode" not in found[1]["limits"][0]


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"subjects": ["a@x.org"] * 501}, "subjects"),
        ({"subjects": ["a@x.org", "*@x.org"]}, "subjects.1"),
        ({"subjects": ["a@x.org", 1]}, "subjects.1"),
        ({"subjects": "a@x.org"}, "subjects"),
        ({"subjects": [], "more": 1}, "more"),
        ({}, "subjects"),
    ],
)
def test_many_refused(ask: WebClient, body: object, field: str) -> None:
    """What is wrong is named by its place."""
    answer = ask("POST", "/v1/usage", body)
    assert (answer.status, answer.json["error"]["field"]) == (422, field)


def test_history(ask: WebClient, tables: Connection) -> None:
    """Every day or hour until now."""
    insert_counter(tables, _TODAY, 7)
    insert_counter(tables, key_of("mailbox.messages_per_hour", ALICE.mailbox), 3)
    days = ask("GET", f"/v1/history/{ALICE.mailbox}?days=400").json
    hours = ask("GET", f"/v1/history/{ALICE.mailbox}?days=1&window=hour").json
    assert (len(days["periods"]), days["periods"][-1]["used"], days["max"]) == (400, 7, 100)
    assert (len(hours["periods"]), hours["periods"][-1]["used"]) == (14, 3)
    assert hours["limit"] == "mailbox.messages_per_hour"


@pytest.mark.parametrize(
    "query", ["days=0", "days=401", "days=x", "window=month", "window=ever", "unit=octets"]
)
def test_history_refused(ask: WebClient, query: str) -> None:
    """Only days and hours, of at most 400 days."""
    answer = ask("GET", f"/v1/history/a@x.org?{query}")
    assert (answer.status, answer.json["error"]["field"]) == (422, query.partition("=")[0])
