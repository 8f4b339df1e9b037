"""The tables [milter], [store], [calendar], [counting], [identity], [log] and [metrics] of the config file."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo

from pydantic import Field, field_validator

from sendlimit.config.base import Section
from sendlimit.config.timezone import UNREADABLE
from sendlimit.postfix.milter_socket import PORT_MAX, parse_milter_socket
from sendlimit.rules.client import read_network
from sendlimit.rules.external import LOCAL_TRANSPORTS, read_transport
from sendlimit.rules.limit import Scope
from sendlimit.rules.subject import read_subject
from sendlimit.store.location import parse_url

if TYPE_CHECKING:
    from sendlimit.rules.client import Network

_PATH_MAX = 103
"""unix(7): a socket's path has 107 bytes; the daemon makes it with four more at its end."""


class MilterSection(Section):
    """The socket that Postfix connects to."""

    socket: str = Field(
        "unix:/var/spool/postfix/sendlimit/milter.sock",
        description=(
            'where Postfix connects: "unix:/PATH", "inet:PORT@ADDRESS" or "inet6:PORT@[ADDRESS]";'
            " a path in Postfix's queue directory can be reached by a chrooted smtpd"
        ),
    )
    socket_group: str = Field(
        "postfix", description="group of a unix socket: Postfix's, so that only Postfix connects"
    )
    socket_mode: str = Field("0660", description="mode of a unix socket, octal, nothing for others")

    @field_validator("socket")
    @classmethod
    def _socket(cls, value: str) -> str:
        path = parse_milter_socket(value).path
        if path is not None and len(str(path).encode()) > _PATH_MAX:
            raise ValueError(f"has a path that is too long; allowed: {_PATH_MAX} bytes")
        return value

    @field_validator("socket_mode")
    @classmethod
    def _mode(cls, value: str) -> str:
        if not re.fullmatch(r"0?[0-7]{3}", value):
            raise ValueError(f'{value!r} is not a mode; allowed: octal digits such as "0660"')
        if int(value, 8) & 0o007:
            raise ValueError(
                f'{value!r} lets every local user in; allowed: modes that end in 0, such as "0660"'
            )
        return value

    @property
    def path(self) -> Path | None:
        """The file of a unix socket, None for the others."""
        return parse_milter_socket(self.socket).path


class StoreSection(Section):
    """The database that holds the counters."""

    url: str = Field(
        "sqlite:///var/lib/sendlimit/sendlimit.db",
        description=(
            'the database: "sqlite:///PATH" (one server), or'
            ' "mariadb://USER@HOST[:PORT][,HOST...]/DATABASE", with'
            ' "?unix_socket=/run/mysqld/mysqld.sock" for one on this host'
        ),
    )
    password_file: str | None = Field(
        None,
        description="file with the password of the database user; SQLite needs none",
        examples=["/etc/sendlimit/store.password"],
    )
    decision_timeout_s: float = Field(
        2.0,
        gt=0,
        le=30,
        description="seconds; a mail that waits longer for its decision is treated as on_failure says",
    )
    on_failure: Literal["accept", "meter", "tempfail"] = Field(
        "accept",
        description=(
            'the answer to mail that can\'t be counted in time: "accept", "meter" (one server: the'
            ' limits hold on by what is known) or "tempfail"'
        ),
    )

    memory_counters: int = Field(
        1_000_000,
        ge=1_000,
        le=100_000_000,
        description=(
            "how many counters a daemon that decides from memory keeps there; beyond it they are read"
            " from the database as mail needs them"
        ),
    )

    @field_validator("url")
    @classmethod
    def _url(cls, value: str) -> str:
        parse_url(value)
        return value


class CalendarSection(Section):
    """When a day, an hour or a month begins."""

    timezone: str = Field(
        "",
        description='zone of days, hours and months, such as "Europe/Berlin"; empty: the system\'s',
    )
    day_starts_at: str = Field(
        "00:00", description='local time "HH:MM" at which day and month begin'
    )

    @field_validator("timezone")
    @classmethod
    def _zone(cls, value: str) -> str:
        try:
            if value:
                ZoneInfo(value)
        except UNREADABLE as error:
            raise ValueError(
                f'{value!r} is not a time zone; allowed: names such as "Europe/Berlin"'
            ) from error
        return value

    @field_validator("day_starts_at")
    @classmethod
    def _start(cls, value: str) -> str:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError(f'{value!r} is not a time of day; allowed: "00:00" to "23:59"')
        return value


