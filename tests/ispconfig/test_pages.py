"""The pages of the extension in a made-up panel, over a real `sendlimit web`, in every role."""

import html
import re
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import parse_qsl, quote

import pytest

from support.doubles.api import BrokenApi
from support.reading import read_on
from support.rig.counters import Counters
from support.rig.panel import MadeUpPanel, PanelUser, fields_of
from support.rig.process import wait_for
from support.rig.web import USER, Web

_LIMIT = "mailbox.messages_per_day"
_SCRIPT = "<script>alert(1)</script>"
_ADMIN_PAGES = (
    "sendlimit_server",
    "sendlimit_overrides",
    "sendlimit_override_edit",
    "sendlimit_override_delete",
)
_TAB = "mail/mail_user_edit.php"


def tab(user: PanelUser, mailbox: int) -> str:
    """Open the tab of a mailbox."""
    return user.get(_TAB, id=str(mailbox), next_tab="sendlimit")


def overrides(web: Web) -> list[tuple[str, int | None, str]]:
    """Return what is set: subject, number, who."""
    rows = web.ask("GET", "/v1/limits", over=web.admin_socket).json["limits"]
    return [(row["subject"], row["max"], row["set_by"]) for row in rows]


@pytest.fixture
def admin(panel: MadeUpPanel, web: Web) -> Iterator[PanelUser]:
    """The admin; nothing is set before and after."""
    yield panel.login("admin")
    for subject, _, _ in overrides(web):
        body = {"unset": [_LIMIT]}
        web.ask("PATCH", f"/v1/limits/{quote(subject, safe='')}", body, over=web.admin_socket)
    assert overrides(web) == []


@pytest.fixture(scope="module", autouse=True)
def _counted(web: Web, counters: Counters) -> None:
    """Some mail was counted and refused, some of it with a script for an address."""
    day = web.ask("GET", "/v1/usage/global", over=web.admin_socket).json["limits"][0][
        "period_start"
    ]
    start = day.replace("T", " ").removesuffix("Z")
    for scope, subject, used in (
        ("mailbox", "anna@one.example", 37),
        ("mailbox", "cora@two.example", 100),
        ("mailbox", f"{_SCRIPT}@res.example", 3),
        ("global", "*", 140),
    ):
        values = (scope, subject, "messages", "day", start, used)
        counters.query("INSERT INTO er_counter VALUES (%s, %s, %s, %s, %s, %s)", *values)
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M:%S")
    for scope, subject, limit, sender, mailbox in (
        ("mailbox", "cora@two.example", 100, f"{_SCRIPT}@two.example", "cora@two.example"),
        ("global", "*", 999, "anna@one.example", "anna@one.example"),
    ):
        key = (scope, subject, "messages", "day", start)
        counters.query(
            "INSERT INTO er_refusal VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
            *(*key, limit, now, now, 14, "203.0.113.9", sender, mailbox),
        )


def test_menus(panel: MadeUpPanel) -> None:
    """Each role has its pages in the menu, in its language; also where core loses what menu.d adds."""
    for how in ({}, {"without_menu": "1"}):
        admin = panel.login("admin", **how).menu
        assert re.findall(r"mail/(sendlimit_\w+)\.php", admin) == [
            "sendlimit_server",
            "sendlimit_list",
            "sendlimit_overrides",
        ]
        other = panel.login("other", **how).menu
        assert re.findall(r"sendlimit.*", other) == ["sendlimit_list.php Postfächer"]
        owner = panel.login("anna", **how).menu
        assert re.findall(r"mailuser/sendlimit.*", owner) == [
            "mailuser/sendlimit.php Sending limit"
        ]


def test_the_tab(panel: MadeUpPanel) -> None:
    """Asked by its address in small letters, whatever the login's name is; numbers by role."""
    text = tab(panel.login("admin"), 1)
    assert "37 of 100 messages a day" in text
    assert "140 of 999 messages a day" in text
    assert "at most 50 recipients of one message" in text
    assert 'name="sendlimit_kind"' in text
    assert "Server: 999 messages a day" in text
    text = tab(panel.login("client"), 1)
    assert "37 of 100 messages a day" in text
    assert "999" not in read_on(text)
    assert 'name="sendlimit_kind"' not in text
    text = tab(panel.login("other"), 3)
    assert "Das Limit ist erreicht" in text
    assert "Nachrichten pro Tag: 100 von 100" in text


