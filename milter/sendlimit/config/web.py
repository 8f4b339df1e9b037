"""The table [web] of the config file."""

from __future__ import annotations

import ipaddress
import re
from typing import NamedTuple

from pydantic import Field, field_validator, model_validator

from sendlimit.config.base import Section
from sendlimit.config.sections import host_and_port

WEB_PORT = 9141
_PATH_MAX = 103
"""unix(7): a socket's path has 107 bytes; it is made with four more at its end."""
_PORTS = {"imap": 143, "imaps": 993, "submission": 587, "submissions": 465}
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""A header's name, RFC 9110 5.6.2."""


class LoginServer(NamedTuple):
    """Where the password of a mailbox is checked.

    Attributes:
        protocol: "imap", "imaps", "submission" or "submissions"; with "s" TLS from the start.
        host, port: of the server.
    """

    protocol: str
    host: str
    port: int

    @property
    def is_local(self) -> bool:
        """Whether the server is on this host, so that a password needs no TLS."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False


def parse_login_server(text: str) -> LoginServer:
    """Take "imap://HOST:PORT" or "submission://HOST:PORT" apart; the port may be left out.

    Raises:
        ValueError: says what is allowed.
    """
    protocol, _, rest = text.partition("://")
    if protocol not in _PORTS or not rest or "/" in rest:
        raise ValueError(
            f'{text!r} is not the address of a login server; allowed: "imap://127.0.0.1:143",'
            ' "submission://127.0.0.1:587", and "imaps://", "submissions://" for TLS'
        )
    usual = _PORTS[protocol]
    has_port = re.search(r"(?:\]|^[^:]+):\d+$", rest)
    return LoginServer(protocol, *host_and_port(rest if has_port else f"{rest}:{usual}", usual))


class WebSection(Section):
    """The web pages and the HTTP API ("sendlimit web"); without this table there are none."""

    listen: str | None = Field(
        None,
        description=(
            "ADDRESS:PORT of the pages, which have a log-in, and of the API, which wants a token"
        ),
        examples=["127.0.0.1:9141"],
    )
    admin_socket: str | None = Field(
        None,
        description="unix socket of the API without a token, for everything",
        examples=["/run/sendlimit-web/admin.sock"],
    )
    admin_socket_owner: str = Field(
        "root",
        description="the user who may connect to admin_socket, beside root, such as the panel's",
    )
    read_socket: str | None = Field(
        None,
        description="unix socket of the API without a token, to read the usage of mailboxes",
        examples=["/run/sendlimit-web/read.sock"],
    )
    read_socket_owner: str = Field(
        "root",
        description="the user who may connect to read_socket, beside root, such as the webmail's",
    )
    owner_login: str | None = Field(
        None,
        description=(
            "server that checks the password of a mailbox's owner, who then sees the own use:"
            ' "imap://HOST:PORT" or "submission://HOST:PORT"; not set: no page for owners'
        ),
        examples=["imap://127.0.0.1:143"],
    )
    trusted_proxy: str = Field(
        "", description="address of a proxy in front of the pages, whose user_header is believed"
    )
    user_header: str = Field(
        "",
        description=(
            "header in which the trusted proxy names the admin who has logged in there, such as"
            ' "X-Remote-User"; empty: only users of "sendlimit web user"'
        ),
    )

    @field_validator("listen")
    @classmethod
    def _listen(cls, value: str | None) -> str | None:
        if value is not None:
            host_and_port(value, WEB_PORT)
        return value

    @field_validator("admin_socket", "read_socket")
    @classmethod
    def _socket(cls, value: str | None) -> str | None:
        if value is None:
            return None
        if not value.startswith("/") or "\0" in value:
            raise ValueError(f"{value!r} is not an absolute path")
        if len(value.encode()) > _PATH_MAX:
            raise ValueError(f"is too long for a socket; allowed: {_PATH_MAX} bytes")
        return value

    @field_validator("admin_socket_owner", "read_socket_owner")
    @classmethod
    def _owner(cls, value: str) -> str:
        if not re.fullmatch(r"[^\s:/\0]+", value):
            raise ValueError(f"{value!r} is not a user; allowed: the name of a user of this host")
        return value

    @field_validator("owner_login")
    @classmethod
    def _login(cls, value: str | None) -> str | None:
        if value is not None:
            parse_login_server(value)
        return value

    @field_validator("trusted_proxy")
    @classmethod
    def _proxy(cls, value: str) -> str:
        try:
            if value:
                ipaddress.ip_address(value)
        except ValueError:
            raise ValueError(
                f'{value!r} is not an address; allowed: one such as "127.0.0.1"'
            ) from None
        return value

    @field_validator("user_header")
    @classmethod
    def _header(cls, value: str) -> str:
        if value and not _TOKEN.fullmatch(value):
            raise ValueError(f'{value!r} is not a header; allowed: a name such as "X-Remote-User"')
        return value

    @model_validator(mode="after")
    def _fits(self) -> WebSection:
        if self.listen is None and self.admin_socket is None and self.read_socket is None:
            raise ValueError("listens nowhere; set listen, admin_socket or read_socket")
        if self.admin_socket is not None and self.admin_socket == self.read_socket:
            raise ValueError("admin_socket and read_socket are the same; set two paths")
        if bool(self.trusted_proxy) != bool(self.user_header):
            raise ValueError("trusted_proxy and user_header only work together; set both or none")
        if self.owner_login is not None and self.listen is None:
            raise ValueError("owner_login needs listen: its page is there")
        return self

    @property
    def address(self) -> tuple[str, int] | None:
        """Host and port to listen on; None: not on TCP."""
        return None if self.listen is None else host_and_port(self.listen, WEB_PORT)

    @property
    def login_server(self) -> LoginServer | None:
        """Where an owner's password is checked; None: nowhere."""
        return None if self.owner_login is None else parse_login_server(self.owner_login)
