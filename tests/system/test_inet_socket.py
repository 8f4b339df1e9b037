"""A milter socket on TCP does the same job as a unix socket."""

from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.dovecot import PrivateDovecot
from support.rig.mailboxes import FreshDomain
from support.rig.postfix import PrivatePostfix
from support.rig.process import free_port, running
from support.rig.smtp import SmtpClient

pytestmark = pytest.mark.postfix

ELSEWHERE = "someone@example.com"


def test_inet(folder: Path, dovecot: PrivateDovecot, domain: FreshDomain) -> None:
    """Three mails pass, the fourth is refused at MAIL; what is given up is given back."""
    port = free_port()
    store = in_sqlite(folder / "sendlimit.db")
    settings = configuration(
        folder,
        folder / "unused",
        store.settings,
        milter={"socket": f"inet:{port}@127.0.0.1"},
        limits={"mailbox": {"messages_per_day": 3, "recipients_per_message": 2}},
    )
    postfix = PrivatePostfix(
        folder / "postfix",
        sasl_path=dovecot.sasl_path,
        milters=f"{{ inet:127.0.0.1:{port}, default_action=accept }}",
    )
    with (
        running(Sendlimit(folder / "daemon", settings)),
        running(postfix),
        SmtpClient(postfix.submission_port, domain.alice) as client,
    ):
        client.mail(domain.alice)
        client.rset()
        assert client.send_mail(domain.alice, [ELSEWHERE] * 3).stage == "RCPT"
        client.rset()
        codes = [client.send_mail(domain.alice, [ELSEWHERE] * 2).code for _ in range(4)]
        assert store.used(domain.alice) == 3

    assert codes == [250, 250, 250, 450]


def test_second_daemon(folder: Path) -> None:
    """A second daemon on the same port is refused with the sentence, not with a trace."""
    port = free_port()
    settings = configuration(
        folder,
        folder / "unused",
        in_sqlite(folder / "sendlimit.db").settings,
        milter={"socket": f"inet:{port}@127.0.0.1"},
    )
    second = Sendlimit(folder / "second", settings)
    with running(Sendlimit(folder / "first", settings)):
        second.process.start()
        assert second.process.wait_for_exit(30) == 1

    assert second.lines(f"inet:{port}@127.0.0.1: Another daemon answers on the milter socket")
