"""A whole mail server with webmail: Dovecot, Postfix, the daemon, `sendlimit web` and Roundcube."""

import contextlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from support.rig.configuration import configuration
from support.rig.counters import Counters, in_sqlite
from support.rig.daemon import Sendlimit
from support.rig.dovecot import PASSWORD, PrivateDovecot
from support.rig.mailboxes import known_mailboxes
from support.rig.postfix import RECOMMENDED_MILTERS, PrivatePostfix
from support.rig.process import running
from support.rig.roundcube import USER, Roundcube
from support.rig.smtp import SmtpClient
from support.rig.web import Web

CUSTOM_LOGIN = "weblogin"
"""Logs in as carol@example.org, as ISPConfig's custom logins do."""
_PATIENCE_S = 20
BUSY = "busy@example.com"
"""A recipient that Postfix itself defers."""
_BUSY_RECIPIENT = f"check_recipient_access inline:{{{{{BUSY}=450 4.2.2 Mailbox is busy}}}}"
_CUSTOM_LOGIN_ENTRY = "secret::::::user=carol@example.org"


@dataclass(frozen=True)
class WebmailScene:
    """The running servers."""

    store: Counters
    postfix: PrivatePostfix
    daemon: Sendlimit
    web: Web
    roundcube: Roundcube

    def send(self, mailbox: str, number: int = 1, *, sender: str | None = None) -> None:
        """Send mails that pass, as a mail program does; return when they are counted."""
        before = self.store.used(mailbox)
        with SmtpClient(self.postfix.submission_port, login=mailbox) as client:
            for _ in range(number):
                client.send_mail(sender or mailbox, "somebody@example.com")
        self.store.wait_until_used(mailbox, before + number)

    def try_to_send(self, mailbox: str, *recipients: str, sender: str | None = None) -> None:
        """Send a mail that is refused; return when the refusal is in the database."""
        count = "SELECT coalesce(sum(attempts), 0) FROM er_refusal WHERE last_mailbox = %s"
        before = self.store.query(count, mailbox)
        with SmtpClient(self.postfix.submission_port, login=mailbox) as client:
            replies = [client.mail(sender or mailbox), *map(client.rcpt, recipients)]
        assert any(reply.code == 450 for reply in replies), replies
        self.daemon.process.wait_until(
            lambda: self.store.query(count, mailbox) != before, 20, "has written the refusal"
        )

    def set_limit(self, subject: str, limit: str, value: int | None, **more: object) -> None:
        """Set a limit as the panel does; return when it holds."""
        target = f"/v1/limits/{subject}/{limit}"
        body = {"max": value, "by": "panel:admin", **more}
        self.daemon.process.wait_until(
            lambda: self.web.ask("PUT", target, body, over=self.web.admin_socket).json["heard"],
            30,
            f"has heard of {limit} of {subject}",
        )

    def drop_limit(self, subject: str, limit: str) -> None:
        """Take a limit back."""
        target = f"/v1/limits/{subject}/{limit}"
        answer = self.web.ask("DELETE", target, over=self.web.admin_socket)
        assert answer.status == 200


@contextlib.contextmanager
def webmail_scene(
    folder: Path,
    *,
    roundcube: Mapping[str, object] | None = None,
    mailboxes: Iterable[str] = (),
    before: Callable[[Counters], None] = lambda _: None,
    web: Mapping[str, object] | None = None,
    **tables: object,
) -> Iterator[WebmailScene]:
    """Start the servers, and end them when the block is left.

    Args:
        folder: that all users can enter.
        roundcube: settings of Roundcube.
        mailboxes: further ones that can log in.
        before: is called with the empty tables, before the daemon reads them.
        web: keys of [web] in place of the usual ones.
        tables: of the configuration, such as `limits`.
    """
    store = in_sqlite(folder / "sendlimit.db")
    logins = {
        **known_mailboxes(),
        **dict.fromkeys(mailboxes, PASSWORD),
        CUSTOM_LOGIN: _CUSTOM_LOGIN_ENTRY,
    }
    with contextlib.ExitStack() as stack:
        dovecot = stack.enter_context(
            running(PrivateDovecot(folder / "dovecot", logins, imap=True, maildirs=folder / "mail"))
        )
        postfix = stack.enter_context(
            running(
                PrivatePostfix(
                    folder / "postfix",
                    sasl_path=dovecot.sasl_path,
                    milters=RECOMMENDED_MILTERS,
                    settings={"smtpd_recipient_restrictions": _BUSY_RECIPIENT},
                )
            )
        )
        settings = configuration(folder, postfix.milter_socket, store.settings, **tables)
        table = {
            "read_socket_owner": USER,
            "owner_login": f"imap://127.0.0.1:{dovecot.imap_port}",
            **(web or {}),
        }
        server = Web(folder, settings, table)
        before(store)
        daemon = stack.enter_context(running(Sendlimit(folder / "daemon", settings)))
        stack.enter_context(running(server))
        webmail = Roundcube(
            folder / "roundcube",
            imap_port=dovecot.imap_port,
            submission_port=postfix.submission_port,
            plugin={"sendlimit_socket": str(server.read_socket), "sendlimit_timeout": _PATIENCE_S},
            settings=roundcube,
        )
        stack.enter_context(running(webmail))
        yield WebmailScene(store, postfix, daemon, server, webmail)
