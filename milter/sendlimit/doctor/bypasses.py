"""Find ways to send mail without a login, which is not limited. Pure except `webmail`."""

from __future__ import annotations

import ipaddress
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from sendlimit.doctor.check import Check, found, passed
from sendlimit.postfix.findings import warning
from sendlimit.postfix.services import Role, role_of
from sendlimit.rules.client import address_of, is_in

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sendlimit.postfix.snapshot import Snapshot
    from sendlimit.rules.client import Network

ROUNDCUBE = (
    Path("/etc/roundcube/config.inc.php"),  # Debian's package, which ISPConfig uses
    Path("/etc/roundcubemail/config.inc.php"),
    Path("/opt/roundcube/config/config.inc.php"),
    Path("/usr/share/roundcube/config/config.inc.php"),
    Path("/var/www/roundcube/config/config.inc.php"),
)
"""Where Roundcube's configuration may be."""

_LOOPBACK = tuple(
    ipaddress.ip_network(text) for text in ("127.0.0.0/8", "::1/128", "::ffff:127.0.0.0/104")
)
_ON_LOOPBACK = "127.0.0.0/8 [::ffff:127.0.0.0]/104 [::1]/128"
_RESTRICTIONS = (
    "smtpd_client_restrictions",
    "smtpd_recipient_restrictions",
    "smtpd_relay_restrictions",
)
_DEFAULTS = "defaults.inc.php"
_COMMENT = re.compile(r"/\*.*?\*/|^\s*(?://|#).*?$", re.DOTALL | re.MULTILINE)
_SMTP_USER = re.compile(
    r"""\$(?:config|rcmail_config)\[\s*['"]smtp_user['"]\s*\]\s*=\s*(['"])(.*?)\1"""
)


def networks(snapshot: Snapshot) -> Check:
    """Find hosts that Postfix lets send without a login."""
    open_to: dict[str, list[str]] = {}
    for service in snapshot.services:
        is_asked = role_of(service) is not Role.RE_ENTRY
        trusts = any(
            "permit_mynetworks" in service.effective.get(name, "") for name in _RESTRICTIONS
        )
        if (
            is_asked
            and trusts
            and (wide := remote_networks(service.effective.get("mynetworks", "")))
        ):
            open_to.setdefault(" ".join(wide), []).append(service.key)
    if not open_to:
        return passed("networks", "no other host may send without a login")
    directory = f" -c {snapshot.config_directory}" if snapshot.is_chosen else ""
    return found(
        "networks",
        *(
            warning(
                "open-network",
                ", ".join(keys),
                f"hosts in {wide} may send without a login (mynetworks)",
                "mail without a login has no mailbox, so it is not counted and not limited",
                "let those hosts log in, then:"
                f" postconf{directory} -e 'mynetworks = {_ON_LOOPBACK}'"
                f" && postfix{directory} reload",
            )
            for wide, keys in open_to.items()
        ),
    )


def remote_networks(mynetworks: str) -> list[str]:
    """Return the parts of mynetworks that other hosts belong to: all but loopback."""
    words = re.split(r"[,\s]+", mynetworks.strip())
    return [word for word in words if word and not word.startswith("!") and not _is_loopback(word)]


def _is_loopback(word: str) -> bool:
    """Tell whether a network is loopback; of a lookup table that is not known."""
    try:
        network = ipaddress.ip_network(re.sub(r"[\[\]]", "", word), strict=False)
    except ValueError:
        return False
    return any(
        network.version == known.version
        and network.network_address in known
        and network.broadcast_address in known
        for known in _LOOPBACK
    )


def exempt(snapshot: Snapshot, clients: Sequence[Network]) -> Check:
    """Find exempt clients from whose address others come, too: webmail on this host, and proxies."""
    proxies = {"127.0.0.1", "::1"}
    for service in snapshot.services:
        for name in ("smtpd_authorized_xclient_hosts", "proxy_interfaces"):
            proxies.update(re.split(r"[,\s\[\]]+", service.effective.get(name, "")))
    shared = sorted(proxy for proxy in proxies if is_in(address_of(proxy), clients))
    if not shared:
        what = ", ".join(map(str, clients)) or "no client is exempt by its address"
        return passed("exempt", what)
    return found(
        "exempt",
        *(
            warning(
                "exempt-proxy",
                proxy,
                "is exempt (identity.exempt_clients), and is this host or a proxy",
                "webmail on this host comes from there, and everybody behind a proxy that does not"
                " name the client: their mail is not limited",
                "take it out of identity.exempt_clients; exempt the logins instead (identity.exempt)",
            )
            for proxy in shared
        ),
    )


def webmail(paths: Iterable[Path]) -> Check:
    """Check whether Roundcube logs in to send mail, in the configurations that can be read."""
    there = [path for path in paths if os.access(path, os.R_OK)]
    findings = tuple(
        warning(
            "webmail-login",
            str(path),
            "Roundcube sends without a login: smtp_user is empty",
            "mail without a login has no mailbox, so it is not counted and not limited",
            f"set $config['smtp_user'] = '%u'; and $config['smtp_pass'] = '%p'; in {path}",
        )
        for path in there
        if not _smtp_user(path)
    )
    if findings:
        return found("webmail", *findings)
    return passed("webmail", "Roundcube logs in" if there else "no Roundcube found here")


def _smtp_user(path: Path) -> str:
    """Return the value of smtp_user that Roundcube uses, "" for none."""
    own = smtp_user(path.read_text(errors="replace"))
    defaults = path.with_name(_DEFAULTS)
    if own is None and defaults.is_file():
        own = smtp_user(defaults.read_text(errors="replace"))
    return own or ""


def smtp_user(php: str) -> str | None:
    """Return the value that a configuration sets smtp_user to; None: it does not set it."""
    assigned = _SMTP_USER.findall(_COMMENT.sub("", php))
    return assigned[-1][1] if assigned else None
