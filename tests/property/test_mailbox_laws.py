"""Laws of rule R2, for any login."""

import idna
from hypothesis import example, given
from hypothesis import strategies as st

from sendlimit.rules.mailbox import KEY_MAX, sender_of

# What is made equal lies close together: blanks, dots, "@", capitals, A-labels, UTS 46.
_ODD_SIGNS = st.sampled_from(
    [*"aX ß\t.@-ä", "\u3002", "\uff38", "\u00ad", "\u0308", "\u0130", "xn--"]
)
_LOGINS = st.one_of(
    st.text(min_size=1, max_size=400), st.lists(_ODD_SIGNS, min_size=1, max_size=12).map("".join)
)
_DOMAINS = st.one_of(st.just(""), st.from_regex(r"[a-zA-Z]{1,20}\.(org|de)", fullmatch=True))


@given(_LOGINS, _DOMAINS)
@example("@", "example.org")
@example("a" * 300, "example.org")
@example("a@" + "d" * 300, "example.org")
@example("a" * 300 + "@" + "d" * 300, "")
def test_normalising_twice_is_once(login: str, default_domain: str) -> None:
    """A mailbox normalised again is itself, in its own domain."""
    once = sender_of(login, default_domain)

    assert once == sender_of(once.mailbox, default_domain)


@given(_LOGINS, _DOMAINS)
def test_any_text_fits(login: str, default_domain: str) -> None:
    """Any text gives a mailbox and a domain that fit their columns."""
    sender = sender_of(login, default_domain)

    assert 1 <= len(sender.mailbox) <= KEY_MAX
    assert sender.domain is None or 1 <= len(sender.domain) <= KEY_MAX


@given(st.text("ab@", min_size=1, max_size=300), st.text("ab@", min_size=1, max_size=300))
@example("a" * 300 + "@x.org", "a" * 300 + "b@x.org")
def test_different_logins_are_different_mailboxes(one: str, other: str) -> None:
    """Without a default domain only capitals, blanks around it and an "@" at the end are made equal."""
    assert (one.rstrip("@") == other.rstrip("@")) == (
        sender_of(one).mailbox == sender_of(other).mailbox
    )


@given(st.from_regex(r"[a-zäöü]{1,20}", fullmatch=True))
def test_spellings_of_a_domain(label: str) -> None:
    """A-label, U-label, capitals and the dot at the end are one domain."""
    spellings = [label, label.upper(), f"{label}.", idna.alabel(label).decode()]

    assert {sender_of(f"a@{spelling}.de").domain for spelling in (label, label.upper())} == {
        f"{label}.de"
    }
    assert {sender_of(f"a@x.{spelling}").domain for spelling in spellings} == {f"x.{label}"}


@given(st.text(max_size=50))
def test_capitals_make_no_difference(login: str) -> None:
    """ASCII capitals are the same mailbox."""
    capitals = "".join(char.upper() if char.isascii() else char for char in login)

    assert (
        sender_of(login or "a").mailbox.casefold() == sender_of(capitals or "A").mailbox.casefold()
    )
