"""The page in the settings: bars, the last refusals, hostile texts, and whose it is."""

import urllib.request

import pytest

from roundcube.conftest import LogIn
from roundcube.test_compose import again
from support.rig.browser import Chromium
from support.rig.mailboxes import FreshDomain
from support.rig.webmail_scene import WebmailScene

pytestmark = pytest.mark.postfix

_EVIL = "<script>document.title='evil'</script>"
_EVIL_PATH = "\"<img/src=x/onerror=document.title='evil'>\"@example.net"


def test_bars_and_refusals(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """Each limit of the mailbox has its bar, and its refusals stand below, the last first."""
    scene.set_limit(domain.alice, "mailbox.recipients_per_message", 2)
    scene.set_limit(domain.alice, "mailbox.recipients_per_day", 1500, until="2099-01-01T00:00:00Z")
    scene.send(domain.alice, 5)
    scene.try_to_send(domain.alice)
    scene.try_to_send(domain.alice)
    text = log_in(domain.alice).settings_page()
    time = again(scene)
    assert f"Sending limit reached: 5 of 5 sent today, again from {time}" in text
    assert f"Messages a day\n5 of 5\nagain from {time}" in text
    assert "5 of 1,500" in text
    assert "this limit holds until 2099-01-01 00:00" in text
    assert "Recipients of one message\n2" in text
    assert f"Messages a day: 5\t2\t{domain.alice}\t127.0.0.1" in text


@pytest.mark.parametrize("skin", ["elastic", "larry"])
def test_hostile_texts(scene: WebmailScene, log_in: LogIn, domain: FreshDomain, skin: str) -> None:
    """Script in a reason and in a reverse path is text, in every place where it is shown."""
    scene.roundcube.configure({"skin": skin})
    scene.set_limit(domain.alice, "mailbox.messages_per_day", 1, reason=_EVIL)
    scene.send(domain.alice, sender=_EVIL_PATH)
    scene.try_to_send(domain.alice, sender=_EVIL_PATH)
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.send()
    scene.try_to_send(domain.alice, sender=_EVIL_PATH)
    assert _EVIL_PATH in webmail.settings_page()
    assert webmail.browser.driver.title != "evil"


@pytest.mark.parametrize(
    "look", [{}, {"dark": True}, {"phone": True}, {"language": "de", "phone": True}], ids=str
)
def test_looks(
    scene: WebmailScene,
    browser: Chromium,
    log_in: LogIn,
    domain: FreshDomain,
    look: dict[str, bool],
) -> None:
    """In every look axe-core finds nothing serious in what is the plugin's, and nothing is cut off."""
    browser.show(**look)  # type: ignore[arg-type]
    scene.send(domain.alice, 5)
    scene.try_to_send(domain.alice, sender=f"{'a' * 60}@{'very-long.' * 10}example")
    webmail = log_in(domain.alice)
    webmail.settings_page()
    assert not browser.is_wider_than_the_window()
    assert browser.faults_of_access("#sendlimit-page") == []
    assert browser.console() == []


def test_other_mailboxes(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """What others did at the server's limit is not shown."""
    scene.send(domain.bob)
    scene.set_limit(f"@{domain.name}", "domain.messages_per_day", 1)
    scene.try_to_send(domain.bob, sender="secret@example.net")
    text = log_in(domain.alice).settings_page()
    assert "Your domain has reached its sending limit" in text
    assert "secret" not in text
    assert domain.bob not in text


def test_foreign_subject(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """Nothing in the request says whose page it is."""
    scene.send(domain.bob, 3)
    webmail = log_in(domain.alice)
    webmail.open(task="settings", action="plugin.sendlimit", subject=domain.bob, mailbox=domain.bob)
    text = webmail.browser.text("#sendlimit-page")
    assert domain.alice in text
    assert domain.bob not in text
    assert "3 of 5" not in text


def test_without_a_login(scene: WebmailScene) -> None:
    """Who is not logged in gets the log-in page."""
    target = f"{scene.roundcube.url}/?_task=settings&_action=plugin.sendlimit"
    with urllib.request.urlopen(target, timeout=20) as response:  # noqa: S310 - loopback
        text = response.read().decode()
    assert "rcmloginuser" in text
    assert "sendlimit-page" not in text
