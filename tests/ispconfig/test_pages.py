"""The pages of the extension in a made-up panel, over a real `sendlimit web`, in every role."""

import re
import time
from pathlib import Path

import pytest

from support.doubles.api import BrokenApi
from support.reading import read_on
from support.rig.panel import SCRIPT, TAB, MadeUpPanel, PanelUser, fields_of, tab
from support.rig.process import wait_for
from support.rig.web import USER, Web, overrides

pytestmark = pytest.mark.usefixtures("counted")

_LIMIT = "mailbox.messages_per_day"
_ADMIN_PAGES = (
    "sendlimit_server",
    "sendlimit_overrides",
    "sendlimit_override_edit",
    "sendlimit_override_delete",
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


def test_a_message_in_the_address(admin: PanelUser) -> None:
    """A page says only what the extension has words for."""
    for word in (SCRIPT, "tab", "error_x", "away"):
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
    text = admin.post(TAB, {**form, "next_tab": "autoresponder"})
    assert text == "mailuser autoresponder sendlimit\n"
    assert "37 of 100" in admin.post(TAB, {**form, "next_tab": "nothing"})


def test_two_windows(admin: PanelUser) -> None:
    """A form of another tab is saved as that tab, though the session's tab is ours by then."""
    tab(admin, 1)
    assert admin.post(TAB, {"id": "1", "autoresponder_text": "x"}).endswith("autoresponder")
    tab(admin, 1)
    assert admin.post(TAB, {"id": "1", "email": "x", "disablesmtp": "y"}).endswith("mailuser")


def test_a_new_mailbox_has_no_tab(admin: PanelUser) -> None:
    """A form without a mailbox is core's alone."""
    assert "sendlimit" not in admin.get(TAB, id="")


def test_away(panel: MadeUpPanel, web: Web, folder: Path) -> None:
    """A server that hangs costs our pages 1.5 s and core's nothing; the reason is for admins."""
    path = folder / "hangs.sock"
    try:
        panel.use_socket(path)
        admin, client, owner = map(panel.login, ("admin", "client", "anna"))
        with BrokenApi(path, "hang", USER) as server:
            start = time.monotonic()
            assert "sendlimit" in admin.get(TAB, id="1")
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
        assert admin.get(TAB, id="1") == "mailuser autoresponder\n"
        assert admin.answer("mail/sendlimit_list.php")[0] == 404
    finally:
        panel.process.kill()
