"""One reading of a subject for the file, the commands and the login (R2)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendlimit.rules.limit import Scope
from sendlimit.rules.mailbox import sender_of
from sendlimit.rules.subject import SERVER_SUBJECT, domain_subject, read_subject


@pytest.mark.parametrize("text", ["*", "global", "Global", "everyone", " everyone "])
def test_server(text: str) -> None:
    """The server has three names."""
    assert read_subject(text, "example.org") == SERVER_SUBJECT


@pytest.mark.parametrize(
    ("text", "scope", "key"),
    [
        pytest.param("Alice@Example.org", Scope.MAILBOX, "alice@example.org", id="mailbox"),
        pytest.param("alice@example.org.", Scope.MAILBOX, "alice@example.org", id="dot at the end"),
        pytest.param("alice", Scope.MAILBOX, "alice@d.org", id="default domain"),
        pytest.param("alice@", Scope.MAILBOX, "alice@d.org", id="empty domain"),
        pytest.param("example.org", Scope.DOMAIN, "example.org", id="domain"),
        pytest.param("@example.org", Scope.DOMAIN, "example.org", id="domain with @"),
        pytest.param("@localhost", Scope.DOMAIN, "localhost", id="domain without a dot"),
        pytest.param("EXAMPLE.org.", Scope.DOMAIN, "example.org", id="domain, dot at the end"),
        pytest.param("xn--mnster-3ya.de", Scope.DOMAIN, "münster.de", id="A-label"),
        pytest.param("Mu\u0308nster.de", Scope.DOMAIN, "münster.de", id="decomposed umlaut"),
        pytest.param("a@XN--mnster-3ya.de", Scope.MAILBOX, "a@münster.de", id="mailbox, A-label"),
        pytest.param("a@xn--\u00fc.de", Scope.MAILBOX, "a@xn--\u00fc.de", id="no valid A-label"),
    ],
)
def test_subject(text: str, scope: Scope, key: str) -> None:
    """Every spelling of a subject is one subject."""
    subject = read_subject(text, "d.org")

    assert (subject.scope, subject.key) == (scope, key)


@pytest.mark.parametrize("text", ["", " ", "@", ".", "@.", "@@"])
def test_empty(text: str) -> None:
    """A subject that names nothing is an error that says what is allowed."""
    with pytest.raises(ValueError, match="allowed: a mailbox, a domain, or 'global'"):
        read_subject(text)


@pytest.mark.parametrize(
    ("text", "instead"),
    [
        ("*.example.org", '"@example.org"'),
        ("*@example.org", '"@example.org"'),
        ("al?ce@example.org", '"@example.org"'),
        ("*@", "one mailbox or one domain$"),
    ],
)
def test_wildcard(text: str, instead: str) -> None:
    """A wildcard is refused, with what to write instead."""
    with pytest.raises(ValueError, match=f"has a wildcard; .*{instead}"):
        read_subject(text)


@pytest.mark.parametrize("text", ["@alice@example.org", " @@example.org", "@a@b@c"])
def test_domain_with_a_local_part(text: str) -> None:
    """What begins with an "@" and has another one is neither mailbox nor domain, and is refused."""
    with pytest.raises(ValueError, match="neither a mailbox nor a domain"):
        read_subject(text)


@given(
    st.text(
        st.characters(exclude_characters="*?@", exclude_categories=["Cs", "Z", "C"]), min_size=1
    ),
    st.from_regex(r"[a-zA-Z]{1,10}\.(org|de)\.?", fullmatch=True),
)
def test_login_is_found_again(local: str, domain: str) -> None:
    """A limit that is set for what a login is counted as holds for that login."""
    sender = sender_of(f"{local}@{domain}")

    assert read_subject(sender.mailbox).sender == sender
    assert sender.domain is not None
    assert read_subject(f"@{sender.domain}").key == sender.domain


def test_word() -> None:
    """A domain without a dot is written with an "@", so that it is read as one again."""
    assert domain_subject("localhost").word == "@localhost"
    assert read_subject(domain_subject("localhost").word) == domain_subject("localhost")
    assert domain_subject("example.org").word == "example.org"


def test_title() -> None:
    """People read what is meant."""
    assert [read_subject(text).title for text in ("*", "a.org", "a@a.org")] == [
        "the server",
        "domain a.org",
        "mailbox a@a.org",
    ]
