"""The table [web]; what is wrong in it is among tests/bad_configs."""

import pytest

from sendlimit.config.web import LoginServer, WebSection, parse_login_server


@pytest.mark.parametrize(
    ("text", "server"),
    [
        ("imap://127.0.0.1:143", LoginServer("imap", "127.0.0.1", 143)),
        ("imap://127.0.0.1", LoginServer("imap", "127.0.0.1", 143)),
        ("imaps://mail.example.org", LoginServer("imaps", "mail.example.org", 993)),
        ("submission://[::1]", LoginServer("submission", "::1", 587)),
        ("submissions://[2001:db8::1]:4650", LoginServer("submissions", "2001:db8::1", 4650)),
    ],
)
def test_login_server(text: str, server: LoginServer) -> None:
    """Protocol, host and port; without a port the protocol's own."""
    assert parse_login_server(text) == server


@pytest.mark.parametrize(
    "text", ["", "imap:", "imap://", "http://127.0.0.1", "imap://a/b", "imap://a:0", "imap://a b"]
)
def test_no_login_server(text: str) -> None:
    """Anything else is refused."""
    with pytest.raises(ValueError, match="allowed"):
        parse_login_server(text)


@pytest.mark.parametrize(
    ("host", "local"),
    [("127.0.0.1", True), ("::1", True), ("localhost", True), ("192.0.2.1", False), ("a.b", False)],
)
def test_local(host: str, *, local: bool) -> None:
    """Only an address of loopback, or localhost, is this host."""
    assert LoginServer("imap", host, 143).is_local is local


def test_section() -> None:
    """The address and the login server are taken apart; without them there are none."""
    section = WebSection(listen="127.0.0.1:9141", owner_login="imap://127.0.0.1:143")
    assert section.address == ("127.0.0.1", 9141)
    assert section.login_server == LoginServer("imap", "127.0.0.1", 143)
    bare = WebSection(admin_socket="/run/a.sock")
    assert (bare.address, bare.login_server) == (None, None)
