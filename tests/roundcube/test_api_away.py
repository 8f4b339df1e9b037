"""When the API is away, slow, wrong or refuses: mail is written and sent, and pages stay fast."""

from pathlib import Path

import pytest

from roundcube.conftest import LogIn
from support.doubles.api import BrokenApi, answer
from support.rig.browser import Chromium
from support.rig.mailboxes import FreshDomain
from support.rig.roundcube import USER
from support.rig.webmail_scene import WebmailScene

pytestmark = pytest.mark.postfix

_PATIENCE_S = 1.5
_DEFAULTS = {"sendlimit_timeout": 1.0}
_ATTEMPTS = 3
_COMPLAINT = "sendlimit does not answer"
_SLOW = ("hang", "drip", "flood")
_WRONG: dict[str, bytes] = {
    "not http": b"220 mail.example.org ESMTP\r\n",
    "html": answer(b"<html><script>alert(1)</script>"),
    "error": answer(b'{"error": {"code": "internal"}}', "500 Internal Server Error"),
    "redirect": answer(b"", "302 Found", "Location: http://127.0.0.1:25/"),
}


@pytest.mark.parametrize("manner", _SLOW)
def test_slow(
    scene: WebmailScene, log_in: LogIn, domain: FreshDomain, folder: Path, manner: str
) -> None:
    """The compose screen opens within 1.5 s once, and then without asking again."""
    with BrokenApi(folder / "api.sock", manner, USER) as api:
        scene.roundcube.configure({}, {"sendlimit_socket": str(api.path), **_DEFAULTS})
        webmail = log_in(domain.alice)
        took = [webmail.compose()]
        while took[-1] >= _PATIENCE_S and len(took) < _ATTEMPTS:  # the machine may be busy
            webmail = log_in(domain.alice)
            took.append(webmail.compose())
        assert took[-1] < _PATIENCE_S
        assert webmail.line() is None
        assert api.requests == len(took)
        webmail.compose()
        assert "not available at the moment" in webmail.settings_page()
        webmail.compose()
        assert webmail.send() is None
        assert api.requests == len(took)
    scene.store.wait_until_used(domain.alice, 1)
    assert min(api.waited_s) < _PATIENCE_S


def test_wrong(scene: WebmailScene, log_in: LogIn, domain: FreshDomain, folder: Path) -> None:
    """An answer that is none leaves out the line, whatever it is, and the log says why."""
    before = scene.roundcube.errors().count(_COMPLAINT)
    for number, (what, wrong) in enumerate(_WRONG.items()):
        with BrokenApi(folder / f"{number}.sock", wrong, USER) as api:
            scene.roundcube.configure({}, {"sendlimit_socket": str(api.path)})
            webmail = log_in(domain.alice)
            webmail.compose()
            assert webmail.line() is None, what
            assert api.requests == 1, what
            assert scene.roundcube.errors().count(_COMPLAINT) == before + number + 1, what


def test_refused_while_away(
    scene: WebmailScene, log_in: LogIn, domain: FreshDomain, folder: Path
) -> None:
    """When nothing listens, a refusal reads as without the plugin; later the line is back."""
    scene.send(domain.alice, 5)
    scene.roundcube.configure({}, {"sendlimit_socket": str(folder / "nothing.sock")})
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() is None
    error = webmail.send()
    assert error
    assert error.startswith(f'SMTP Error (450): Failed to set sender "{domain.alice}"')
    scene.roundcube.configure({})
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() is not None


def test_tokens(scene: WebmailScene, log_in: LogIn, domain: FreshDomain, browser: Chromium) -> None:
    """Over TCP a token of the role read is enough; a forged one and a revoked one show nothing."""
    scene.send(domain.alice)
    token = scene.web.token("webmail", "read")
    settings = {"sendlimit_socket": "", "sendlimit_url": scene.web.url}
    # A proxy that the admin has set for other plugins would get the token.
    proxied = {"http_client": {"proxy": "http://127.0.0.1:9"}}
    scene.roundcube.configure(proxied, {**settings, "sendlimit_token": token})
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() is not None
    assert token not in browser.driver.page_source

    scene.roundcube.configure(proxied, {**settings, "sendlimit_token": f"{token[:-4]}aaaa"})
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() is None

    assert scene.web.command("web", "token", "revoke", "webmail").exit_code == 0
    scene.roundcube.configure(proxied, {**settings, "sendlimit_token": token})
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() is None
    assert "HTTP status 401" in scene.roundcube.errors()
    assert token not in scene.roundcube.errors()


def test_socket_of_another_user(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """Webmail's user can't connect to the admin's socket."""
    scene.send(domain.alice)
    scene.roundcube.configure({}, {"sendlimit_socket": str(scene.web.admin_socket)})
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() is None


def test_not_configured(scene: WebmailScene, log_in: LogIn, domain: FreshDomain) -> None:
    """Without socket and URL the log names the settings."""
    scene.roundcube.configure({}, {"sendlimit_socket": ""})
    webmail = log_in(domain.alice)
    webmail.compose()
    assert webmail.line() is None
    assert "set sendlimit_socket or sendlimit_url" in scene.roundcube.errors()
