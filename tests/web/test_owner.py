"""The page of a mailbox's owner, whose password a real server checks."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from support.rig.browser import Chromium
from support.rig.configuration import configuration
from support.rig.counters import in_sqlite
from support.rig.dovecot import PASSWORD, PrivateDovecot
from support.rig.postfix import PrivatePostfix
from support.rig.process import running
from support.rig.web import Web

ALICE = "alice@example.org"


@pytest.fixture
def imap(folder: Path) -> Iterator[str]:
    """Address of a Dovecot that speaks IMAP."""
    with running(PrivateDovecot(folder / "imap", imap=True)) as server:
        yield f"imap://127.0.0.1:{server.imap_port}"


@pytest.fixture
def submission(postfix: PrivatePostfix) -> str:
    """Address of Postfix's submission, which asks Dovecot."""
    return f"submission://127.0.0.1:{postfix.submission_port}"


@pytest.mark.postfix
@pytest.mark.parametrize("protocol", ["imap", "submission"])
def test_owner(
    request: pytest.FixtureRequest, browser: Chromium, folder: Path, protocol: str
) -> None:
    """An owner logs in with the mailbox's password, and sees the own use and nothing else."""
    server = request.getfixturevalue(protocol)
    store = in_sqlite(folder / "sendlimit.db")
    settings = configuration(
        folder, folder / "milter.sock", store.settings, limits={"mailbox": {"messages_per_day": 7}}
    )
    with running(Web(folder, settings, {"owner_login": server})) as web:
        browser.log_in(web.url, ALICE, "not the password")
        assert "is wrong" in browser.text()
        browser.log_in(web.url, "ALICE@example.org", PASSWORD)
        assert ALICE in browser.text("h1")
        assert "0 of 7" in browser.text()
        assert browser.faults_of_access() == []
        for target in ("/subject/bob@example.org", "/limits", "/refusals"):
            browser.driver.get(web.url + target)
            assert "You may not see this." in browser.text()
        browser.driver.get(f"{web.url}/")
        assert browser.driver.current_url == f"{web.url}/me"
        assert PASSWORD not in web.process.log_text()
