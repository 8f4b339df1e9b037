"""Other spellings of a login (R2)."""

import pytest

from sendlimit.rules.login_map import LoginMap
from sendlimit.rules.mailbox import Sender, sender_of

_ALICE = Sender("alice@example.org", "example.org")
_MAP = LoginMap(
    [
        ("sales", "alice@example.org"),
        ("Alice@Old.Example", "ALICE@example.org"),
        ("info@alias.example", "sales"),
        ("@alias.example", "@Example.org"),
        ("@older.example", "@alias.example"),
        ("corp\\", "@example.org"),
        ("corp\\boss", "alice@example.org"),
        ("alice@example.org", "alice@example.org"),
        ("@xn--mnster-3ya.de", "@example.org"),
    ]
)


@pytest.mark.parametrize(
    "login",
    [
        "alice@example.org", "sales", "SALES", "alice@old.example", "info@alias.example", "alice@alias.example",
        "alice@older.example", "CORP\\Alice", "corp\\boss", "alice@münster.de", "alice@Alias.Example.",
    ],
)  # fmt: skip
def test_spellings(login: str) -> None:
    """Aliases, alias domains, realms and spellings of spellings are one mailbox."""
    assert _MAP.sender_of(login) == _MAP.sender_of(login) == _ALICE


@pytest.mark.parametrize("login", ["bob@example.org", "bob", "other\\bob", "bob@x@example.net", ""])
def test_other_logins(login: str) -> None:
    """A login that the map does not name is read as without a map."""
    assert _MAP.sender_of(login) == sender_of(login)


def test_default_domain() -> None:
    """A bare name is the same spelling with the default domain behind it."""
    spellings = LoginMap([("sales", "alice"), ("corp\\", "@example.org")], "example.org")

    assert spellings.sender_of("sales@example.org") == _ALICE
    assert spellings.sender_of("alice") == spellings.sender_of("corp\\sales") == _ALICE


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ([("a", "b"), ("b", "a")], "'a' leads in a circle, or too far: a -> b -> a"),
        ([("a", "b"), ("b", "c"), ("c", "b")], "leads in a circle"),
        ([("@a.org", "@b.org"), ("@b.org", "@a.org")], "leads in a circle"),
        ([("x@b.org", "x@a.org"), ("@a.org", "@b.org")], "leads in a circle"),
        ([(f"m{n}", f"m{n + 1}") for n in range(50)], "or too far"),
        ([("a", "b"), ("A", "c")], "'a' has two mailboxes: 'b' and 'c'"),
        ([("@a.org", "b@example.org")], "must stand before a domain, such as '@example.org'"),
        ([("corp\\", "example.org")], "must stand before a domain"),
        ([("@", "@example.org")], "must stand before a domain"),
        ([("a", "@example.org")], "must stand before a mailbox"),
        ([("", "a")], "must stand before a mailbox"),
        ([("a", "@")], "must stand before a mailbox"),
        ([("*@old.org", "a")], r"'\*@old.org' has a wildcard, and there are none"),
        ([("a", "*")], "has a wildcard"),
        ([("a\0", "b")], r"'a\x00' has a control character"),
        ([("a", "b\x1b[2J")], "has a control character"),
    ],
)
def test_broken(entries: list[tuple[str, str]], problem: str) -> None:
    """A map that contradicts itself or goes in a circle is refused as a whole."""
    with pytest.raises(ValueError, match=problem.replace("\\x", "\\\\x")):
        LoginMap(entries)


def test_repeated_entry() -> None:
    """An entry that stands there twice, or names itself, says nothing new."""
    assert len(LoginMap([("a", "b"), ("a", "B"), ("b", "b"), ("@x.org", "@X.org")])) == 1


def test_many_logins() -> None:
    """What is remembered of logins is bounded, and the answers stay right."""
    for number in range(25_000):
        assert _MAP.sender_of(f"m{number}@alias.example").domain == "example.org"
