"""The tables [milter], [store], [calendar], [identity], [log] and [metrics]."""

import pytest
from pydantic import ValidationError

from sendlimit.config.sections import METRICS_PORT, host_and_port
from support.config_samples import config_of


def test_socket_path() -> None:
    """Only unix sockets have a file."""
    assert str(config_of('milter.socket = "unix:/run/m.sock"').milter.path) == "/run/m.sock"
    assert config_of('milter.socket = "inet:1@127.0.0.1"').milter.path is None


@pytest.mark.parametrize(
    "text",
    [
        "store.decision_timeout_s = 31",
        "store.decision_timeout_s = nan",
        'milter.socket = "unix:relative"',
        'milter.socket = "inet:0@127.0.0.1"',
        'milter.socket = "inet:65536@127.0.0.1"',
        'milter.socket_mode = "0661"',
        'calendar.day_starts_at = "7:00"',
        'metrics.listen = "127.0.0.1:0"',
    ],
)
def test_what_is_refused(text: str) -> None:
    """Values outside of what is allowed are errors, not guesses."""
    with pytest.raises(ValidationError):
        config_of(text)


@pytest.mark.parametrize(
    "text",
    [
        "store.decision_timeout_s = 1",
        "store.decision_timeout_s = 0.25",
        'milter.socket = "inet:10040@127.0.0.1"',
        'milter.socket = "inet6:10040@[::1]"',
        'milter.socket = "local:/run/x.sock"',
        'milter.socket_mode = "660"',
        'metrics.listen = "[::1]:9140"',
        "identity.exempt = []",
    ],
)
def test_what_is_allowed(text: str) -> None:
    """The forms that the documentation names are taken."""
    config_of(text)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("127.0.0.1:9140", ("127.0.0.1", 9140)),
        ("[::1]:25", ("::1", 25)),
        ("localhost:65535", ("localhost", 65535)),
    ],
)
def test_host_and_port(text: str, expected: tuple[str, int]) -> None:
    """An IPv6 address stands in brackets, which are taken off."""
    assert host_and_port(text, METRICS_PORT) == expected


@pytest.mark.parametrize("text", ["127.0.0.1", "::1:25", "host:0", "host:65536", ":25", "a b:25"])
def test_no_host_and_port(text: str) -> None:
    """Anything else is refused with examples that have the usual port."""
    with pytest.raises(ValueError, match=r"is not an address with a port; .*127\.0\.0\.1:9140"):
        host_and_port(text, METRICS_PORT)
