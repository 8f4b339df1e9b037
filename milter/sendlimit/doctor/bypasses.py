"""Find ways to send mail without a login, which is not limited. Pure except `webmail`."""

from __future__ import annotations

import ipaddress
import re
from pathlib import Path
from typing import TYPE_CHECKING

from sendlimit.doctor.check import Check, found, passed
from sendlimit.files import read_octets
from sendlimit.postfix.finding import warning
from sendlimit.postfix.restrictions import (
    own_domains_are_all,
    permits_without_login,
    trusts_networks,
)
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
_MYNETWORKS = "permit_mynetworks"
_NO_LOGIN = "mail without a login has no mailbox, so it is not counted and not limited"
_DEFAULTS = "defaults.inc.php"
_COMMENT = re.compile(r"/\*.*?\*/|^\s*(?://|#).*?$", re.DOTALL | re.MULTILINE)
_SMTP_USER = re.compile(
    r"""\$(?:config|rcmail_config)\[\s*['"]smtp_user['"]\s*\]\s*=\s*(['"])(.*?)\1"""
)


def networks(snapshot: Snapshot) -> Check:
    """Find what lets other hosts send without a login."""
    open_to: dict[str, list[str]] = {}
    open_by: dict[str, list[str]] = {}
    for service in snapshot.services:
        if role_of(service) is Role.RE_ENTRY:
            continue
        wide = remote_networks(service.effective.get("mynetworks", ""))
        if wide and trusts_networks(service):
            open_to.setdefault(" ".join(wide), []).append(service.key)
        others = permits_without_login(service, [_MYNETWORKS]) + own_domains_are_all(service)
        if others:
            open_by.setdefault(", ".join(others), []).append(service.key)
    if not open_to and not open_by:
        return passed(
            "networks",
            "without a login smtpd lets other hosts send to this server's own domains alone",
        )
    directory = f" -c {snapshot.config_directory}" if snapshot.is_chosen else ""
    return found(
        "networks",
        *(
            warning(
                "open-network",
                ", ".join(keys),
                f"hosts in {wide} may send without a login (mynetworks)",
                _NO_LOGIN,
                "let those hosts log in, then:"
                f" postconf{directory} -e 'mynetworks = {_ON_LOOPBACK}'"
                f" && postfix{directory} reload",
            )
            for wide, keys in open_to.items()
        ),
        *(
            warning(
                "open-relay",
                ", ".join(keys),
                f"other hosts may relay without a login where this lets them: {permits}",
                _NO_LOGIN,
                "see whom it lets relay; let them log in, then put it behind"
                " reject_unauth_destination in smtpd_relay_restrictions",
            )
            for permits, keys in open_by.items()
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
    there: dict[Path, str] = {}
    closed: list[str] = []
    for path in paths:
        try:
            there[path] = _smtp_user(path)
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as failure:
            closed.append(f"{failure.filename or path} can't be read: {failure.strerror}")
    findings = tuple(
        warning(
            "webmail-login",
            str(path),
            "Roundcube sends without a login: smtp_user is empty",
            _NO_LOGIN,
            f"set $config['smtp_user'] = '%u'; and $config['smtp_pass'] = '%p'; in {path}",
        )
        for path, user in there.items()
        if not user
    )
    if findings:
        return found("webmail", *findings)
    if closed:
        return passed("webmail", f"not looked at: {'; '.join(closed)}")
    return passed("webmail", "Roundcube logs in" if there else "no Roundcube in its usual places")


def _smtp_user(path: Path) -> str:
    """Return the value of smtp_user that Roundcube uses, "" for none.

    Raises:
        OSError: a file can't be read.
    """
    own = smtp_user(read_octets(path).decode(errors="replace"))
    defaults = path.with_name(_DEFAULTS)
    if own is None and defaults.exists():
        own = smtp_user(read_octets(defaults).decode(errors="replace"))
    return own or ""


def smtp_user(php: str) -> str | None:
    """Return the value that a configuration sets smtp_user to; None: it does not set it."""
    assigned = _SMTP_USER.findall(_COMMENT.sub("", php))
    return assigned[-1][1] if assigned else None
