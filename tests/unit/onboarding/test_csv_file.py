"""A CSV file as settings; mistakes are named by line and column."""

import pytest

from sendlimit.errors import SendlimitError
from sendlimit.onboarding.csv_file import read
from sendlimit.rules.limit import Setting
from support.counting_samples import named, setting

ALICE = "alice@example.org"
AN_HOUR = "mailbox.messages_per_hour"
_ALLOWED = "allowed: a whole number from 0 to 1000000000000000, or unlimited"


def settings(text: str, default_domain: str = "") -> tuple[Setting, ...]:
    """Read a file of messages an hour."""
    return read(text, "a.csv", named(AN_HOUR), default_domain).settings


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("alice@example.org,5\nbob@example.org,unlimited\n", id="plain"),
        pytest.param("mailbox,limit\nalice@example.org,5\nbob@example.org,unlimited", id="heading"),
        pytest.param("Mailbox;Limit\r\nAlice@Example.org;5\r\nbob@example.org;Unlimited", id="semicolons"),
        pytest.param("alice@example.org\t5\n\n \t \nbob@example.org\tunlimited\n", id="tabs"),
        pytest.param('"bob@example.org", "unlimited"\n"alice@example.org",5 \n', id="quotes"),
    ],
)  # fmt: skip
def test_forms(text: str) -> None:
    """Headings, other delimiters, quotes, blanks and empty lines are understood."""
    assert settings(text) == (setting(ALICE, AN_HOUR, 5), setting("bob@example.org", AN_HOUR, None))


def test_default_domain() -> None:
    """A login without a domain gets the default domain."""
    assert settings("alice,5\n", "example.org") == (setting(ALICE, AN_HOUR, 5),)
    assert settings("alice,0\n") == (setting("alice", AN_HOUR, 0),)


def test_empty() -> None:
    """A file without lines sets nothing."""
    assert settings("") == settings("\n\n") == settings("mailbox,limit\n") == ()


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("a@example.org,x1\n", f"line 1, column 2: 'x1' is not a limit; {_ALLOWED}"),
        ("a@example.org,5\nb@example.org,-1\n", f"line 2, column 2: '-1' is not a limit; {_ALLOWED}"),
        ("a@example.org,1.5", f"line 1, column 2: '1.5' is not a limit; {_ALLOWED}"),
        ("a@example.org,", f"line 1, column 2: '' is not a limit; {_ALLOWED}"),
        ("a@example.org,1000000000000001", f"line 1, column 2: '1000000000000001' is not a limit; {_ALLOWED}"),
        ("a@example.org,\u0665", f"line 1, column 2: '\u0665' is not a limit; {_ALLOWED}"),
        ("h,l\nh,l\n", f"line 2, column 2: 'l' is not a limit; {_ALLOWED}"),
        (",5", "line 1, column 1: the mailbox is missing"),
        ("@,5", "line 1, column 1: the mailbox is missing"),
        ("a@example.org", "line 1, column 1: the line has 1 columns; allowed: mailbox, limit"),
        ("a@example.org,5,6", "line 1, column 3: the line has 3 columns; allowed: mailbox, limit"),
        ("a@b.org,5\n\nA@b.org,6", "line 3, column 1: 'a@b.org' is on line 1 already"),
        ("example.org,5", "line 1, column 1: 'example.org' is not a mailbox; for domains and everyone use 'sendlimit limit set'"),
        ("*,5", "line 1, column 1: '*' is not a mailbox; for domains and everyone use 'sendlimit limit set'"),
        ("*@example.org,5", "line 1, column 1: '*@example.org' has a wildcard; allowed: one mailbox or one domain, such as \"@example.org\" for all mailboxes of a domain"),
        ("everyone,5", "line 1, column 1: 'everyone' is not a mailbox; for domains and everyone use 'sendlimit limit set'"),
        ("@example.org,5", "line 1, column 1: '@example.org' is not a mailbox; for domains and everyone use 'sendlimit limit set'"),
        ('"a@example.org,5', "line 1: unexpected end of data"),
    ],
)  # fmt: skip
def test_mistakes(text: str, sentence: str) -> None:
    """A mistake is a sentence with file, line and column."""
    with pytest.raises(SendlimitError) as caught:
        settings(text)
    assert str(caught.value) == f"a.csv: {sentence}"


def test_all_mistakes() -> None:
    """All mistakes are named at once, up to twenty."""
    with pytest.raises(SendlimitError) as caught:
        settings("".join(f"a{number}@example.org,x{number}\n" for number in range(22)))
    lines = str(caught.value).splitlines()
    assert len(lines) == 21
    assert lines[-2].startswith("a.csv: line 20, column 2: 'x19'")
    assert lines[-1] == "a.csv: and 2 more"
