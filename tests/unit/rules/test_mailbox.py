"""From SASL login to counted keys: rule R2."""

import pytest

from sendlimit.rules.mailbox import KEY_MAX, Sender, sender_of


@pytest.mark.parametrize(
    ("login", "default_domain", "expected"),
    [
        pytest.param("alice@example.org", "", ("alice@example.org", "example.org"), id="plain"),
        pytest.param("Alice@EXAMPLE.org", "", ("alice@example.org", "example.org"), id="capitals"),
        pytest.param("alice", "", ("alice", None), id="no domain"),
        pytest.param("alice", "Example.org", ("alice@example.org", "example.org"), id="appended"),
        pytest.param(
            "alice@", "example.org", ("alice@example.org", "example.org"), id="empty domain"
        ),
        pytest.param("alice@", "", ("alice", None), id="empty domain, no default"),
        pytest.param("@", "", ("@", None), id="nothing but @"),
        pytest.param("@", "example.org", ("@example.org", "example.org"), id="@, appended"),
        pytest.param("bob@a.org", "b.org", ("bob@a.org", "a.org"), id="own domain stays"),
        pytest.param("a@b@c.org", "", ("a@b@c.org", "c.org"), id="the last @ counts"),
        pytest.param("@c.org", "d.org", ("@c.org", "c.org"), id="no local part"),
        pytest.param("ÄRGER@Münster.de", "", ("ärger@münster.de", "münster.de"), id="umlauts"),
        pytest.param(
            "a@xn--mnster-3ya.de", "", ("a@münster.de", "münster.de"), id="umlauts as A-label"
        ),
        pytest.param("a@x.org.", "", ("a@x.org", "x.org"), id="dot at the end"),
        pytest.param("a", "X.org.", ("a@x.org", "x.org"), id="default domain, dot at the end"),
        pytest.param("a b'\";%@x.org", "", ("a b'\";%@x.org", "x.org"), id="odd characters stay"),
        pytest.param("\talice@x.org ", "", ("alice@x.org", "x.org"), id="blanks around it"),
        pytest.param("alice @ ", "x.org", ("alice@x.org", "x.org"), id="blank before the last @"),
        pytest.param(" ", "", ("@", None), id="nothing but a blank"),
        pytest.param("a@x.org .", "", ("a@x.org", "x.org"), id="blank before the last dot"),
        pytest.param("a@Bücher\u3002de", "", ("a@bücher.de", "bücher.de"), id="another dot"),
        pytest.param("a@\uff38\u00ad.org", "", ("a@x.org", "x.org"), id="wide letter, soft hyphen"),
        pytest.param("a@\udcff.org", "", ("a@\udcff.org", "\udcff.org"), id="no valid letter"),
    ],
)
def test_login_becomes_mailbox(
    login: str, default_domain: str, expected: tuple[str, str | None]
) -> None:
    """R2: the mailbox is the login in lower case, with the default domain if it has none."""
    assert Sender(*expected) == sender_of(login, default_domain)


def test_login_that_fits_is_kept() -> None:
    """R2: a login of exactly the column's width is counted as it is."""
    login = "a" * (KEY_MAX - len("@example.org")) + "@example.org"

    assert login == sender_of(login).mailbox


def test_long_login_is_shortened() -> None:
    """R2: a login of 300 characters is counted under a key that fits, in its own domain."""
    sender = sender_of("a" * 300 + "@example.org")

    assert len(sender.mailbox) <= KEY_MAX
    assert sender.mailbox.startswith("aaaaaaaa")
    assert sender.domain == "example.org"


def test_shortened_logins_stay_apart() -> None:
    """R2: two long logins that differ in their last character are two mailboxes."""
    assert sender_of("a" * 300 + "x").mailbox != sender_of("a" * 300 + "y").mailbox


def test_shortened_login_names_its_domain() -> None:
    """R2: a shortened key still ends in its domain, so that a view or a person finds it."""
    assert sender_of("a" * 300 + "@example.org").mailbox.endswith("@example.org")


def test_long_domain_is_shortened() -> None:
    """R2: a domain that is too long for the key is shortened as well, the same for its mailboxes."""
    one, other = sender_of("a@" + "d" * 300), sender_of("b@" + "d" * 300)

    assert one.domain is not None
    assert len(one.domain) <= KEY_MAX
    assert one.domain == other.domain
    assert one.mailbox != other.mailbox