def test_a_mailbox_of_another_client(panel: MadeUpPanel) -> None:
    """By its id: neither numbers, nor a change."""
    client = panel.login("client")
    assert tab(client, 3).endswith('<p class="error">no permission</p>')
    form = fields_of(tab(client, 1))
    answer = client.post(
        "mail/sendlimit_save.php", {**form, "id": "3", "sendlimit_kind": "unlimited"}
    )
    assert "Only administrators" in answer


def test_lists(panel: MadeUpPanel) -> None:
    """Each sees the own mailboxes with their numbers; scripts in addresses are text."""
    text = panel.login("client").get("mail/sendlimit_list.php")
    assert re.findall(r"next_tab=sendlimit\">(.*?)</a>", text) == [
        "Anna@one.example",
        "ben@one.example",
    ]
    assert "37 of 100 messages a day" in text
    text = panel.login("admin").get("mail/sendlimit_list.php")
    assert "mail from this mailbox is refused until" in text
    assert "&lt;script&gt;alert(4)&lt;/script&gt;@res.example" in text
    assert "<script" not in text


def test_the_owner(panel: MadeUpPanel) -> None:
    """A mailbox user sees the own mailbox only, whatever the request says."""
    owner = panel.login("anna")
    for query in ({}, {"id": "3", "mailuser_id": "3"}):
        text = owner.get("mailuser/sendlimit.php", **query)
        assert "37 of 100 messages a day" in text
        assert "of 600" not in text
        assert "999" not in read_on(text)
        assert "cora" not in text
    for page in (*_ADMIN_PAGES, "sendlimit_list", "sendlimit_save"):
        assert owner.answer(f"mail/{page}.php", {"id": "3"}) == (302, "")


@pytest.mark.parametrize("role", ["client", "reseller", "other"])
def test_pages_of_admins(role: str, panel: MadeUpPanel, web: Web) -> None:
    """Others may neither open them nor post to them, with a good token neither."""
    user = panel.login(role)
    own = fields_of(tab(user, 3 if role == "other" else 1))
    wanted = {
        **own,
        "sendlimit_kind": "unlimited",
        "sendlimit_subject": "anna@one.example",
        "sendlimit_limit": _LIMIT,
        "subject": "anna@one.example",
        "limit": _LIMIT,
    }
    refused = '<p class="error">(Only administrators|Das dürfen nur)'
    for page in (*_ADMIN_PAGES, "sendlimit_save"):
        assert re.match(refused, user.get(f"mail/{page}.php"))
        assert re.match(refused, user.post(f"mail/{page}.php", wanted))
    assert overrides(web) == []


def test_without_a_login(panel: MadeUpPanel) -> None:
    """Without a session there is nothing."""
    user = panel.login("admin")
    user.log_out()
    assert user.answer("mail/sendlimit_server.php") == (302, "")


