"""Passwords of the pages' users."""

import pytest

from sendlimit.web.passwords import PASSWORD_MAX, hashed, is_right


def test_right_and_wrong() -> None:
    """Only the password itself fits its hash, which is argon2id with a salt of its own."""
    kept = hashed("correct horse")
    assert kept.startswith("$argon2id$")
    assert kept != hashed("correct horse")
    assert is_right("correct horse", kept)
    assert not is_right("correct Horse", kept)


@pytest.mark.parametrize("kept", [None, "", "not a hash"])
def test_nobody(kept: str | None) -> None:
    """Nothing fits a user who is not there, or a damaged hash."""
    assert not is_right("a password that no user has", kept)


def test_too_long() -> None:
    """A password beyond all measure is not hashed at all."""
    password = "x" * (PASSWORD_MAX + 1)
    assert not is_right(password, hashed(password))
