"""What a user reads when a mail is refused: sendlimit's refusals in words, others as they were."""

from collections.abc import Iterator
from datetime import datetime

import pytest

from roundcube.conftest import LogIn
from roundcube.test_compose import again
from support.rig.browser import Chromium
from support.rig.mailboxes import FreshDomain
from support.rig.webmail import Line
from support.rig.webmail_scene import BUSY, WebmailScene

pytestmark = pytest.mark.postfix


@pytest.mark.parametrize(
    ("skin", "language", "text"),
    [
        ("larry", "en", "Sending limit reached: 5 of 5 sent today, again from {}"),
        ("elastic", "de", "Versandgrenze erreicht: heute 5 von 5 gesendet, neu ab {}"),
    ],
)
def test_limit_reached(  # noqa: PLR0913, PLR0917 - the fixtures
    scene: WebmailScene,
    browser: Chromium,
    log_in: LogIn,
    domain: FreshDomain,
    skin: str,
    language: str,
    text: str,
) -> None:
    """The refusal is in the user's language, the line turns red, the mail stays in the editor."""
    browser.show(language=language)
    scene.roundcube.configure({"skin": skin})
    scene.send(domain.alice, 4)
    webmail = log_in(domain.alice)
    webmail.compose()
    scene.send(domain.alice)
    expected = text.format(again(scene))
    assert webmail.send() == expected
    assert webmail.line() == Line("error", expected)
    assert webmail.body() == "Hello"
    assert browser.console() == []


def test_limit_of_the_server(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """When the server's limit is reached, no number of it is told."""
    scene.send(domain.alice)
    webmail = log_in(domain.alice)
    webmail.compose()
    scene.set_limit("global", "global.messages_per_day", scene.store.used())
    try:
        expected = f"This server has reached its sending limit, again from {again(scene)}"
        assert webmail.send() == expected
        assert webmail.line() == Line("error", expected)
        assert "Limit of the server" in webmail.settings_page()
    finally:
        scene.drop_limit("global", "global.messages_per_day")


def test_limit_of_the_domain(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """When the domain's limit is reached, no number of it is told."""
    scene.send(domain.alice)
    scene.set_limit(f"@{domain.name}", "domain.messages_per_day", 1)
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.send() == f"Your domain has reached its sending limit, again from {again(scene)}"


def test_too_many_recipients(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """A mail with too many recipients is not mistaken for the last one of the day."""
    scene.send(domain.alice, 4)
    scene.set_limit(domain.alice, "mailbox.recipients_per_message", 2)
    webmail = log_in(domain.alice)
    webmail.compose("one@example.com, two@example.com, three@example.com")
    assert webmail.send() == "Too many recipients: one message may go to 2 at most"
    assert webmail.line() == Line("warning", f"Sent 4 of 5 today, again from {again(scene)}")


def test_recipients_left(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """A mail with more recipients than are left today says how many are."""
    scene.set_limit(domain.alice, "mailbox.recipients_per_day", 3)
    scene.send(domain.alice, 2)
    webmail = log_in(domain.alice)
    webmail.compose("one@example.com, two@example.com")
    expected = f"Too many recipients: 1 of 3 are left today, again from {again(scene)}"
    assert webmail.send() == expected


def test_other_servers(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """A limit of mail to other servers says that it is one (R18)."""
    scene.set_limit(domain.alice, "mailbox.external_messages_per_day", 1)
    scene.send(domain.alice)
    webmail = log_in(domain.alice)
    webmail.compose()
    time = again(scene)
    assert webmail.line() == Line("error", f"Sent 1 of 1 to other servers today, again from {time}")
    expected = f"Sending limit for other servers reached: 1 of 1 sent today, again from {time}"
    assert webmail.send() == expected
    assert f"Messages to other servers a day\n1 of 1\nagain from {time}" in webmail.settings_page()


def test_rolling_window(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """When a limit of 24 hours has room again is said only where it is known (R19)."""
    scene.set_limit(domain.alice, "mailbox.messages_per_rolling_day", 2)
    scene.send(domain.alice)
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() == Line("information", "Sent 1 of 2 in 24 hours")
    scene.send(domain.alice)
    usage = scene.web.ask("GET", f"/v1/usage/{domain.alice}", over=scene.web.admin_socket).json
    time = datetime.fromisoformat(usage["resets_at"]).strftime("%H:%M")
    expected = f"Sending limit reached: 2 of 2 sent in 24 hours, again from {time}"
    assert webmail.send() == expected
    assert f"Messages in any 24 hours\n2 of 2\nagain from {time}" in webmail.settings_page()


def test_suspended(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """Of a suspension no number is told."""
    scene.send(domain.alice)
    assert scene.daemon.command("suspend", domain.alice).exit_code == 0
    webmail = log_in(domain.alice)
    webmail.compose()
    expected = "Sending is suspended for this mailbox, please ask your administrator"
    assert webmail.line() == Line("error", expected)
    assert webmail.send() == expected
    assert expected in webmail.settings_page()


def test_switched_off(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """A limit of 0 names no moment at which sending works again."""
    scene.set_limit(domain.alice, "mailbox.messages_per_day", 0)
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.send() == "Sending is switched off for this mailbox"


@pytest.fixture
def other_reply(scene: WebmailScene) -> Iterator[str]:
    """A text of the admin's own, at the end of the message."""
    before = scene.daemon.config_file.read_text()
    text = "Njet <script>document.title = 'evil'</script>"
    table = f'[reply]\ncode = 451\nat = "end-of-message"\nmailbox = "{text}"\n'
    scene.daemon.write_config(f"{before}\n{table}")
    assert "config-loaded" in scene.daemon.reload()
    yield text
    scene.daemon.write_config(before)
    assert "config-loaded" in scene.daemon.reload()


@pytest.mark.usefixtures("other_reply")
def test_other_reply(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """The refusal is known by what sendlimit has counted, not by the words of its reply."""
    scene.send(domain.alice, 5)
    webmail = log_in(domain.alice)
    webmail.compose()
    expected = f"Sending limit reached: 5 of 5 sent today, again from {again(scene)}"
    assert webmail.send() == expected
    assert webmail.browser.driver.title != "evil"


def test_other_refusals(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """A refusal that is not sendlimit's is shown as without the plugin."""
    scene.send(domain.alice)
    webmail = log_in(domain.alice)
    webmail.compose(BUSY)
    error = webmail.send()
    assert error
    assert "Mailbox is busy" in error
