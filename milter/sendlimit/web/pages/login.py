"""Logging in and out: users of the pages, owners of mailboxes, admins whom a proxy names."""

from __future__ import annotations

import base64
import imaplib
import logging
import re
import smtplib
import ssl
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.store import web_access
from sendlimit.web.errors import WebError
from sendlimit.web.pages.security import SESSION_COOKIE, is_proxied
from sendlimit.web.passwords import PASSWORD_MAX, is_right

if TYPE_CHECKING:
    from starlette.requests import Request

    from sendlimit.config.web import LoginServer, WebSection
    from sendlimit.store.connection import Connection
    from sendlimit.web.api.common import Service

_LOG = logging.getLogger("sendlimit.web")
IDLE_S = 4 * 3600
"""A session that was not used for so long has ended."""
_NOTE_S = 60
"""How often the use of a session is written down."""
_ANSWER_S = 5.0
"""How long each answer of the server that checks passwords may take."""
USER, OWNER = "user", "owner"
_NAME_MAX = 255
_AUTHENTICATED = 235
"""RFC 4954 6."""


class Visitor(NamedTuple):
    """Who looks at the pages: an admin ("user") or the "owner" of a mailbox."""

    kind: str
    name: str
    has_session: bool = True


async def visitor_of(request: Request, service: Service, section: WebSection) -> Visitor | None:
    """Return who has logged in, here or at the trusted proxy; None: no login."""
    if section.user_header and is_proxied(request, section):
        named = request.headers.get(section.user_header, "").strip()
        if named:
            return Visitor(USER, named[:_NAME_MAX], has_session=False)
    cookie = request.cookies.get(SESSION_COOKIE)
    if not cookie:
        return None
    hashed = web_access.digest(cookie)
    at = service.now()

    def work(connection: Connection) -> Visitor | None:
        session = web_access.find_session(connection, hashed)
        if session is None or session.used_at + IDLE_S <= at:
            return None
        if session.used_at + _NOTE_S <= at:
            web_access.use_session(connection, hashed, at)
        return Visitor(session.kind, session.name)

    return await service.database.run(work)


async def begin_session(service: Service, visitor: Visitor) -> str:
    """Begin a session; return its cookie."""
    secret = web_access.new_secret()
    at = service.now()
    session = web_access.Session(visitor.kind, visitor.name, at)

    def work(connection: Connection) -> None:
        web_access.end_idle_sessions(connection, at - IDLE_S)
        web_access.begin_session(connection, web_access.digest(secret), session)

    await service.database.run(work)
    return secret


async def end_session(request: Request, service: Service) -> None:
    """End the session of a request: its cookie is worth nothing afterwards."""
    hashed = web_access.digest(request.cookies.get(SESSION_COOKIE, ""))
    await service.database.run(lambda connection: web_access.end_session(connection, hashed))


async def is_user(service: Service, name: str, password: str) -> bool:
    """Say whether this is the password of a user of the pages."""

    def work(connection: Connection) -> bool:
        return is_right(password, web_access.password_hash(connection, name))

    return await service.database.run(work)


def is_owner(server: LoginServer, login: str, password: str) -> bool:
    """Ask a server whether this is the password of a mailbox; takes as long as the server.

    Raises:
        WebError: it does not answer, or offers no TLS and is not on this host.
    """
    if not login or not password or len(password) > PASSWORD_MAX or "\0" in login + password:
        return False
    try:
        if server.protocol.startswith("imap"):
            return _by_imap(server, login, password)
        return _by_smtp(server, login, password)
    except (OSError, imaplib.IMAP4.error, smtplib.SMTPException) as error:
        _LOG.warning(
            "owner_login: %s at %s:%d: %s",
            server.protocol,
            server.host,
            server.port,
            # What the server says may repeat what was sent to it.
            type(error).__name__,
        )
        raise WebError(
            "busy", "the server that checks passwords does not answer", "login"
        ) from None


def _plain(login: str, password: str) -> bytes:
    """Return the message of SASL PLAIN (RFC 4616)."""
    return f"\0{login}\0{password}".encode()


def _by_imap(server: LoginServer, login: str, password: str) -> bool:
    context = ssl.create_default_context()
    if server.protocol == "imaps":
        client: imaplib.IMAP4 = imaplib.IMAP4_SSL(
            server.host, server.port, ssl_context=context, timeout=_ANSWER_S
        )
    else:
        client = imaplib.IMAP4(server.host, server.port, timeout=_ANSWER_S)
    try:
        if server.protocol == "imap" and not server.is_local:
            client.starttls(context)
        try:
            client.authenticate("PLAIN", lambda _: _plain(login, password))
        except imaplib.IMAP4.abort:
            raise
        except imaplib.IMAP4.error:
            return False
        return True
    finally:
        client.shutdown()


def _by_smtp(server: LoginServer, login: str, password: str) -> bool:
    context = ssl.create_default_context()
    if server.protocol == "submissions":
        client: smtplib.SMTP = smtplib.SMTP_SSL(
            server.host, server.port, timeout=_ANSWER_S, context=context
        )
    else:
        client = smtplib.SMTP(server.host, server.port, timeout=_ANSWER_S)
    try:
        client.ehlo()
        if server.protocol == "submission" and not server.is_local:
            client.starttls(context=context)
            client.ehlo()
        words = base64.b64encode(_plain(login, password)).decode()
        code, _ = client.docmd("AUTH", f"PLAIN {words}")
        if code // 100 == _TRANSIENT:
            raise smtplib.SMTPException
        return code == _AUTHENTICATED
    finally:
        client.close()


_TRANSIENT = 4
_LOCAL_PATH = re.compile(r"/(?![/\\])[\x21-\x7e]*")


def local_path(text: str) -> str:
    """Return a path of these pages to go on with after the log-in; "/" for anything else."""
    return text if _LOCAL_PATH.fullmatch(text) and "\\" not in text else "/"