class CountingSection(Section):
    """What is external mail: that which Postfix does not deliver on this server."""

    local_transports: tuple[str, ...] = Field(
        LOCAL_TRANSPORTS,
        description=(
            "transports of Postfix (names of lines in master.cf) that deliver on this server;"
            " recipients of all others are external"
        ),
        strict=False,
    )

    @field_validator("local_transports")
    @classmethod
    def _local_transports(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for written in value:
            read_transport(written)
        return value


_SELECT = re.compile(r"\s*select\s", re.IGNORECASE)


class IdentitySection(Section):
    """Which logins are counted, and as which mailbox."""

    default_domain: str = Field("", description="appended to logins without a domain")
    exempt: tuple[str, ...] = Field(
        (),
        description='mailboxes and domains that are never counted, such as ["monitoring@example.org"]',
        strict=False,
    )
    exempt_clients: tuple[str, ...] = Field(
        (),
        description="addresses and networks of clients whose mail is never counted",
        examples=[["10.0.0.0/8", "2001:db8::/32"]],
        strict=False,
    )
    map_file: str | None = Field(
        None,
        description="file with other spellings of logins, LOGIN MAILBOX a line",
        examples=["/etc/sendlimit/logins"],
    )
    map_query: str | None = Field(
        None,
        description=(
            "the same from the store's database: a SELECT that returns logins and their mailboxes"
        ),
        examples=["SELECT login, email FROM dbispconfig.mail_user WHERE login <> email"],
    )

    @field_validator("default_domain")
    @classmethod
    def _domain(cls, value: str) -> str:
        if not re.fullmatch(r"[^@\s*?]*", value) or (value and not value.strip(".")):
            raise ValueError(f'{value!r} is not a domain; allowed: a name such as "example.org"')
        return value

    @field_validator("exempt")
    @classmethod
    def _exempt(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for written in value:
            if read_subject(written).scope is Scope.GLOBAL:
                raise ValueError(
                    f"{written!r} is everyone; allowed: mailboxes and domains, such as '@example.org'"
                )
        return value

    @field_validator("exempt_clients")
    @classmethod
    def _exempt_clients(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for written in value:
            if read_network(written).prefixlen == 0:
                raise ValueError(
                    f"{written!r} is everyone; allowed: addresses and networks such as"
                    " '192.0.2.7', '10.0.0.0/8', '2001:db8::/32'"
                )
        return value

    @field_validator("map_file")
    @classmethod
    def _map_file(cls, value: str | None) -> str | None:
        if value is not None and not value.startswith("/"):
            raise ValueError(f"{value!r} is not an absolute path")
        return value

    @field_validator("map_query")
    @classmethod
    def _map_query(cls, value: str | None) -> str | None:
        if value is not None and (not _SELECT.match(value) or ";" in value):
            raise ValueError("is not one SELECT statement without a semicolon")
        return value

    @property
    def map_path(self) -> Path | None:
        """The file of map_file, None without one."""
        return None if self.map_file is None else Path(self.map_file)

    @property
    def has_map(self) -> bool:
        """Whether logins have other spellings."""
        return self.map_file is not None or self.map_query is not None

    def exempt_networks(self) -> tuple[Network, ...]:
        """Return the networks of exempt_clients."""
        return tuple(read_network(written) for written in self.exempt_clients)

    def exempt_keys(self) -> frozenset[str]:
        """Return what is exempt: mailboxes as they are counted, domains with "@" before them."""
        subjects = [read_subject(written, self.default_domain) for written in self.exempt]
        return frozenset(
            f"@{subject.key}" if subject.scope is Scope.DOMAIN else subject.key
            for subject in subjects
        )


class LogSection(Section):
    """The log."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        "info",
        description=(
            'lowest level that is logged: "debug" (a line for each accepted mail), "info",'
            ' "warning" or "error"'
        ),
    )
    syslog: bool = Field(
        default=True,
        description=(
            "whether lines go to syslog with facility mail, too; where systemd starts the daemon,"
            " its journal has them with that facility"
        ),
    )
    refusals: Literal["each", "merged"] = Field(
        "each",
        description=(
            'a line for "each" refusal, or "merged": of a flood by one limit one line a minute'
            " with its number"
        ),
    )


_HOST_AND_PORT = re.compile(
    r"(?:\[(?P<host6>[0-9a-fA-F:.]+)\]|(?P<host>[^:\s\[\]]+)):(?P<port>\d{1,5})"
)


def host_and_port(text: str, usual_port: int) -> tuple[str, int]:
    """Split "HOST:PORT" or "[IPV6]:PORT".

    Raises:
        ValueError: it is neither; the text gives examples with the usual port.
    """
    match = _HOST_AND_PORT.fullmatch(text)
    if match is None or not 0 < int(match["port"]) <= PORT_MAX:
        raise ValueError(
            f"{text!r} is not an address with a port;"
            f' allowed: "127.0.0.1:{usual_port}", "[::1]:{usual_port}"'
        )
    return match["host6"] or match["host"], int(match["port"])


METRICS_PORT = 9140


class MetricsSection(Section):
    """Metrics for Prometheus; without this table there are none."""

    listen: str = Field(
        description="ADDRESS:PORT that Prometheus asks", examples=["127.0.0.1:9140"]
    )

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: str) -> str:
        host_and_port(value, METRICS_PORT)
        return value

    @property
    def address(self) -> tuple[str, int]:
        """Host and port to listen on."""
        return host_and_port(self.listen, METRICS_PORT)
