"""Milter chains and sockets, as Postfix writes them."""

from pathlib import Path

import pytest

from sendlimit.errors import PostfixError
from sendlimit.postfix.chain import MilterEntry, canonical, endpoint_of, parse_chain, render_entry

_QUEUE = Path("/var/spool/postfix")


@pytest.mark.parametrize(
    ("value", "endpoints"),
    [
        pytest.param("", [], id="empty"),
        pytest.param("inet:localhost:11332", ["inet:localhost:11332"], id="one"),
        pytest.param("inet:a:1 inet:b:2", ["inet:a:1", "inet:b:2"], id="blank"),
        pytest.param("inet:a:1, unix:x,", ["inet:a:1", "unix:x"], id="commas"),
        pytest.param("{ inet:a:1, default_action=accept }", ["inet:a:1"], id="braces"),
        pytest.param("{inet:a:1 connect_timeout=2s},{unix:x}", ["inet:a:1", "unix:x"], id="tight"),
        pytest.param("inet:[::1]:10040", ["inet:[::1]:10040"], id="ipv6"),
    ],
)
def test_parse_chain(value: str, endpoints: list[str]) -> None:
    """A chain is read in both syntaxes and with every separator that Postfix takes."""
    assert endpoints == [entry.endpoint for entry in parse_chain(value)]


def test_options_of_an_entry() -> None:
    """An entry's own settings are read, also those in braces."""
    chain = parse_chain("{ unix:x, default_action=accept, { command_timeout = 5s } }")

    assert chain == (
        MilterEntry(
            endpoint="unix:x", options=(("default_action", "accept"), ("command_timeout", "5s"))
        ),
    )


@pytest.mark.parametrize("value", ["{ inet:a:1", "inet:a:1 }", "}{", "{}", "{inet:a:1}x"])
def test_chain_that_is_none(value: str) -> None:
    """A chain that Postfix could not read either is refused."""
    with pytest.raises(PostfixError, match="mend it in Postfix's configuration"):
        parse_chain(value)


def test_our_entry() -> None:
    """Our entry accepts mail when the daemon is down, and never waits for long."""
    (entry,) = parse_chain(render_entry("unix:sendlimit/milter.sock"))

    assert entry.endpoint == "unix:sendlimit/milter.sock"
    assert dict(entry.options) == {
        "default_action": "accept",
        "connect_timeout": "2s",
        "command_timeout": "10s",
        "content_timeout": "10s",
    }


@pytest.mark.parametrize(
    ("socket", "endpoint"),
    [
        ("unix:/var/spool/postfix/sendlimit/milter.sock", "unix:sendlimit/milter.sock"),
        ("local:/var/spool/postfix/sendlimit/milter.sock", "unix:sendlimit/milter.sock"),
        ("unix:/run/sendlimit/milter.sock", "unix:/run/sendlimit/milter.sock"),
        ("unix:/var/spool/postfix-out/milter.sock", "unix:/var/spool/postfix-out/milter.sock"),
        ("inet:10040@127.0.0.1", "inet:127.0.0.1:10040"),
        ("inet:10040@0.0.0.0", "inet:127.0.0.1:10040"),
        ("inet6:10040@[::1]", "inet:[::1]:10040"),
        ("inet6:10040@[::]", "inet:[::1]:10040"),
    ],
)
def test_endpoint_of(socket: str, endpoint: str) -> None:
    """milter.socket is translated into Postfix's order and, in the queue, a relative path."""
    assert endpoint == endpoint_of(socket, _QUEUE)


@pytest.mark.parametrize(
    "socket",
    ["fd:3", "unix:milter.sock", "unix:/a b", "unix:/a,b", "unix:/$x", "inet:a:b", "inet:1@{x}"],
)
def test_socket_that_postfix_cannot_use(socket: str) -> None:
    """A socket that Postfix can't be told of is refused with the name of the setting."""
    with pytest.raises(PostfixError, match=r"milter\.socket"):
        endpoint_of(socket, _QUEUE)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("unix:sendlimit/milter.sock", "unix:/var/spool/postfix/sendlimit/milter.sock"),
        ("inet:localhost:10040", "inet:127.0.0.1:10040"),
        ("local:/x", "unix:/x"),
    ],
)
def test_canonical(one: str, other: str) -> None:
    """Spellings of one endpoint are taken for the same."""
    assert canonical(one, _QUEUE) == canonical(other, _QUEUE)
