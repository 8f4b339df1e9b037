"""/v1/usage/SUBJECT/reset, /v1/rename, /v1/subjects."""

import pytest

from sendlimit.rules.login_map import LoginMap
from sendlimit.store.changes import recorded_changes
from sendlimit.store.connection import Connection
from sendlimit.web.api.common import Service
from support.counting_samples import ALICE, ALICES_DAY, BERLIN, BOB, NOON
from support.real_stores import insert_counter
from support.web_client import WebClient

_TODAY = ALICES_DAY._replace(period_start=BERLIN.period(ALICES_DAY.window, NOON).start)


def test_reset(ask: WebClient, tables: Connection) -> None:
    """The running counts are taken away once, with or without a body."""
    insert_counter(tables, _TODAY, 7)
    path = f"/v1/usage/{ALICE.mailbox}/reset"
    (taken,) = ask("POST", path, {"by": "panel:admin"}).json
    assert (taken["limit"], taken["taken"]) == ("mailbox.messages_per_day", 7)
    assert ask("POST", path).json == []
    assert [row.who for row in recorded_changes(tables, 0)] == ["panel:admin"]


def test_rename(ask: WebClient, tables: Connection) -> None:
    """Counts move to the new name."""
    insert_counter(tables, _TODAY, 7)
    answer = ask("POST", "/v1/rename", {"from": ALICE.mailbox, "to": BOB.mailbox, "by": "me"}).json
    assert (answer["from"], answer["to"], answer["counters"]) == (ALICE.mailbox, BOB.mailbox, 1)
    assert answer["applied"] is True
    assert ask("GET", f"/v1/usage/{BOB.mailbox}").json["limits"][0]["used"] == 7
    assert ask("GET", f"/v1/usage/{ALICE.mailbox}").json["known"] is False


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"from": "global", "to": "a@x.org"}, "from"),
        ({"from": "x.org", "to": "a@x.org"}, "to"),
        ({"from": "a@x.org", "to": "A@x.org"}, "to"),
        ({"from": "*@x.org", "to": "a@x.org"}, "from"),
        ({"from": "a@x.org"}, "to"),
        ({"to": "a@x.org"}, "from"),
    ],
)
def test_rename_refused(ask: WebClient, body: object, field: str) -> None:
    """Only two mailboxes or two domains."""
    answer = ask("POST", "/v1/rename", body)
    assert (answer.status, answer.json["error"]["field"]) == (422, field)


def test_forget(ask: WebClient, tables: Connection) -> None:
    """All of it goes; the trail stays; a second time there is nothing."""
    insert_counter(tables, _TODAY, 7)
    path = f"/v1/subjects/{ALICE.mailbox}"
    assert ask("DELETE", f"{path}?by=me").json["counters"] == 1
    assert ask("DELETE", path).json["counters"] == 0
    assert [(row.who, row.change.what) for row in recorded_changes(tables, 0)] == [("me", "forget")]
    assert ask("DELETE", "/v1/subjects/global").json["error"]["field"] == "subject"


def test_names_as_they_are_stored(ask: WebClient, service: Service, tables: Connection) -> None:
    """Where an old name is another spelling of the new one by now, its counts can still be moved."""
    service.live.use_login_map(LoginMap([(ALICE.mailbox, BOB.mailbox)]))
    insert_counter(tables, _TODAY, 7)
    moved = ask("POST", "/v1/rename", {"from": ALICE.mailbox, "to": BOB.mailbox}).json
    assert (moved["from"], moved["counters"]) == (ALICE.mailbox, 1)
    usage = ask("GET", f"/v1/usage/{ALICE.mailbox}").json
    assert (usage["subject"], usage["limits"][0]["used"]) == (BOB.mailbox, 7)
    many = ask("POST", "/v1/usage", {"subjects": [ALICE.mailbox, "x@x.org"]}).json["usage"]
    assert [each["subject"] for each in many] == [BOB.mailbox, "x@x.org"]
    assert ask("DELETE", f"/v1/subjects/{ALICE.mailbox}").json["counters"] == 0
