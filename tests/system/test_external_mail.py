"""External recipients on a real Postfix: what it says of each class of recipient, and what we count (R18)."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

from support.rig.configuration import configuration
from support.rig.counters import Counters
from support.rig.daemon import Sendlimit
from support.rig.dovecot import PrivateDovecot
from support.rig.mailboxes import FreshDomain
from support.rig.process import running
from support.rig.recipient_postfix import RecipientPostfix
from support.rig.smtp import SmtpClient

pytestmark = [pytest.mark.postfix, pytest.mark.mariadb]

_LIMITS = {"mailbox": {"recipients_per_day": 1000, "external_recipients_per_day": 1000, "external_messages_per_day": 1000}}  # fmt: skip
_STRANGER = "out@remote.test"
_BOX = "box@vmail.test"
_ME = "me@senders.test"
_FILTER = "static:{FILTER discard:away}"


@pytest.fixture(scope="module")
def classes(module_folder: Path, dovecot: PrivateDovecot) -> Iterator[RecipientPostfix]:
    """A Postfix with recipients of every class."""
    with running(RecipientPostfix(module_folder / "postfix", dovecot.sasl_path)) as postfix:
        yield postfix


@pytest.fixture(scope="module")
def daemon(
    module_folder: Path, classes: RecipientPostfix, shared_store: Counters
) -> Iterator[Sendlimit]:
    """A daemon that counts external mail, and refuses nothing of the first tests."""
    settings = configuration(
        module_folder, classes.milter_socket, shared_store.settings, limits=_LIMITS
    )
    with running(Sendlimit(module_folder, settings)) as daemon:
        yield daemon


@pytest.fixture
def changed(
    request: pytest.FixtureRequest, classes: RecipientPostfix
) -> Iterator[Mapping[str, str]]:
    """Lines of main.cf that the test wants, with {name} for a table; afterwards they are as before."""
    wanted = {
        name: value.replace("TABLES", f"texthash:{classes.tables}")
        for name, value in request.param.items()
    }
    before = (classes.config_directory / "main.cf").read_text()
    classes.postconf("-e", *(f"{name} = {value}" for name, value in wanted.items()))
    classes.reload()
    yield wanted
    (classes.config_directory / "main.cf").write_text(before)
    classes.reload()


@dataclass(frozen=True)
class Sender:
    """A domain's first mailbox, which sends through that Postfix."""

    postfix: RecipientPostfix
    domain: FreshDomain
    store: Counters

    def connect(self) -> SmtpClient:
        """Log in."""
        return SmtpClient(self.postfix.submission_port, self.domain.alice)

    def used(self, unit: str) -> int:
        """Return what is counted."""
        return self.store.used(self.domain.alice, unit=unit)

    def wait_until_used(self, number: int, unit: str = "messages") -> None:
        """Wait until so much is counted."""
        self.store.wait_until_used(self.domain.alice, number, unit=unit)

    def external(self, recipient: str) -> int:
        """Send a mail to one recipient, whom Postfix takes; return how many external ones are counted."""
        with self.connect() as client:
            assert client.mail(_ME).is_ok
            assert client.command(f"RCPT TO:<{recipient}>").is_ok
            assert client.data().is_ok
            client.quit()
        self.wait_until_used(1, "recipients")
        assert self.used("external_messages") == self.used("external_recipients")
        return self.used("external_recipients")


@pytest.fixture
def sender(
    classes: RecipientPostfix, daemon: Sendlimit, domain: FreshDomain, shared_store: Counters
) -> Sender:
    """A mailbox that has sent nothing yet; the daemon runs."""
    assert daemon.process.is_running
    return Sender(classes, domain, shared_store)


