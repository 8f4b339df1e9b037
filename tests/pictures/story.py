"""A day of a small server goes on: what happens, and where pictures are taken."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pictures.morning import ALICE, BOB, CAROL, SENT
from support.rig.dovecot import PASSWORD as MAILBOX_PASSWORD
from support.rig.web import PASSWORD
from support.rig.webmail import Webmail

if TYPE_CHECKING:
    from pictures.camera import Camera
    from pictures.panel import Panel
    from support.rig.webmail_scene import WebmailScene

LIMIT, SERVER_LIMIT = 100, 999
LIMITS = {
    "mailbox": {"messages_per_day": LIMIT, "recipients_per_message": 50},
    # A page shows hours only where they are limited.
    "global": {"messages_per_day": SERVER_LIMIT, "messages_per_hour": 600},
}
_ADMIN = "admin"
_FRIEND = "peter@example.com"
_ATTEMPTS = 20


def tell(scene: WebmailScene, camera: Camera, panel: Panel | None) -> None:
    """Let the day go on, and take the pictures of it; of the panel, too, where there is one."""
    scene.web.add_user(_ADMIN)
    _before_the_limit(scene, camera)
    _panel_shows_mailbox(panel, camera, ALICE, "ispconfig-mailbox")
    _panel_shows_server(panel, camera, "ispconfig-server")
    _at_the_mailbox_limit(scene, camera)
    _panel_shows_mailbox(panel, camera, CAROL, "ispconfig-mailbox-limit")
    _at_the_server_limit(scene, camera)
    _panel_shows_server(panel, camera, "ispconfig-server-limit")


def _before_the_limit(scene: WebmailScene, camera: Camera) -> None:
    """Bob sends a few mails more, and all may send."""
    scene.send(BOB, 3)
    webmail = _log_in(scene, camera, BOB)
    webmail.compose(_FRIEND)
    camera.take("roundcube-compose")
    _log_in(scene, camera, ALICE).settings_page()
    camera.take("roundcube-settings")
    _admin_sees(scene, camera, f"/subject/{ALICE}", "web-mailbox")
    _admin_sees(scene, camera, "/", "web-server")


def _at_the_mailbox_limit(scene: WebmailScene, camera: Camera) -> None:
    """Carol's password is stolen; what is sent with it reaches her limit while she writes a mail."""
    webmail = _log_in(scene, camera, CAROL)
    webmail.compose(_FRIEND)
    scene.send(CAROL, LIMIT - SENT[CAROL])
    for number in range(7):
        scene.try_to_send(CAROL, sender=f"win{number}@example.com")
    webmail.send()
    camera.take("roundcube-mailbox-limit")
    scene.roundcube.configure({"skin": "larry"})
    webmail = _log_in(scene, camera, CAROL)
    webmail.compose(_FRIEND)
    webmail.send()
    camera.take("roundcube-larry-mailbox-limit")
    scene.roundcube.configure({})
    _log_in(scene, camera, CAROL).settings_page()
    camera.take("roundcube-settings-limit")
    _owner_sees(scene, camera, CAROL, "web-owner-mailbox-limit")
    _admin_sees(scene, camera, f"/subject/{CAROL}", "web-mailbox-limit")


def _at_the_server_limit(scene: WebmailScene, camera: Camera) -> None:
    """All together send what the server may send, while Alice writes a mail."""
    webmail = _log_in(scene, camera, ALICE)
    webmail.compose(_FRIEND)
    left = SERVER_LIMIT - sum(SENT.values()) - 3 - (LIMIT - SENT[CAROL])
    others = [mailbox for mailbox in SENT if mailbox not in {ALICE, BOB, CAROL}]
    for mailbox in others:
        number = min(left, LIMIT - 2 - SENT[mailbox])
        scene.send(mailbox, number)
        left -= number
    assert left == 0
    for mailbox in others[:4]:
        scene.try_to_send(mailbox)
    webmail.send()
    camera.take("roundcube-server-limit")
    _owner_sees(scene, camera, ALICE, "web-owner-server-limit")
    _admin_sees(scene, camera, "/", "web-server-limit")
    _admin_sees(scene, camera, "/refusals", "web-refusals")


def _panel_shows_mailbox(panel: Panel | None, camera: Camera, mailbox: str, name: str) -> None:
    if panel is not None:
        camera.use_screen()
        panel.show_mailbox(mailbox)
        camera.take_page(name)


def _panel_shows_server(panel: Panel | None, camera: Camera, name: str) -> None:
    if panel is not None:
        camera.use_screen()
        panel.show_server()
        camera.take_page(name)


def _log_in(scene: WebmailScene, camera: Camera, mailbox: str) -> Webmail:
    camera.use_screen()
    return Webmail(camera.browser, scene.roundcube, mailbox)


def _admin_sees(scene: WebmailScene, camera: Camera, target: str, name: str) -> None:
    _see(scene, camera, _ADMIN, PASSWORD, target)
    camera.take_page(name)


def _owner_sees(scene: WebmailScene, camera: Camera, mailbox: str, name: str) -> None:
    _see(scene, camera, mailbox, MAILBOX_PASSWORD, "/me")
    camera.take_page(name)


def _see(scene: WebmailScene, camera: Camera, name: str, password: str, target: str) -> None:
    """Log in to the pages, and open one."""
    browser = camera.browser
    for _ in range(_ATTEMPTS):  # a busy machine may take longer than the second that a page has
        browser.forget()
        browser.log_in(scene.web.url, name, password)
        browser.driver.get(scene.web.url + target)
        if browser.has(".log-out"):
            return
    raise TimeoutError(f"{name} can't log in, or {target} is not shown: {browser.text()}")
