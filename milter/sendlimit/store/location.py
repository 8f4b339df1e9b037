"""Where a store is: the url in store.url, taken apart. Pure.

mariadb://USER[:PASSWORD]@HOST[:PORT][,HOST[:PORT]...]/DATABASE[?OPTION=VALUE[&OPTION=VALUE...]]
sqlite:///ABSOLUTE/PATH

Options: unix_socket=PATH; tls=LEVEL, tls_ca=PATH, tls_cert=PATH, tls_key=PATH.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import parse_qsl, unquote

if TYPE_CHECKING:
    from collections.abc import Mapping

_URL = re.compile(
    r"(?P<scheme>mariadb|mysql)://(?:(?P<user>[^:@/]*)(?::(?P<password>[^@/]*))?@)?"
    r"(?P<hosts>[^/?]*)/(?P<database>[^/?]+)(?:\?(?P<query>.*))?"
)
_HOST = re.compile(
    r"(?:\[(?P<inet6>[0-9a-fA-F:.]+)\]|(?P<name>[^:\[\]\s]+))(?::(?P<port>\d{1,5}))?"
)
_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_PORT = 3306
_PORT_MAX = 65535
_OPTIONS = ("tls", "unix_socket", "tls_ca", "tls_cert", "tls_key")
_NAME = re.compile(r"[0-9A-Za-z_$-]{1,64}")


class Host(NamedTuple):
    """A server's address."""

    name: str
    port: int

    def __str__(self) -> str:
        """Write it as the url has it."""
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether the server is on this host, by its name."""
        return self.name in _LOOPBACK


class TLSLevel(StrEnum):
    """How far TLS goes; the words are those of the mysql client's --ssl-mode."""

    OFF = "off"
    REQUIRED = "required"
    VERIFY_CA = "verify-ca"
    VERIFY_IDENTITY = "verify-identity"


@dataclass(frozen=True, slots=True)
class TLS:
    """How the connection to a server is encrypted.

    Attributes:
        level: REQUIRED encrypts, and trusts any server; VERIFY_CA wants a certificate that a known CA
            signed, VERIFY_IDENTITY one for this host.
        ca: file with the CAs that are known; None: those of the system.
        cert: file with the client's certificate; None: it has none.
        key: file with its key; None: it is in the same file.
    """

    level: TLSLevel
    ca: str | None = None
    cert: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class MariaDBLocation:
    """A database on a server.

    Attributes:
        hosts: in order; the first that answers is used. Unused with a unix_socket.
        password: as in the url, None when it has none.
        tls: None: not encrypted.
    """

    user: str
    database: str
    hosts: tuple[Host, ...]
    unix_socket: str | None = None
    password: str | None = None
    tls: TLS | None = None

    def __str__(self) -> str:
        """Name it for people, without the password."""
        where = self.unix_socket or ",".join(str(host) for host in self.hosts)
        return f"mariadb {self.user}@{where}/{self.database}"


@dataclass(frozen=True, slots=True)
class SQLiteLocation:
    """A database in a file."""

    path: str

    def __str__(self) -> str:
        """Name it for people."""
        return f"sqlite {self.path}"


Location = MariaDBLocation | SQLiteLocation


def parse_url(url: str) -> Location:
    """Take a store url apart.

    Raises:
        ValueError: with what is wrong and what is allowed, never with the password.
    """
    if url.startswith("sqlite:"):
        path = "/" + url.removeprefix("sqlite:").lstrip("/")
        if not url.startswith("sqlite:///") or path == "/":
            raise ValueError("is not 'sqlite:///' followed by an absolute path")
        return SQLiteLocation(unquote(path))
    if url.count("@") > 1:
        # Else a piece of a password would be taken for a host, and shown as that.
        raise ValueError("has more than one '@'; write one in a user or password as '%40'")
    match = _URL.fullmatch(url)
    if match is None:
        raise ValueError(
            "is not 'mariadb://USER@HOST[:PORT][,HOST...]/DATABASE' or 'sqlite:///PATH'"
        )
    if not match["user"]:
        raise ValueError("has no user: 'mariadb://USER@HOST/DATABASE'")
    database = unquote(match["database"])
    if not _NAME.fullmatch(database):
        raise ValueError(
            "has a database name with other characters than letters, digits, '_', '$' and '-'"
        )
    options = _options(match["query"] or "")
    unix_socket = options.get("unix_socket")
    tls = _tls(options)
    if tls is not None and unix_socket is not None:
        raise ValueError("has a unix_socket and TLS; what passes there needs no TLS")
    password = match["password"]
    return MariaDBLocation(
        user=unquote(match["user"]),
        database=database,
        hosts=tuple(_host(text) for text in match["hosts"].split(",")),
        unix_socket=unix_socket,
        password=None if password is None else unquote(password),
        tls=tls,
    )


def _options(query: str) -> dict[str, str]:
    """Read what follows the question mark."""
    options = dict(parse_qsl(query, keep_blank_values=True))
    if unknown := options.keys() - _OPTIONS:
        raise ValueError(
            f"has an unknown option '{min(unknown)}'; allowed: {', '.join(map(repr, _OPTIONS))}"
        )
    for name in _OPTIONS[1:]:
        if not options.get(name, "/").startswith("/"):
            raise ValueError(f"has a {name} that is not an absolute path")
    return options


def _tls(options: Mapping[str, str]) -> TLS | None:
    """Read the options of TLS; a file without a level means the strictest one."""
    files = {name: options.get(f"tls_{name}") for name in ("ca", "cert", "key")}
    default = TLSLevel.VERIFY_IDENTITY if any(files.values()) else TLSLevel.OFF
    try:
        level = TLSLevel(options.get("tls", default))
    except ValueError:
        allowed = ", ".join(repr(str(level)) for level in TLSLevel)
        raise ValueError(f"has a tls that is none of {allowed}") from None
    if level is TLSLevel.OFF:
        if any(files.values()):
            raise ValueError("has tls=off and files for TLS")
        return None
    if files["ca"] and level is TLSLevel.REQUIRED:
        raise ValueError("has a tls_ca, which only 'verify-ca' and 'verify-identity' look at")
    if files["key"] and not files["cert"]:
        raise ValueError("has a tls_key without its tls_cert")
    return TLS(level, **files)


def _host(text: str) -> Host:
    match = _HOST.fullmatch(text)
    if match is None or not 0 < int(match["port"] or _PORT) <= _PORT_MAX:
        raise ValueError(f"has a host '{text}' that is not NAME, NAME:PORT or [ADDRESS]:PORT")
    return Host(match["inet6"] or match["name"], int(match["port"] or _PORT))
