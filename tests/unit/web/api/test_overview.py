"""/v1/overview, /v1/top, /v1/refusals, /v1/changes."""

from functools import partial

import pytest

from sendlimit.rules.limit import Scope
from sendlimit.store.changes import Author, Change, make_change
from sendlimit.store.connection import Connection
from sendlimit.store.findings import KeptFinding, keep_findings
from support.command_samples import episode
from support.counting_samples import ALICE, ALICES_DAY, BERLIN, BOB, NOON
from support.real_stores import insert_counter, insert_episode
from support.web_client import WebClient

_TODAY = ALICES_DAY._replace(period_start=BERLIN.period(ALICES_DAY.window, NOON).start)


def test_overview(ask: WebClient, tables: Connection) -> None:
    """Everything that an admin looks at first."""
    insert_counter(tables, _TODAY, 7)
    insert_episode(tables, episode(_TODAY, last_at=NOON - 60))
    keep_findings(
        tables, [KeptFinding("attached", "twice", "smtp", "error", "is twice", NOON)], NOON
    )
    found = ask("GET", "/v1/overview?top=1&since=1h").json
    assert (found["mode"], found["global"]["subject"]) == ("enforce", "*")
    assert found["top"]["subjects"] == [{"subject": ALICE.mailbox, "used": 7, "max": 100}]
    assert [each["attempts"] for each in found["refusals"]] == [3]
    assert found["findings"][0]["code"] == "twice"
    assert found["doctor_at"] == "2026-11-22T12:00:00Z"


def test_top(ask: WebClient, tables: Connection) -> None:
    """As many as wanted, the highest first; other scopes, windows and units are counters of theirs."""
    for number in range(5):
        insert_counter(tables, _TODAY._replace(subject=f"m{number}@x.org"), number + 1)
    found = ask("GET", "/v1/top?number=2").json
    assert [each["used"] for each in found["subjects"]] == [5, 4]
    other = ask("GET", "/v1/top?scope=domain&window=month&unit=recipients").json
    assert (other["limit"], other["subjects"]) == ("domain.recipients_per_month", [])
    assert ask("GET", "/v1/top?scope=global").status == 422


def test_refusals_in_pages(ask: WebClient, tables: Connection) -> None:
    """Page after page gives each episode once, also where many have the same moment."""
    for number in range(25):
        key = _TODAY._replace(subject=f"m{number}@x.org")
        insert_episode(tables, episode(key, last_at=NOON - 10 * (number // 10)))
    found: list[str] = []
    target = "/v1/refusals?limit=4"
    while True:
        page = ask("GET", target).json
        found += [each["subject"] for each in page["refusals"]]
        if page["next"] is None:
            break
        target = f"/v1/refusals?limit=4&before={page['next']}"
    assert len(found) == len(set(found)) == 25


def test_refusals_of_one(ask: WebClient, tables: Connection) -> None:
    """Those by its own limits, and those where it was refused last; before a moment."""
    insert_episode(tables, episode(_TODAY, last_at=NOON - 60))
    domain = _TODAY._replace(scope=Scope.DOMAIN, subject="example.org")
    insert_episode(tables, episode(domain, last_at=NOON - 120, mailbox=BOB.mailbox))

    def subjects(query: str) -> list[str]:
        return [each["subject"] for each in ask("GET", f"/v1/refusals?{query}").json["refusals"]]

    assert subjects(f"subject={BOB.mailbox}") == ["example.org"]
    assert subjects("subject=example.org") == ["example.org"]
    assert subjects("before=2026-11-22T11:59:00Z") == ["example.org"]
    assert subjects("since=90m") == [ALICE.mailbox, "example.org"]
    assert subjects("since=1m") == [ALICE.mailbox]


@pytest.mark.parametrize(
    ("target", "field"),
    [
        ("/v1/refusals?since=yesterday", "since"),
        ("/v1/refusals?before=never", "before"),
        ("/v1/refusals?limit=501", "limit"),
        ("/v1/overview?since=", "since"),
        ("/v1/changes?before=x", "before"),
        ("/v1/changes?subject=*@x.org", "subject"),
    ],
)
def test_refused(ask: WebClient, target: str, field: str) -> None:
    """What can't be read is named."""
    answer = ask("GET", target)
    assert (answer.status, answer.json["error"]["field"]) == (422, field)


def _same(change: Change) -> tuple[None, list[Change]]:
    return None, [change]


def test_changes(ask: WebClient, tables: Connection) -> None:
    """The audit trail in pages, the last first; of one subject."""
    by = Author("carol", "page", NOON)
    for number in range(5):
        change = Change("forget", f"m{number}@x.org", {"counters": 1})
        make_change(tables, by, partial(_same, change))
    page = ask("GET", "/v1/changes?limit=3").json
    rest = ask("GET", f"/v1/changes?limit=3&before={page['next']}").json
    assert [each["id"] for each in page["changes"] + rest["changes"]] == [5, 4, 3, 2, 1]
    assert rest["next"] is None
    (one,) = ask("GET", "/v1/changes?subject=m2@x.org").json["changes"]
    assert (one["who"], one["origin"], one["before"]) == ("carol", "page", {"counters": 1})
