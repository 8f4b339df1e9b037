"""Where a store is: the url in store.url, taken apart. Pure.

mariadb://USER[:PASSWORD]@HOST[:PORT][,HOST[:PORT]...]/DATABASE[?unix_socket=PATH]
sqlite:///ABSOLUTE/PATH
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple
from urllib.parse import parse_qsl, unquote

_URL = re.compile(
    r"(?P<scheme>mariadb|mysql)://(?:(?P<user>[^:@/]*)(?::(?P<password>[^@/]*))?@)?"
    r"(?P<hosts>[^/?]*)/(?P<database>[^/?]+)(?:\?(?P<query>.*))?"
)
_HOST = re.compile(
    r"(?:\[(?P<inet6>[0-9a-fA-F:.]+)\]|(?P<name>[^:\[\]\s]+))(?::(?P<port>\d{1,5}))?"
)
_PORT = 3306
_PORT_MAX = 65535
_NAME = re.compile(r"[0-9A-Za-z_$-]{1,64}")


class Host(NamedTuple):
    """A server's address."""

    name: str
    port: int

    def __str__(self) -> str:
        """Write it as the url has it."""
        return f"[{self.name}]:{self.port}" if ":" in self.name else f"{self.name}:{self.port}"


@dataclass(frozen=True, slots=True)
class MariaDBLocation:
    """A database on a server.

    Attributes:
        hosts: in order; the first that answers is used. Unused with a unix_socket.
        password: as in the url, None when it has none.
    """

    user: str
    database: str
    hosts: tuple[Host, ...]
    unix_socket: str | None = None
    password: str | None = None

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
    options = dict(parse_qsl(match["query"] or "", keep_blank_values=True))
    unix_socket = options.pop("unix_socket", None)
    if options:
        raise ValueError(f"has an unknown option '{min(options)}'; the only one is 'unix_socket'")
    if unix_socket is not None and not unix_socket.startswith("/"):
        raise ValueError("has a unix_socket that is not an absolute path")
    password = match["password"]
    return MariaDBLocation(
        user=unquote(match["user"]),
        database=database,
        hosts=tuple(_host(text) for text in match["hosts"].split(",")),
        unix_socket=unix_socket,
        password=None if password is None else unquote(password),
    )


def _host(text: str) -> Host:
    match = _HOST.fullmatch(text)
    if match is None or not 0 < int(match["port"] or _PORT) <= _PORT_MAX:
        raise ValueError(f"has a host '{text}' that is not NAME, NAME:PORT or [ADDRESS]:PORT")
    return Host(match["inet6"] or match["name"], int(match["port"] or _PORT))
