"""A private Postfix with recipients of every class: mailboxes, aliases, relays, pipes, strangers."""

from collections.abc import Mapping
from pathlib import Path

from support.rig.postfix import RECOMMENDED_MILTERS, PrivatePostfix

_TABLES: Mapping[str, str] = {
    "mailboxes": """\
box@vmail.test       box/
canon@vmail.test     canon/
box@lmtp-unix.test   box/
box@lmtp-inet.test   box/
box@pipe.test        box/
""",
    "virtual-aliases": """\
fwd@vmail.test     out@remote.test
both@vmail.test    box@vmail.test, out@remote.test
here@vmail.test    box@vmail.test
list@vmail.test    a@remote.test, b@remote.test, c@remote.test
home@remote.test   box@vmail.test
a@alias.test       out@remote.test
b@alias.test       box@vmail.test
""",
    "canonical": "canon@vmail.test out@remote.test\n",
    "aliases": """\
alias-out:     out@remote.test
alias-both:    nobody, out@remote.test
alias-command: |/bin/true
""",
    "users": "nobody x\npostmaster x\nalias-out x\nalias-both x\nalias-command x\n",
    "transports": """\
lmtp-unix.test   lmtp:unix:private/dovecot-lmtp
lmtp-inet.test   lmtp:inet:127.0.0.1:24024
pipe.test        dovecot:
gateway.test     smtp:[10.0.0.9]
discarded.test   discard:
no-mail.test     error:5.1.1 no mail here
""",
    "wildcard": "* slow:\n",
    "sender-transports": "@senders.test slow:\n",
    "sender-relays": "@relayed.test [10.0.0.8]\n",
}


class RecipientPostfix(PrivatePostfix):
    """A Postfix that hands out no mail: what it takes stays in its queue.

    Attributes:
        tables: folder of its tables, by their names.
    """

    def __init__(self, folder: Path, sasl_path: str) -> None:
        """Write the configuration; nothing is started."""
        folder.mkdir()
        self.tables = folder / "tables"
        self.tables.mkdir()
        for name, text in _TABLES.items():
            (self.tables / name).write_text(text)
        super().__init__(
            folder,
            sasl_path=sasl_path,
            milters=RECOMMENDED_MILTERS,
            settings={
                "mydestination": "local.test, $myhostname",
                "local_recipient_maps": self.table("users"),
                "alias_maps": self.table("aliases"),
                "recipient_delimiter": "+",
                "virtual_mailbox_domains": "vmail.test, lmtp-unix.test, lmtp-inet.test, pipe.test",
                "virtual_mailbox_maps": self.table("mailboxes"),
                "virtual_alias_maps": self.table("virtual-aliases"),
                "virtual_alias_domains": "alias.test",
                "recipient_canonical_maps": self.table("canonical"),
                "virtual_transport": "virtual",
                "default_transport": "smtp",
                "relay_transport": "relay",
                "relay_domains": "relay.test, gateway.test",
                "transport_maps": self.table("transports"),
                "defer_transports": "smtp, relay, lmtp, dovecot, slow, local, virtual",
            },
            submission_options={"smtpd_recipient_restrictions": ""},
        )

    def table(self, name: str) -> str:
        """Return a table as main.cf names it."""
        return f"texthash:{self.tables / name}"
