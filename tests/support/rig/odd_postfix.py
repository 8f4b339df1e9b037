"""A private Postfix with filters, checks and services that end mails in every way."""

import os
import signal
from collections.abc import Mapping
from pathlib import Path

from support.rig.postfix import RECOMMENDED_MILTERS, PrivatePostfix
from support.rig.process import free_port

PICKY_SOCKET = "picky.sock"
"""Name of the picky milter's socket, beside sendlimit's."""

SIZE_LIMIT = 20000
"""Octets that a mail may have."""

_PICKY = f"{{ unix:sendlimit/{PICKY_SOCKET} }}"
_ACCESS = """\
refused@example.com      REJECT refused by the admin
held@example.com         HOLD held by the admin
discarded@example.com    DISCARD thrown away by the admin
too-late@example.com     REJECT refused at end-of-data
"""
_HEADERS = """\
/^X-Refuse:/     REJECT refused header
/^X-Hold:/       HOLD held header
/^X-Discard:/    DISCARD discarded header
"""
_BODIES = "/^refuse this line/ REJECT refused body\n"

_LOGIN_MATTERS = {
    "smtpd_sender_login_maps": "inline:{ { owned@example.org = somebody.else@example.org } }",
    "smtpd_sender_restrictions": "reject_sender_login_mismatch",
}
_SERVICES: Mapping[str, Mapping[str, str]] = {
    "before": {"smtpd_milters": f"{_PICKY}, {RECOMMENDED_MILTERS}"},
    "behind": {"smtpd_milters": f"{RECOMMENDED_MILTERS}, {_PICKY}"},
    "full": {"queue_minfree": "9000000000000000"},
    "late-login": _LOGIN_MATTERS,
    "early-login": {**_LOGIN_MATTERS, "smtpd_delay_reject": "no"},
    "unicode": {"strict_smtputf8": "yes"},
    "impatient": {"smtpd_timeout": "2s"},
}


class OddPostfix(PrivatePostfix):
    """A Postfix that has more services than two.

    Attributes:
        ports: by service: submission, before and behind (a picky milter on that side of
            sendlimit), full, late-login, early-login, unicode, impatient, proxied.
    """

    def __init__(self, folder: Path, sasl_path: str) -> None:
        """Write the configuration; nothing is started."""
        folder.mkdir()
        tables = {"access": _ACCESS, "headers": _HEADERS, "bodies": _BODIES}
        for name, text in tables.items():
            (folder / name).write_text(text)
        self.ports = {name: free_port() for name in (*_SERVICES, "proxied")}
        super().__init__(
            folder,
            sasl_path=sasl_path,
            milters=RECOMMENDED_MILTERS,
            settings={
                "message_size_limit": str(SIZE_LIMIT),
                "header_checks": f"regexp:{folder}/headers",
                "body_checks": f"regexp:{folder}/bodies",
                "smtpd_recipient_restrictions": f"check_recipient_access inline:{{ {_inline('refused', 'held', 'discarded')} }}",
                "smtpd_end_of_data_restrictions": f"check_recipient_access inline:{{ {_inline('too-late')} }}",
            },
            smtp_options={"smtpd_milters": ""},
        )
        services = {**_SERVICES, "proxied": {"smtpd_proxy_filter": f"127.0.0.1:{self.smtp_port}"}}
        with (self.config_directory / "master.cf").open("a") as master_cf:
            for name, options in services.items():
                master_cf.write(f"127.0.0.1:{self.ports[name]} inet n - y - - smtpd\n")
                master_cf.writelines(
                    f"  -o {{ {key} = {value} }}\n" for key, value in options.items()
                )
        self.ports |= {"submission": self.submission_port}

    def kill_smtp_servers(self) -> None:
        """End every smtpd at once, as the out-of-memory killer would."""
        for pid in self.smtp_servers():
            os.kill(pid, signal.SIGKILL)


def _inline(*names: str) -> str:
    lines = dict(line.split(maxsplit=1) for line in _ACCESS.splitlines())
    return ", ".join(
        f"{{ {address} = {action} }}"
        for address, action in lines.items()
        if address.partition("@")[0] in names
    )
