"""Mail of logins in Postfix's log beside the mailboxes that the counters know."""

from functools import partial
from typing import Any

import pytest

from sendlimit.doctor.uncounted import senders_in_log, uncounted
from sendlimit.postfix.mail_log import QueuedMail
from sendlimit.rules.client import Network, read_network
from sendlimit.rules.mailbox import sender_of
from sendlimit.rules.subject import is_exempt
from support.counting_samples import NOON, UTC

_LOG = "/var/log/mail.log"
_SPAN = (NOON, NOON + 100)
_MAIL = QueuedMail(NOON + 2, NOON + 1, "postfix/smtpd", "192.0.2.7", "Alice@example.org")
_NETWORKS: tuple[Network, ...] = (read_network("192.0.2.0/24"),)


def _logged(*mails: QueuedMail, clients: tuple[Network, ...] = ()) -> dict[str, dict[str, int]]:
    exempt = partial(is_exempt, exempt=frozenset({"bob@example.org", "@example.net"}))
    return senders_in_log(mails, _SPAN, sender_of, exempt, clients)


def test_mail_that_must_be_counted() -> None:
    """Logins are mailboxes as the counters have them; of each the last mail counts."""
    later = _MAIL._replace(at=NOON + 9, login="alice@EXAMPLE.org")
    other = _MAIL._replace(program="postfix/smtps/smtpd", login="carol@example.org")
    assert _logged(_MAIL, later, other) == {
        "postfix/smtpd": {"alice@example.org": NOON + 9},
        "postfix/smtps/smtpd": {"carol@example.org": NOON + 2},
    }


@pytest.mark.parametrize(
    "change",
    [
        {"connected_at": None},
        {"connected_at": NOON},
        {"at": NOON + 100},
        {"login": "bob@example.org"},
        {"login": "dora@example.net"},
        {"login": "al?ce@example.org"},
        {"login": "al\N{REPLACEMENT CHARACTER}ce@example.org"},
    ],
    ids=["log begins later", "old connection", "too new", "exempt", "domain", "escaped", "octets"],
)
def test_mail_that_may_be_uncounted(change: dict[str, Any]) -> None:
    """What is exempt, from before the start, or not whole in the log is never a finding."""
    assert _logged(_MAIL._replace(**change)) == {}


def test_exempt_client() -> None:
    """Neither is mail of an exempt client."""
    assert _logged(_MAIL, clients=_NETWORKS) == {}
    assert _logged(_MAIL._replace(client="unknown"), clients=_NETWORKS) != {}


def test_finding() -> None:
    """A finding for each program that took mail of logins without a counter; five are named."""
    logged = {
        "postfix/smtpd": {"seen@example.org": NOON},
        "postfix/submission/smtpd": {f"m{n}@example.org": NOON + n for n in range(7)},
    }
    check = uncounted(_LOG, logged, {"seen@example.org"}, UTC)

    (finding,) = check.findings
    assert (check.name, finding.code, finding.severity) == ("uncounted", "login-uncounted", "error")
    assert finding.subject == "postfix/submission/smtpd"
    assert "m0@example.org, m1@example.org" in finding.problem
    assert "m4@example.org and 2 more" in finding.problem


def test_all_counted() -> None:
    """How many logins were looked at is said."""
    check = uncounted(_LOG, {"a": {"x": 1, "y": 1}, "b": {"y": 1}}, {"x", "y"}, UTC)
    assert not check.findings
    assert check.message == f"logins of {_LOG} since the daemon's start: 2, all counted"