@pytest.mark.parametrize(
    ("recipient", "external"),
    [
        pytest.param(_BOX, 0, id="mailbox"),
        pytest.param("BOX+tag@VMAIL.test", 0, id="mailbox with an extension, in capitals"),
        pytest.param("box@lmtp-unix.test", 0, id="lmtp over a unix socket"),
        pytest.param("box@lmtp-inet.test", 0, id="lmtp over TCP"),
        pytest.param("box@pipe.test", 1, id="pipe that is not in the list"),
        pytest.param("nobody@local.test", 0, id="user"),
        pytest.param("nobody+tag@local.test", 0, id="user with an extension"),
        pytest.param("postmaster", 0, id="bare postmaster"),
        pytest.param("alias-out@local.test", 0, id="alias to a stranger"),
        pytest.param("alias-both@local.test", 0, id="alias to a user and a stranger"),
        pytest.param("alias-command@local.test", 0, id="alias to a command"),
        pytest.param("someone@relay.test", 1, id="relay domain"),
        pytest.param("someone@gateway.test", 1, id="relay domain by transport_maps"),
        pytest.param(_STRANGER, 1, id="stranger"),
        pytest.param("fwd@vmail.test", 0, id="virtual alias to a stranger"),
        pytest.param("both@vmail.test", 0, id="virtual alias to a mailbox and a stranger"),
        pytest.param("here@vmail.test", 0, id="virtual alias to a mailbox"),
        pytest.param("list@vmail.test", 0, id="virtual alias to three strangers"),
        pytest.param("home@remote.test", 1, id="stranger's address that an alias brings home"),
        pytest.param("canon@vmail.test", 0, id="recipient_canonical to a stranger"),
        pytest.param("a@alias.test", 1, id="alias domain, to a stranger"),
        pytest.param("b@alias.test", 1, id="alias domain, to a mailbox"),
        pytest.param("x%remote.test@local.test", 1, id="percent hack"),
        pytest.param("@remote.test:box@vmail.test", 0, id="source route"),
        pytest.param("x@[10.9.8.7]", 1, id="address literal"),
        pytest.param("x@discarded.test", 1, id="discard"),
    ],
)  # fmt: skip
def test_class_of_recipient(sender: Sender, recipient: str, external: int) -> None:
    """What is external is said by the transport of the address as it is written, before aliases."""
    assert sender.external(recipient) == external


@pytest.mark.parametrize(
    ("changed", "recipient", "external"),
    [
        pytest.param({"local_transport": "lmtp:unix:private/dovecot-lmtp"}, "nobody@local.test", 0, id="local_transport = lmtp"),
        pytest.param({"virtual_transport": "lmtp:unix:private/dovecot-lmtp"}, _BOX, 0, id="virtual_transport = lmtp"),
        pytest.param({"virtual_transport": "dovecot"}, _BOX, 1, id="virtual_transport that is not in the list"),
        pytest.param({"relayhost": "[10.0.0.7]:587"}, _STRANGER, 1, id="relayhost"),
        pytest.param({"relayhost": "[10.0.0.7]:587"}, "someone@relay.test", 1, id="relay domain behind a relayhost"),
        pytest.param({"default_transport": "smtp:[10.0.0.7]"}, _STRANGER, 1, id="default_transport"),
        pytest.param({"sender_dependent_default_transport_maps": "TABLES/sender-transports"}, _STRANGER, 1, id="transport of the sender"),
        pytest.param({"sender_dependent_default_transport_maps": "TABLES/sender-transports"}, _BOX, 0, id="not for mailboxes"),
        pytest.param({"sender_dependent_relayhost_maps": "TABLES/sender-relays"}, _STRANGER, 1, id="relayhost of the sender"),
        pytest.param({"transport_maps": "TABLES/wildcard"}, _BOX, 1, id="wildcard transport, for mailboxes too"),
        pytest.param({"receive_override_options": "no_address_mappings"}, "fwd@vmail.test", 0, id="no_address_mappings"),
        pytest.param({"always_bcc": _STRANGER}, _BOX, 0, id="always_bcc adds no RCPT"),
    ],
    indirect=["changed"],
)  # fmt: skip
def test_class_of_recipient_by_settings(
    sender: Sender, changed: Mapping[str, str], recipient: str, external: int
) -> None:
    """The same of a Postfix that is set up in another way."""
    assert changed
    assert sender.external(recipient) == external


