"""A private Dovecot that does nothing but SASL for Postfix."""

from collections.abc import Mapping
from pathlib import Path

from support.rig.process import Process, accepts_connections, free_port

PASSWORD = "secret"
"""Password of every mailbox that does not name its own."""

MAILBOXES: Mapping[str, str] = {
    f"{name}@{domain}": PASSWORD
    for domain in ("example.org", "example.net")
    for name in ("alice", "bob", "carol", "dave")
}
"""Mailboxes with their passwords, for tests that need no special ones."""

_CONFIG = """\
base_dir = {folder}/run
state_dir = {folder}/state
log_path = {folder}/dovecot.log
protocols =
ssl = no
disable_plaintext_auth = no
auth_mechanisms = plain login
# Default of Dovecot, written out because sendlimit relies on it: logins are lower-cased.
auth_username_format = %Lu
# A wrong password would cost this attempt 2 s, and the next logins from its address more.
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
passdb {{
  driver = passwd-file
  args = scheme=PLAIN username_format=%u {folder}/passwd
}}
userdb {{
  driver = static
  args = uid=nobody gid=nogroup home=/nonexistent
}}
service auth {{
  inet_listener {{
    address = 127.0.0.1
    port = {port}
  }}
}}
"""


class PrivateDovecot:
    """Dovecot's auth service on a port of its own, for `smtpd_sasl_type = dovecot`.

    A port and not a unix socket, because every Postfix then reaches it, chrooted or not.
    """

    def __init__(self, folder: Path, mailboxes: Mapping[str, str] = MAILBOXES) -> None:
        """Write the configuration; nothing is started.

        Args:
            folder: an empty or missing folder whose parents user dovecot can enter.
            mailboxes: passwords by lower-case login.
        """
        self.port = free_port()
        self.sasl_path = f"inet:127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "dovecot.conf"
        config.write_text(_CONFIG.format(folder=folder, port=self.port))
        self._passwd = folder / "passwd"
        self.set_mailboxes(mailboxes)
        self.process = Process("dovecot", ["dovecot", "-F", "-c", config], folder / "dovecot.log")

    def set_mailboxes(self, mailboxes: Mapping[str, str]) -> None:
        """Replace the mailboxes; a running Dovecot notices."""
        self._passwd.write_text(
            "".join(f"{login}:{password}\n" for login, password in mailboxes.items())
        )

    def start(self) -> None:
        """Start Dovecot and wait until it takes connections."""
        self.process.start()
        self.process.wait_until(
            lambda: accepts_connections(self.port), 20, f"listens on port {self.port}"
        )

    def stop(self) -> None:
        """End Dovecot."""
        self.process.stop()
