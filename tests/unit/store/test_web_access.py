"""Users, tokens and sessions in the tables: hashes only."""

from sendlimit.store import web_access as access
from sendlimit.store.connection import Connection
from support.counting_samples import NOON

_SESSION = access.Session("user", "carol", NOON)


def test_tokens(tables: Connection) -> None:
    """A token is found by its hash, has a name once, and is gone when it is removed."""
    secret = access.new_secret()
    token = access.Token("panel", "admin")

    assert access.add_token(tables, token, access.digest(secret), NOON)
    assert not access.add_token(tables, token, access.digest("other"), NOON)
    assert access.find_token(tables, access.digest(secret)) == token
    assert access.tokens(tables) == [(token, NOON)]
    assert access.remove_token(tables, "panel")
    assert access.find_token(tables, access.digest(secret)) is None
    assert not access.remove_token(tables, "panel")


def test_the_secret_is_not_kept(tables: Connection) -> None:
    """The tables have the hash of a token, not the token."""
    secret = access.new_secret()
    access.add_token(tables, access.Token("panel", "read"), access.digest(secret), NOON)
    ((row),) = tables.execute("SELECT name, role, digest FROM er_web_token")
    assert secret not in row
    assert len(access.digest(secret)) == 64


def test_users(tables: Connection) -> None:
    """A user has one password; a new one, and the removal, end the user's sessions."""
    assert not access.set_user(tables, "carol", "hash", NOON)
    access.begin_session(tables, "c" * 64, _SESSION)
    assert access.set_user(tables, "carol", "other", NOON + 1)
    assert access.password_hash(tables, "carol") == "other"
    assert access.find_session(tables, "c" * 64) is None

    access.begin_session(tables, "d" * 64, _SESSION)
    assert access.users(tables) == [("carol", NOON + 1)]
    assert access.remove_user(tables, "carol")
    assert access.find_session(tables, "d" * 64) is None
    assert access.password_hash(tables, "carol") is None
    assert not access.remove_user(tables, "carol")


def test_sessions(tables: Connection) -> None:
    """A session is there until it ends or was not used for a time."""
    access.begin_session(tables, "a" * 64, _SESSION)
    access.begin_session(tables, "b" * 64, _SESSION)
    access.use_session(tables, "b" * 64, NOON + 100)
    access.end_idle_sessions(tables, NOON + 50)

    assert access.find_session(tables, "a" * 64) is None
    assert access.find_session(tables, "b" * 64) == _SESSION._replace(used_at=NOON + 100)
    access.end_session(tables, "b" * 64)
    assert access.find_session(tables, "b" * 64) is None


def test_an_owner_is_no_user(tables: Connection) -> None:
    """A new password of a user leaves the session of a mailbox's owner of the same name."""
    access.begin_session(tables, "a" * 64, access.Session("owner", "carol", NOON))
    access.set_user(tables, "carol", "hash", NOON)
    assert access.find_session(tables, "a" * 64) is not None
