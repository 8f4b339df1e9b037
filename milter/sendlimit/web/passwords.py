"""Passwords of the pages' users, hashed with argon2id (RFC 9106)."""

from __future__ import annotations

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHash, VerificationError  # its name before 23.1, too

PASSWORD_MIN = 10
PASSWORD_MAX = 1024
# 19 MiB, two passes: OWASP's choice for little memory; RFC 9106's own are 64 MiB and 2 GiB.
_HASHER = PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)
_NOBODY = _HASHER.hash("a password that no user has")


def hashed(password: str) -> str:
    """Return what is kept of a password."""
    return _HASHER.hash(password)


def is_right(password: str, kept: str | None) -> bool:
    """Compare a password with the hash of a user; takes as long for one who is not there.

    Args:
        password: as typed.
        kept: the user's hash; None: there is no such user.
    """
    if len(password) > PASSWORD_MAX:
        return False
    try:
        _HASHER.verify(_NOBODY if kept is None else kept, password)
    except (VerificationError, InvalidHash):
        return False
    return kept is not None
