"""What the pages of the extension save: over a real `sendlimit web`, only what an admin may and means."""

import html
import re
from urllib.parse import parse_qsl

import pytest

from support.rig.panel import SCRIPT, PanelUser, fields_of, tab
from support.rig.web import Web, overrides

pytestmark = pytest.mark.usefixtures("counted")

_LIMIT = "mailbox.messages_per_day"


def test_saving_in_the_tab(admin: PanelUser, web: Web) -> None:
    """A limit of its own, a boost beside it, unlimited, and as for everyone again."""
    form = fields_of(tab(admin, 1))
    own = {"sendlimit_kind": "own", "sendlimit_max": "250", "sendlimit_reason": f"May {SCRIPT}"}
    boost = {"sendlimit_boost_max": "500", "sendlimit_boost_until": "2099-12-24 18:00"}
    text = admin.post("mail/sendlimit_save.php", {**form, **own, **boost})
    assert "Saved." in text
    assert "37 of 500 messages a day" in text
    assert "Raised until 2099-12-24 18:00." in text
    assert "May &lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "<script" not in text
    who = "ispconfig:admin"
    assert overrides(web) == [("anna@one.example", 250, who), ("anna@one.example", 500, who)]

    form = fields_of(text)
    assert (form["sendlimit_max"], form["sendlimit_boost_until"]) == ("250", "2099-12-24 18:00")
    gone = {"sendlimit_boost_max": "", "sendlimit_boost_until": ""}
    text = admin.post("mail/sendlimit_save.php", {**form, **gone, "sendlimit_kind": "unlimited"})
    assert overrides(web) == [("anna@one.example", None, who)]
    admin.post("mail/sendlimit_save.php", {**fields_of(text), "sendlimit_kind": "everyone"})
    assert overrides(web) == []


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"sendlimit_kind": "own", "sendlimit_max": "-1"}, "whole number"),
        ({"sendlimit_kind": "own", "sendlimit_max": "9" * 16}, "whole number"),
        ({"sendlimit_kind": "own", "sendlimit_max": ""}, "whole number"),
        ({"sendlimit_boost_max": "5"}, "both a number and an end"),
        (
            {"sendlimit_boost_max": "5", "sendlimit_boost_until": "2020-01-01 00:00"},
            "still to come",
        ),
        (
            {"sendlimit_boost_max": "5", "sendlimit_boost_until": "2099-02-30 00:00"},
            "still to come",
        ),
        ({"sendlimit_kind": "own", "sendlimit_max": "5", "sendlimit_reason": "x" * 256}, "255"),
    ],
)
def test_wrong_input(fields: dict[str, str], said: str, admin: PanelUser, web: Web) -> None:
    """It is said what is wrong, and nothing is changed."""
    text = admin.post("mail/sendlimit_save.php", {**fields_of(tab(admin, 1)), **fields})
    assert said in re.findall(r'alert-danger">(.*?)<', text)[0]
    assert overrides(web) == []


def test_two_admins(admin: PanelUser, web: Web) -> None:
    """The second who saves is told that the first has, and nothing is set."""
    form = fields_of(tab(admin, 1))
    web.ask("PUT", f"/v1/limits/anna@one.example/{_LIMIT}", {"max": 9}, over=web.admin_socket)
    mine = {"sendlimit_kind": "own", "sendlimit_max": "250"}
    assert "Another admin" in admin.post("mail/sendlimit_save.php", {**form, **mine})
    assert [row[:2] for row in overrides(web)] == [("anna@one.example", 9)]


def test_tokens(admin: PanelUser, web: Web) -> None:
    """A form without a token, with a forged one, or with one used up, changes nothing."""
    form = {**fields_of(tab(admin, 1)), "sendlimit_kind": "unlimited"}
    for key in ("", "forged"):
        answer = admin.post("mail/sendlimit_save.php", {**form, "_csrf_key": key})
        assert "CSRF attempt blocked" in answer
        form = {**fields_of(tab(admin, 1)), "sendlimit_kind": "unlimited"}
    assert "only" in admin.get("mail/sendlimit_save.php", id="1").lower()
    assert overrides(web) == []
    assert "Saved." in admin.post("mail/sendlimit_save.php", form)
    form["sendlimit_kind"] = "everyone"
    for page in ("save", "override_edit", "override_delete"):
        assert "CSRF attempt blocked" in admin.post(f"mail/sendlimit_{page}.php", form)
    assert [row[:2] for row in overrides(web)] == [("anna@one.example", None)]


def test_overrides(admin: PanelUser, web: Web) -> None:
    """Set, changed and taken back; scripts in names and reasons are text."""
    page = "mail/sendlimit_override_edit.php"
    subject = f"{SCRIPT}@res.example"
    new = {
        **fields_of(admin.get(page)),
        "sendlimit_subject": subject,
        "sendlimit_max": "7",
        "sendlimit_reason": SCRIPT,
    }
    text = admin.post(page, new)
    assert "Saved." in text
    assert text.count("&lt;script&gt;") == 2
    assert "<script" not in text
    assert overrides(web) == [(subject, 7, "ispconfig:admin")]

    link = re.findall(r"sendlimit_override_edit\.php\?(server_id=1&amp;subject=[^\"]*)", text)[0]
    query = dict(parse_qsl(html.unescape(link)))
    text = admin.get(page, **query)
    text = admin.post(page, {**fields_of(text), "sendlimit_max": "many"})
    assert "whole number" in text
    assert "Saved." in admin.post(page, {**fields_of(text), "sendlimit_max": "8"})
    assert overrides(web)[0][1] == 8

    question = admin.get("mail/sendlimit_override_delete.php", **query)
    assert "<script" not in question
    text = admin.post("mail/sendlimit_override_delete.php", fields_of(question))
    assert "The limit is taken back." in text
    assert overrides(web) == []


def test_a_limit_that_can_not_count(admin: PanelUser) -> None:
    """What the API refuses is said beside the form, which keeps what was typed."""
    page = "mail/sendlimit_override_edit.php"
    form = fields_of(admin.get(page))
    wanted = {"sendlimit_subject": "one.example", "sendlimit_limit": "global.messages_per_day"}
    text = admin.post(page, {**form, **wanted, "sendlimit_max": "7"})
    assert "no mailbox, domain or" in text
    assert fields_of(text) | wanted | {"sendlimit_max": "7"} == fields_of(text)
