"""The line in the compose screen: what it says, in which colour, and for whom it says nothing."""

from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from roundcube.conftest import EXEMPT, LogIn
from support.rig.browser import Chromium
from support.rig.configuration import configuration
from support.rig.mailboxes import FreshDomain
from support.rig.process import running
from support.rig.roundcube import USER
from support.rig.web import Web
from support.rig.webmail import Line
from support.rig.webmail_scene import CUSTOM_LOGIN, WebmailScene

pytestmark = pytest.mark.postfix


def again(scene: WebmailScene, zone: str = "UTC") -> str:
    """Return when a new day begins, as a time of day in a zone."""
    usage = scene.web.ask("GET", "/v1/usage/global", over=scene.web.admin_socket).json
    end = next(
        each["period_end"] for each in usage["limits"] if each["limit"].endswith("messages_per_day")
    )
    return datetime.fromisoformat(end).astimezone(ZoneInfo(zone)).strftime("%H:%M")


def test_line(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """Below the limit the line is blue, from warn_at_percent on yellow, at the limit red."""
    time = again(scene)
    scene.send(domain.alice, 3)
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() == Line("information", f"Sent 3 of 5 today, again from {time}")
    scene.send(domain.alice)
    webmail.compose()
    assert webmail.line() == Line("warning", f"Sent 4 of 5 today, again from {time}")
    scene.send(domain.alice)
    webmail.compose()
    reached = f"Sending limit reached: 5 of 5 sent today, again from {time}"
    assert webmail.line() == Line("error", reached)


def test_warn_at_percent(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """The admin says from which share on the line is yellow."""
    scene.roundcube.configure({}, {"sendlimit_warn_at_percent": 20})
    scene.send(domain.alice)
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() == Line("warning", f"Sent 1 of 5 today, again from {again(scene)}")


def test_tightest_limit(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """Of several limits the line shows the one that is used most."""
    scene.send(domain.alice, 2)
    scene.set_limit(domain.alice, "mailbox.recipients_per_month", 1500)
    scene.set_limit(domain.alice, "mailbox.recipients_per_hour", 2500)
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() == Line("information", f"Sent 2 of 5 today, again from {again(scene)}")


def test_german(scene: WebmailScene, browser: Chromium, log_in: LogIn, domain: FreshDomain) -> None:
    """A browser that wants German gets German."""
    browser.show(language="de")
    scene.send(domain.alice, 4)
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() == Line("warning", f"Heute 4 von 5 gesendet, neu ab {again(scene)}")


def test_other_zone(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """The time is that of the user's zone, not of the server's calendar."""
    scene.roundcube.configure({"timezone": "Asia/Kolkata"})
    scene.send(domain.alice)
    webmail = log_in(domain.alice)
    webmail.compose()
    line = webmail.line()
    assert line
    assert line.text == f"Sent 1 of 5 today, again from {again(scene, 'Asia/Kolkata')}"


def test_never_counted(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """Of a mailbox that sendlimit has never seen nothing is claimed; from its first mail on it is."""
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() is None
    assert webmail.send() is None
    scene.store.wait_until_used(domain.alice, 1)
    webmail.compose()
    assert webmail.line() == Line("information", f"Sent 1 of 5 today, again from {again(scene)}")


def test_unlimited(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """Without a limit there is no line."""
    scene.send(domain.alice)
    scene.set_limit(domain.alice, "mailbox.messages_per_day", None)
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() is None


def test_exempt(scene: WebmailScene, log_in: LogIn) -> None:
    """For an exempt mailbox there is no line."""
    scene.set_limit(EXEMPT, "mailbox.messages_per_day", 0)
    webmail = log_in(EXEMPT)
    webmail.compose()
    assert webmail.line() is None
    assert "There is no sending limit for this mailbox." in webmail.settings_page()


def test_observe(scene: WebmailScene, log_in: LogIn, domain: FreshDomain, folder: Path) -> None:
    """While sendlimit only observes, nobody is worried in the compose screen."""
    scene.send(domain.alice, 5)
    settings = configuration(
        folder,
        folder / "milter.sock",
        scene.store.settings,
        mode="observe",
        limits={"mailbox": {"messages_per_day": 5}},
    )
    with running(Web(folder, settings, {"read_socket_owner": USER})) as observing:
        scene.roundcube.configure({}, {"sendlimit_socket": str(observing.read_socket)})
        webmail = log_in(domain.alice)
        webmail.compose()
        assert webmail.line() is None
        assert "only counted at the moment; none is refused" in webmail.settings_page()


def test_custom_login(scene: WebmailScene, log_in: LogIn) -> None:
    """Of a login without "@" nothing is claimed: the mailbox that is counted has another name."""
    scene.send("carol@example.org", 4)
    webmail = log_in(CUSTOM_LOGIN)
    webmail.compose()
    assert webmail.line() is None
    assert webmail.send() is None
    scene.store.wait_until_used("carol@example.org", 5)
    webmail.compose()
    error = webmail.send()
    assert error
    assert error.startswith('SMTP Error (450): Failed to set sender "weblogin@example.org" (4.7.1 ')


def test_without_login_at_smtp(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """A webmail that sends without a login is not limited, and says nothing."""
    scene.send(domain.alice, 5)
    scene.roundcube.configure({"smtp_user": ""})
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() is None


def test_identities(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """The address that a user gives as the own one does not show another one's numbers."""
    scene.send(domain.bob, 4)
    scene.send(domain.alice, 1)
    webmail = log_in(domain.alice)
    scene.roundcube.set_identity(domain.alice, domain.bob)
    webmail.compose()
    line = webmail.line()
    assert line
    assert line.text.startswith("Sent 1 of 5")
