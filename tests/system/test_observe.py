"""mode = "observe" counts, logs and records refusals, and refuses nothing (R12)."""

from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.mailboxes import FreshDomain
from support.rig.postfix import PrivatePostfix
from support.rig.process import running
from support.rig.smtp import SmtpClient

pytestmark = pytest.mark.postfix

RECIPIENTS = [f"r{n}@example.com" for n in range(4)]


def test_observe(
    folder: Path, postfix: PrivatePostfix, domain: FreshDomain, store: Counters
) -> None:
    """All mail passes, is counted beyond the limit, and what would be refused is told."""
    limits = {
        "mailbox": {
            "messages_per_day": 2,
            "recipients_per_day": 9,
            "recipients_per_message": len(RECIPIENTS) - 1,
        }
    }
    settings = configuration(
        folder, postfix.milter_socket, store.settings, limits=limits, mode="observe"
    )
    with (
        running(Sendlimit(folder, settings)) as daemon,
        SmtpClient(postfix.submission_port, domain.alice) as client,
    ):
        codes = [client.send_mail(domain.alice, RECIPIENTS).code for _ in range(5)]

        assert codes == [250] * 5
        store.wait_until_used(domain.alice, 5)
        store.wait_until_used(domain.alice, 20, unit="recipients")
        assert daemon.lines("would-refuse .*unit=messages window=day limit=2")
        assert daemon.lines("would-refuse .*unit=recipients window=message limit=3")
        assert not daemon.lines("^INFO refused")

        daemon.write_config(settings | {"mode": "enforce"})
        assert "config-loaded" in daemon.reload()
        assert client.mail(domain.alice).code == 450
        store.wait_until_used(domain.alice, 5)
        daemon.write_config(settings)
        assert "config-loaded" in daemon.reload()
        assert client.send_mail(domain.alice, RECIPIENTS).code == 250

    episodes = store.query(
        "SELECT unit, `window`, attempts FROM er_refusal WHERE last_mailbox = %s", domain.alice
    )
    assert {tuple(row[:2]) for row in episodes} >= {("messages", "day"), ("recipients", "message")}
