"""on_failure = "tempfail": what can't be counted is refused for the moment, nothing else is."""

from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.lone_daemon import LoneDaemon
from support.rig.mailboxes import FreshDomain
from support.rig.postfix import PrivatePostfix
from support.rig.process import running
from support.rig.smtp import SmtpClient

pytestmark = pytest.mark.postfix

ELSEWHERE = "someone@example.com"


def test_tempfail(folder: Path, postfix: PrivatePostfix, domain: FreshDomain) -> None:
    """Without a database authenticated mail gets 451 4.3.0 at MAIL, incoming mail passes.

    When the database is there, mail passes on the same connection, and counts.
    """
    store = in_sqlite(folder / "missing" / "sendlimit.db")
    settings = configuration(
        folder,
        postfix.milter_socket,
        {**store.settings, "on_failure": "tempfail"},
        limits={"mailbox": {"messages_per_day": 2}},
    )
    with running(Sendlimit(folder, settings)) as daemon:
        with SmtpClient(postfix.submission_port, domain.alice) as client:
            refused = client.mail(domain.alice)
            with SmtpClient(postfix.smtp_port) as stranger:
                assert stranger.send_mail(ELSEWHERE, "alice@example.org").code == 250

            (folder / "missing").mkdir()
            daemon.wait_for_lines("store-back")
            codes = [client.send_mail(domain.alice, ELSEWHERE).code for _ in range(3)]
        assert store.used(domain.alice) == 2

    assert (refused.code, refused.enhanced, refused.stage) == (451, "4.3.0", "MAIL")
    assert refused.text == "Sending limits can't be checked at the moment, please try again later"
    assert codes == [250, 250, 450]
    assert daemon.lines(f"refused-on-failure mailbox={domain.alice}")


def test_observe(folder: Path) -> None:
    """In observe mode nothing is refused, also not in an outage (R12)."""
    store = in_sqlite(folder / "missing" / "sendlimit.db").settings
    limits = {"mailbox": {"messages_per_day": 0}}
    settings = {**store, "on_failure": "tempfail"}
    daemon = LoneDaemon(folder / "d", settings, limits, mode="observe")
    with running(daemon):
        assert daemon.passes("alice@example.org")
        assert daemon.lines("accepted-on-failure mailbox=alice@example.org")
        assert not daemon.lines("refused-on-failure")