@pytest.mark.parametrize(("recipient", "external"), [(_BOX, 0), (_STRANGER, 1)])
@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"content_filter": "discard:away"}, id="content_filter"),
        pytest.param({"smtpd_sender_restrictions": f"check_recipient_access {_FILTER}"}, id="check_recipient_access"),
        pytest.param({"smtpd_sender_restrictions": f"check_sender_access {_FILTER}"}, id="check_sender_access"),
        pytest.param({"smtpd_data_restrictions": f"check_client_access {_FILTER}"}, id="check_client_access at DATA"),
        pytest.param({"header_checks": _FILTER}, id="header_checks"),
    ],
    indirect=True,
)  # fmt: skip
def test_class_of_recipient_behind_a_filter(
    sender: Sender, changed: Mapping[str, str], recipient: str, external: int
) -> None:
    """A mail that Postfix hands to a content filter has the class that it has without."""
    assert changed
    discarded = f"postfix/discard.*: to=<{recipient}>"
    before = len(sender.postfix.log_lines(discarded))
    assert sender.external(recipient) == external
    sender.postfix.wait_for_log(discarded, count=before + 1)


@pytest.mark.parametrize(
    "recipient",
    [
        pytest.param("unknown@local.test", id="user"),
        pytest.param("unknown@vmail.test", id="mailbox"),
        pytest.param("unknown@alias.test", id="alias domain"),
        pytest.param("x@no-mail.test", id="transport error"),
    ],
)
def test_refused_by_postfix(sender: Sender, recipient: str) -> None:
    """A recipient that Postfix refuses is not counted; the others of the mail are."""
    with sender.connect() as client:
        client.mail(_ME)
        assert [client.rcpt(one).code // 100 for one in (recipient, _STRANGER, _BOX)] == [5, 2, 2]
        assert client.data().is_ok
        client.quit()
    sender.wait_until_used(2, "recipients")
    assert sender.used("external_recipients") == 1


@pytest.mark.parametrize(
    ("recipient", "external"),
    [("unknown@local.test", 0), ("unknown@vmail.test", 0), ("unknown@alias.test", 1)],
)
@pytest.mark.parametrize("changed", [{"smtpd_reject_unlisted_recipient": "no"}], indirect=True)
def test_unknown_recipients_that_are_taken(
    sender: Sender, changed: Mapping[str, str], recipient: str, external: int
) -> None:
    """With smtpd_reject_unlisted_recipient = no unknown ones are of the class of their domain."""
    assert changed
    assert sender.external(recipient) == external


def test_mail_of_both_kinds(sender: Sender) -> None:
    """One external message however many strangers; each RCPT is looked at by itself."""
    with sender.connect() as client:
        for recipients in ([_BOX, _STRANGER, "nobody@local.test", "b@remote.test"], [_BOX]):
            assert client.send_mail(_ME, recipients).is_ok
        client.quit()
    sender.wait_until_used(5, "recipients")
    assert sender.used("external_recipients") == 2
    assert sender.used("external_messages") == 1


@pytest.mark.parametrize("end", ["RSET", "QUIT", "hang up"])
def test_given_up(sender: Sender, end: str) -> None:
    """A mail that is given up counts nothing in any unit; the next one, of the same session or not, what it has."""
    with sender.connect() as client:
        client.mail(_ME)
        assert client.rcpt(_STRANGER).is_ok
        if end == "hang up":
            client.close()
        else:
            client.command(end)
        if end == "RSET":
            assert client.send_mail(_ME, _BOX).is_ok
    if end != "RSET":
        sender.external(_BOX)
    sender.wait_until_used(1, "recipients")
    sender.wait_until_used(1)
    assert sender.used("external_recipients") == 0
    assert sender.used("external_messages") == 0


@pytest.mark.parametrize("unit", ["recipients", "messages"])
def test_limit_that_comes_into_force(sender: Sender, daemon: Sendlimit, unit: str) -> None:
    """`limit set`: from the next mail on strangers are refused at RCPT, and mail for this server passes."""
    words = ("limit", "set", sender.domain.alice, f"mailbox.external_{unit}_per_day", "2")
    assert daemon.command(*words).exit_code == 0
    with sender.connect() as client:
        for _ in range(2):
            assert client.send_mail(_ME, [_BOX, _STRANGER]).is_ok
        client.mail(_ME)
        replies = [client.rcpt(one) for one in (_BOX, _STRANGER, "nobody@local.test")]
        assert [reply.code for reply in replies] == [250, 450, 250]
        assert replies[1].text.startswith(f"Sending limit reached: 2 of 2 external {unit} sent by")
        assert client.data().is_ok
        client.quit()
    sender.wait_until_used(3)
    sender.wait_until_used(2, f"external_{unit}")


def test_connections_that_were_open(sender: Sender, daemon: Sendlimit, folder: Path) -> None:
    """The first such limit of a server holds for sessions that are open: macros come without an answer, too."""
    daemon.stop()
    try:
        settings = configuration(
            folder, sender.postfix.milter_socket, {"url": f"sqlite:///{folder}/s.db"}
        )
        with running(Sendlimit(folder, settings)) as fresh, sender.connect() as client:
            assert client.send_mail(_ME, _STRANGER).is_ok
            words = (
                "limit",
                "set",
                sender.domain.alice,
                "mailbox.external_recipients_per_day",
                "1",
            )
            assert fresh.command(*words).exit_code == 0
            assert client.send_mail(_ME, [_STRANGER, _BOX]).is_ok
            refused = client.send_mail(_ME, [_STRANGER, _BOX])
            assert (refused.code, refused.stage) == (450, ".")
            assert client.send_mail(_ME, _BOX).is_ok
    finally:
        daemon.start()


@pytest.mark.parametrize(
    "changed",
    [
        pytest.param({"milter_rcpt_macros": "i {rcpt_addr}"}, id="without {rcpt_mailer}"),
        pytest.param({"milter_rcpt_macros": ""}, id="empty"),
        pytest.param({"milter_rcpt_macros": "", "milter_protocol": "2"}, id="old protocol"),
    ],
    indirect=True,
)
def test_macro_that_is_missing(
    sender: Sender, daemon: Sendlimit, changed: Mapping[str, str]
) -> None:
    """It is external then, until the daemon has noticed; from the next connection on it asks for the macro."""
    assert changed
    assert daemon.reload()
    with sender.connect() as first:
        assert first.send_mail(_ME, _BOX).is_ok
        daemon.wait_for_lines("rcpt-mailer-missing")
        with SmtpClient(sender.postfix.submission_port, sender.domain.bob) as second:
            assert second.send_mail(_ME, [_BOX, _BOX, _STRANGER, _BOX]).is_ok
        assert first.send_mail(_ME, _BOX).is_ok
        first.quit()
    sender.wait_until_used(2, "external_recipients")
    sender.store.wait_until_used(sender.domain.bob, 1, unit="external_recipients")


def test_own_list(sender: Sender, daemon: Sendlimit, module_folder: Path) -> None:
    """counting.local_transports with "error" and a pipe, after a reload: alias domains and its mailboxes are not external."""
    settings = configuration(
        module_folder, sender.postfix.milter_socket, sender.store.settings, limits=_LIMITS,
        counting={"local_transports": ["virtual", "error", "dovecot"]},
    )  # fmt: skip
    before = daemon.config_file.read_text()
    daemon.write_config(settings)
    assert "config-loaded" in daemon.reload()
    with sender.connect() as client:
        recipients = [_BOX, "b@alias.test", "box@pipe.test", "nobody@local.test", _STRANGER]
        assert client.send_mail(_ME, recipients).is_ok
        client.quit()
    sender.wait_until_used(5, "recipients")
    assert sender.used("external_recipients") == 2
    daemon.write_config(before)
    assert "config-loaded" in daemon.reload()
