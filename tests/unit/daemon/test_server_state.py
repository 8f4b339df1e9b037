"""What all sessions share: the settings of sessions."""

import pytest

from sendlimit.daemon.server_state import SessionSettings
from sendlimit.rules.mailbox import Sender
from sendlimit.rules.reply import Wording
from support.counting_samples import ALICE, BOB, CAROL, UTC

_ROOT = Sender("root", None)


@pytest.mark.parametrize(
    ("exempt", "senders"),
    [
        pytest.param(set(), set(), id="nobody"),
        pytest.param({ALICE.mailbox}, {ALICE}, id="a mailbox"),
        pytest.param({"@example.org"}, {ALICE, BOB}, id="a domain"),
        pytest.param({"root"}, {_ROOT}, id="a login without a domain"),
        pytest.param({"example.org", "@root"}, set(), id="a domain is no login, a login no domain"),
    ],
)
def test_who_is_exempt(exempt: set[str], senders: set[Sender]) -> None:
    """identity.exempt names mailboxes, and domains with "@" before them."""
    settings = SessionSettings(UTC, Wording(), exempt=frozenset(exempt))

    assert {one for one in (ALICE, BOB, CAROL, _ROOT) if settings.is_exempt(one)} == senders