def test_saving_in_the_tab(admin: PanelUser, web: Web) -> None:
    """A limit of its own, a boost beside it, unlimited, and as for everyone again."""
    form = fields_of(tab(admin, 1))
    own = {"sendlimit_kind": "own", "sendlimit_max": "250", "sendlimit_reason": f"May {_SCRIPT}"}
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
    subject = f"{_SCRIPT}@res.example"
    new = {
        **fields_of(admin.get(page)),
        "sendlimit_subject": subject,
        "sendlimit_max": "7",
        "sendlimit_reason": _SCRIPT,
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


def test_a_message_in_the_address(admin: PanelUser) -> None:
    """A page says only what the extension has words for."""
    for word in (_SCRIPT, "tab", "error_x", "away"):
        text = admin.get("mail/sendlimit_overrides.php", sendlimit_message=word)
        assert "alert-success" not in text
        assert "alert-danger" not in text


def test_a_suspended_mailbox(panel: MadeUpPanel, web: Web) -> None:
    """It is said everywhere; who did it and why is for admins."""
    target = "/v1/suspensions/ben@one.example"
    web.ask("PUT", target, {"reason": "stolen", "by": "carol"}, over=web.admin_socket)
    try:
        admin, client = panel.login("admin"), panel.login("client")
        for text in (tab(admin, 2), tab(client, 2), client.get("mail/sendlimit_list.php")):
            assert "Sending is suspended" in text
        assert "Set by carol: stolen" in tab(admin, 2)
        assert "carol" not in tab(client, 2)
    finally:
        web.ask("DELETE", target, over=web.admin_socket)


def test_the_server(admin: PanelUser) -> None:
    """The server's bar, who sends most, what was refused; scripts are text."""
    text = admin.get("mail/sendlimit_server.php")
    assert "140 of 999 messages a day" in text
    assert 'id=3&amp;next_tab=sendlimit">cora@two.example</a>' in text
    assert "Mail over a limit is refused." in text
    assert text.count("&lt;script&gt;alert(1)&lt;/script&gt;") == 2
    assert "<script" not in text


def test_core_saves_nothing_of_the_tab(admin: PanelUser) -> None:
    """A click on another tab posts ours: core must not save it, but show the other one."""
    form = fields_of(tab(admin, 1))
    text = admin.post(_TAB, {**form, "next_tab": "autoresponder"})
    assert text == "mailuser autoresponder sendlimit\n"
    assert "37 of 100" in admin.post(_TAB, {**form, "next_tab": "nothing"})


def test_two_windows(admin: PanelUser) -> None:
    """A form of another tab is saved as that tab, though the session's tab is ours by then."""
    tab(admin, 1)
    assert admin.post(_TAB, {"id": "1", "autoresponder_text": "x"}).endswith("autoresponder")
    tab(admin, 1)
    assert admin.post(_TAB, {"id": "1", "email": "x", "disablesmtp": "y"}).endswith("mailuser")


def test_a_new_mailbox_has_no_tab(admin: PanelUser) -> None:
    """A form without a mailbox is core's alone."""
    assert "sendlimit" not in admin.get(_TAB, id="")


def test_away(panel: MadeUpPanel, web: Web, folder: Path) -> None:
    """A server that hangs costs our pages 1.5 s and core's nothing; the reason is for admins."""
    path = folder / "hangs.sock"
    try:
        panel.use_socket(path)
        admin, client, owner = map(panel.login, ("admin", "client", "anna"))
        with BrokenApi(path, "hang", USER) as server:
            start = time.monotonic()
            assert "sendlimit" in admin.get(_TAB, id="1")
            assert server.requests == 0
            for page in ("server", "list", "overrides", "override_edit"):
                text = admin.get(f"mail/sendlimit_{page}.php")
                assert "Mail is not affected" in text
                assert "unreachable" in text
            assert "unreachable" in tab(admin, 1)
            for text in (tab(client, 1), owner.get("mailuser/sendlimit.php")):
                assert "Mail is not affected" in text
                assert "unreachable" not in text
            assert time.monotonic() - start < 7 * 2.5
            assert server.requests == 7
    finally:
        panel.use_socket(web.admin_socket)


def test_thousands_of_mailboxes(panel: MadeUpPanel, web: Web) -> None:
    """All of them on one page: asked in few requests, and shown with or without numbers."""
    (panel.tree / "many").touch()
    try:
        admin = panel.login("admin")

        def has_numbers() -> bool:
            before = web.process.log_text().count("POST /v1/usage")
            text = admin.get("mail/sendlimit_list.php")
            assert text.count("next_tab=sendlimit") == 5004
            assert web.process.log_text().count("POST /v1/usage") - before <= 51
            return text.count("0 of 100 messages a day") >= 99

        # On a busy machine the first 100 may take longer than the API waits for its database.
        wait_for(has_numbers, 60, "the list has numbers")
    finally:
        (panel.tree / "many").unlink()


def test_removed_while_people_are_logged_in(web: Web, root: Path) -> None:
    """Core's pages go on; only our own are gone."""
    panel = MadeUpPanel(root)
    panel.install("install")
    panel.use_socket(web.admin_socket)
    panel.start()
    try:
        admin = panel.login("admin")
        assert "37 of 100" in tab(admin, 1)
        panel.install("remove")
        assert admin.get(_TAB, id="1") == "mailuser autoresponder\n"
        assert admin.answer("mail/sendlimit_list.php")[0] == 404
    finally:
        panel.process.kill()
