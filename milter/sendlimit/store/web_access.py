"""Who may use the web pages and the API: users, tokens and sessions; only hashes are kept."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.store.sqltime import from_sql, to_sql
from sendlimit.store.transaction import atomically
from sendlimit.store.unreadable import as_text, moment_or_none, readable, text

if TYPE_CHECKING:
    from sendlimit.store.connection import Connection

_USER = "SELECT password FROM er_web_user WHERE name = %s"
_USERS = "SELECT name, added_at FROM er_web_user ORDER BY name"
_REMOVE_USER = "DELETE FROM er_web_user WHERE name = %s"
_ADD_USER = "INSERT INTO er_web_user (name, password, added_at) VALUES (%s, %s, %s)"

_TOKEN = "SELECT name, role FROM er_web_token WHERE digest = %s"  # noqa: S105 - a statement
_TOKENS = "SELECT name, role, added_at FROM er_web_token ORDER BY name"
_HAS_TOKEN = "SELECT 1 FROM er_web_token WHERE name = %s"  # noqa: S105 - a statement
_ADD_TOKEN = "INSERT INTO er_web_token (name, role, digest, added_at) VALUES (%s, %s, %s, %s)"  # noqa: S105
_REMOVE_TOKEN = "DELETE FROM er_web_token WHERE name = %s"  # noqa: S105 - a statement

_SESSION = "SELECT kind, name, used_at FROM er_web_session WHERE digest = %s"
_ADD_SESSION = """
INSERT INTO er_web_session (digest, kind, name, added_at, used_at) VALUES (%s, %s, %s, %s, %s)"""
_USE_SESSION = "UPDATE er_web_session SET used_at = %s WHERE digest = %s"
_END_SESSION = "DELETE FROM er_web_session WHERE digest = %s"
_END_SESSIONS_OF = "DELETE FROM er_web_session WHERE kind = 'user' AND name = %s"
_END_IDLE = "DELETE FROM er_web_session WHERE used_at < %s"


_SECRET_OCTETS = 32


def new_secret() -> str:
    """Return a token or cookie that can't be guessed."""
    return secrets.token_urlsafe(_SECRET_OCTETS)


def digest(secret: str) -> str:
    """Return what is kept of a token or cookie: SHA-256 is enough for what is random and long."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


class Token(NamedTuple):
    """A program that may use the API: its name, and its role, "read" or "admin"."""

    name: str
    role: str


class Session(NamedTuple):
    """A login to the pages.

    Attributes:
        kind: "user", an admin of er_web_user, or "owner" of a mailbox.
        name: the user, or the mailbox.
        used_at: about when it was last used, seconds since 1970.
    """

    kind: str
    name: str
    used_at: int


def password_hash(connection: Connection, user: str) -> str | None:
    """Return the hash of a user's password; None: there is no such user."""
    rows = connection.execute(_USER, [user])
    return rows[0][0] if rows else None


def set_user(connection: Connection, user: str, hashed: str, at: int) -> bool:
    """Add a user, or give one another password, which ends the user's sessions.

    Returns:
        Whether the user was there before.
    """

    def work() -> bool:
        connection.execute(_REMOVE_USER, [user])
        was_there = connection.affected() > 0
        connection.execute(_ADD_USER, (user, hashed, to_sql(at)))
        connection.execute(_END_SESSIONS_OF, [user])
        return was_there

    return atomically(connection, work)


def remove_user(connection: Connection, user: str) -> bool:
    """Remove a user and end the user's sessions; return whether there was one."""

    def work() -> bool:
        connection.execute(_REMOVE_USER, [user])
        was_there = connection.affected() > 0
        connection.execute(_END_SESSIONS_OF, [user])
        return was_there

    return atomically(connection, work)


def users(connection: Connection) -> list[tuple[str, int | None]]:
    """Return the users as (name, when the password was set; None: that can't be read)."""
    rows = connection.execute(_USERS)
    return [(as_text(name), moment_or_none(added_at)) for name, added_at in rows]


def find_token(connection: Connection, digest: str) -> Token | None:
    """Return the token with this SHA-256."""
    rows = connection.execute(_TOKEN, [digest])
    return Token(*rows[0]) if rows else None


def add_token(connection: Connection, token: Token, digest: str, at: int) -> bool:
    """Add a token; return False when there is one of the name already."""

    def work() -> bool:
        if connection.execute(_HAS_TOKEN, [token.name]):
            return False
        connection.execute(_ADD_TOKEN, (token.name, token.role, digest, to_sql(at)))
        return True

    return atomically(connection, work)


def tokens(connection: Connection) -> list[tuple[Token, int | None]]:
    """Return the tokens, each with the time at which it was added; None: that can't be read."""
    return [
        (Token(as_text(name), as_text(role)), moment_or_none(added_at))
        for name, role, added_at in connection.execute(_TOKENS)
    ]


def remove_token(connection: Connection, name: str) -> bool:
    """Remove a token; return whether there was one."""
    connection.execute(_REMOVE_TOKEN, [name])
    return connection.affected() > 0


def begin_session(connection: Connection, digest: str, session: Session) -> None:
    """Keep a session under the SHA-256 of its cookie."""
    used_at = to_sql(session.used_at)
    connection.execute(_ADD_SESSION, (digest, session.kind, session.name, used_at, used_at))


def find_session(connection: Connection, digest: str) -> Session | None:
    """Return the session with this SHA-256 of its cookie; one that can't be read is none."""
    rows = connection.execute(_SESSION, [digest])
    found = readable(
        "er_web_session",
        rows,
        lambda row: Session(text(row[0]), text(row[1]), from_sql(row[2])),
    )
    return found[0] if found else None


def use_session(connection: Connection, digest: str, at: int) -> None:
    """Note that a session is in use."""
    connection.execute(_USE_SESSION, (to_sql(at), digest))


def end_session(connection: Connection, digest: str) -> None:
    """Remove a session."""
    connection.execute(_END_SESSION, [digest])


def end_idle_sessions(connection: Connection, before: int) -> None:
    """Remove the sessions that were not used since the moment."""
    connection.execute(_END_IDLE, [to_sql(before)])
