"""identity.exempt_clients with a real Postfix: the client is the one that Postfix means (R1)."""

from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.dovecot import PrivateDovecot
from support.rig.postfix import RECOMMENDED_MILTERS, PrivatePostfix
from support.rig.process import running
from support.rig.smtp import SmtpClient

pytestmark = pytest.mark.postfix

ALICE = "alice@example.org"


def test_real_client(folder: Path, dovecot: PrivateDovecot) -> None:
    """Behind XCLIENT the address is the client's: exempt where it lies in the networks, else limited."""
    postfix = PrivatePostfix(
        folder / "postfix",
        sasl_path=dovecot.sasl_path,
        milters=RECOMMENDED_MILTERS,
        settings={"inet_protocols": "all", "smtpd_authorized_xclient_hosts": "127.0.0.1"},
    )
    counters = in_sqlite(folder / "s.db")
    settings = configuration(
        folder,
        postfix.milter_socket,
        counters.settings,
        limits={"mailbox": {"messages_per_day": 0}},
        identity={"exempt_clients": ["198.51.100.0/24", "2001:db8::/32"]},
    )
    codes = {}
    with running(postfix), running(Sendlimit(folder, settings)) as daemon:
        for client in ("198.51.100.7", "IPv6:2001:db8::7", "203.0.113.7", "[UNAVAILABLE]", None):
            with SmtpClient(postfix.submission_port) as smtp:
                smtp.ehlo()
                if client is not None:
                    assert smtp.command(f"XCLIENT ADDR={client} NAME=[UNAVAILABLE]").code == 220
                    smtp.ehlo()
                assert smtp.auth(ALICE).code == 235
                codes[client] = smtp.mail(ALICE).code
        refused = daemon.lines("^INFO refused")

    assert codes == {
        "198.51.100.7": 250,
        "IPv6:2001:db8::7": 250,
        "203.0.113.7": 450,
        "[UNAVAILABLE]": 450,
        None: 450,
    }
    assert [line.split()[3] for line in refused] == [
        "client=203.0.113.7",
        "client=unknown",
        "client=127.0.0.1",
    ]
    assert counters.used(ALICE) == 0
