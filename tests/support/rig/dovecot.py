"""A private Dovecot that does nothing but SASL for Postfix."""

import functools
import shutil
import subprocess
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
auth_mechanisms = plain login
# A wrong password would cost this attempt 2 s, and the next logins from its address more.
auth_failure_delay = 0
service anvil {{
  unix_listener anvil-auth-penalty {{
    mode = 0
  }}
}}
"""
# auth_username_format is Dovecot's default, written out because sendlimit relies on it: logins
# are lower-cased.
_SETTINGS_2_3 = """\
disable_plaintext_auth = no
auth_username_format = %Lu
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
_SETTINGS_2_4 = """\
auth_allow_cleartext = yes
auth_username_format = %{{user | lower}}
passdb passwd-file {{
  passwd_file_path = {folder}/passwd
  default_password_scheme = PLAIN
}}
userdb static {{
  fields {{
    uid = nobody
    gid = nogroup
    home = /nonexistent
  }}
}}
service auth {{
  inet_listener sasl {{
    listen = 127.0.0.1
    port = {port}
  }}
}}
"""
_FIRST_LINES_2_4 = """\
dovecot_config_version = 2.4.0
dovecot_storage_version = 2.4.0
"""
_ANY_LOGIN_2_3 = f"""\
auth_username_chars =
passdb {{
  driver = static
  args = password={PASSWORD}
}}
"""
_ANY_LOGIN_2_4 = f"""\
auth_username_chars =
passdb static {{
  password = {PASSWORD}
}}
"""


_IMAP_2_3 = """\
protocols = imap
mail_location = maildir:{maildirs}
service imap-login {{
  inet_listener imap {{
    address = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""
_IMAP_2_4 = """\
protocols {{
  imap = yes
}}
mail_driver = maildir
mail_path = {maildirs}
service imap-login {{
  inet_listener imap {{
    listen = 127.0.0.1
    port = {port}
  }}
  inet_listener imaps {{
    port = 0
  }}
}}
"""


@functools.cache
def _is_2_4() -> bool:
    """Tell whether this Dovecot has the configuration language of 2.4."""
    done = subprocess.run(["dovecot", "--version"], capture_output=True, text=True, check=True)
    major, minor = done.stdout.split(".")[:2]
    return (int(major), int(minor)) >= (2, 4)


class PrivateDovecot:
    """Dovecot's auth service on a port of its own, for `smtpd_sasl_type = dovecot`.

    A port and not a unix socket, because every Postfix then reaches it, chrooted or not.
    """

    def __init__(
        self,
        folder: Path,
        mailboxes: Mapping[str, str] = MAILBOXES,
        *,
        takes_any_login: bool = False,
        imap: bool = False,
        maildirs: Path | None = None,
    ) -> None:
        """Write the configuration; nothing is started.

        Args:
            folder: an empty or missing folder whose parents user dovecot can enter.
            mailboxes: passwords by lower-case login.
            takes_any_login: whether every other login may come in, with PASSWORD.
            imap: whether it speaks IMAP, too, on `imap_port`.
            maildirs: folder for the mail; it is made, and belongs to nobody.
        """
        self.port = free_port()
        self.sasl_path = f"inet:127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        config = folder / "dovecot.conf"
        template = (
            _FIRST_LINES_2_4 + _CONFIG + _SETTINGS_2_4 if _is_2_4() else _CONFIG + _SETTINGS_2_3
        )
        text = template.format(folder=folder, port=self.port)
        if takes_any_login:
            text += _ANY_LOGIN_2_4 if _is_2_4() else _ANY_LOGIN_2_3
        self.imap_port = free_port()
        if imap:
            mail = "/nonexistent"
            if maildirs is not None:
                maildirs.mkdir()
                shutil.chown(maildirs, "nobody", "nogroup")
                mail = f"{maildirs}/{'%{user}' if _is_2_4() else '%u'}"
            text += (_IMAP_2_4 if _is_2_4() else _IMAP_2_3).format(
                port=self.imap_port, maildirs=mail
            )
        config.write_text(text)
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
