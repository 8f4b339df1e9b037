"""One mail server with webmail for all tests of the Roundcube plugin."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from support.rig.browser import Chromium
from support.rig.mailboxes import FreshDomain, fresh_domains
from support.rig.process import private_folder
from support.rig.webmail import Webmail
from support.rig.webmail_scene import WebmailScene, webmail_scene

EXEMPT = "dave@example.net"
LogIn = Callable[[str], Webmail]


@pytest.fixture(scope="session")
def webmail_folder() -> Iterator[Path]:
    """A folder for the servers of all these tests."""
    with private_folder("webmail") as folder:
        yield folder


@pytest.fixture(scope="session")
def shared_scene(webmail_folder: Path) -> Iterator[WebmailScene]:
    """The servers; each mailbox may send 5 messages a day."""
    with webmail_scene(
        webmail_folder,
        limits={"mailbox": {"messages_per_day": 5}, "global": {"messages_per_day": 9999}},
        identity={"exempt": [EXEMPT]},
    ) as scene:
        yield scene


@pytest.fixture
def scene(shared_scene: WebmailScene) -> Iterator[WebmailScene]:
    """The servers, with Roundcube as it is configured at first."""
    yield shared_scene
    shared_scene.roundcube.configure({})


@pytest.fixture(scope="session")
def webmail_domains() -> Iterator[FreshDomain]:
    """Domains whose mailboxes can log in."""
    return fresh_domains()


@pytest.fixture
def domain(webmail_domains: Iterator[FreshDomain]) -> FreshDomain:
    """A domain that no other test uses."""
    return next(webmail_domains)


@pytest.fixture
def log_in(browser: Chromium, scene: WebmailScene) -> LogIn:
    """Log in to webmail as a mailbox."""
    return lambda login: Webmail(browser, scene.roundcube, login)
