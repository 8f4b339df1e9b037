"""Which rows of er_limit count for no mail."""

import pytest

from sendlimit.rules.never_in_force import never_in_force
from support.counting_samples import setting

_DAY = "mailbox.messages_per_day"


@pytest.mark.parametrize(
    ("subject", "name"),
    [
        ("*", _DAY),
        ("*", "global.messages_per_day"),
        ("alice@example.org", _DAY),
        ("example.org", _DAY),
        ("example.org", "domain.messages_per_day"),
        ("login.with.dots", _DAY),
        ("jürgen@bücher.example", _DAY),
    ],
)
def test_may_count(subject: str, name: str) -> None:
    """A subject as it is counted is right for each limit that it has."""
    assert never_in_force(setting(subject, name, 5), "example.net", is_domain=False) is None


@pytest.mark.parametrize(
    ("subject", "name", "reason", "instead"),
    [
        ("Alice@example.org", _DAY, "it is counted as 'alice@example.org'", "alice@example.org"),
        ("@example.org", _DAY, "it is counted as 'example.org'", "example.org"),
        ("example.org.", _DAY, "it is counted as 'example.org'", "example.org"),
        ("xn--bcher-kva.example", _DAY, "it is counted as 'bücher.example'", "bücher.example"),
        ("alice", _DAY, "it is counted as 'alice@example.net'", "alice@example.net"),
        (" bob@example.org", _DAY, "it is counted as 'bob@example.org'", "bob@example.org"),
        ("everyone", _DAY, "it is counted as '*'", "*"),
        ("*@example.org", _DAY, "has a wildcard", None),
        ("", _DAY, "names no one", None),
        ("example.org", "global.messages_per_day", "a limit of the whole server", "*"),
        ("alice@example.org", "domain.messages_per_day", "a mailbox has no limits of a domain", "example.org"),
    ],
)  # fmt: skip
def test_counts_for_no_mail(subject: str, name: str, reason: str, instead: str | None) -> None:
    """Another spelling, or a limit that the subject has not, counts for no mail."""
    found = never_in_force(setting(subject, name, 5), "example.net", is_domain=False)

    assert found is not None
    assert reason in found.reason
    assert found.instead == instead


def test_domain_without_a_dot() -> None:
    """A name without a dot is a domain where mail of that domain has been counted."""
    assert never_in_force(setting("localhost", _DAY, 5), "example.net", is_domain=True) is None
