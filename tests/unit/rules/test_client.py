"""A client's address in one spelling, and networks."""

import pytest

from sendlimit.rules.client import address_of, client_address, is_in, read_network


@pytest.mark.parametrize(
    ("hop", "client_addr", "expected"),
    [
        ("unknown [192.0.2.7]", "", "192.0.2.7"),
        ("host.example.org [192.0.2.7] (may be forged)", "", "192.0.2.7"),
        ("[2001:db8::7]", "IPv6:2001:db8::7", "2001:db8::7"),
        ("x [IPv6:2001:DB8:0::7]", "", "2001:db8::7"),
        ("", "IPv6:2001:db8::7", "2001:db8::7"),
        ("", "192.0.2.7", "192.0.2.7"),
        ("mapped [::ffff:192.0.2.9]", "", "192.0.2.9"),
        ("localhost [127.0.0.1]", "", "127.0.0.1"),
        ("evil [198.51.100.1] [192.0.2.7]", "", "192.0.2.7"),
        ("unknown [unknown]", "unknown", "unknown"),
        ("", "", "unknown"),
    ],
)
def test_address(hop: str, client_addr: str, expected: str) -> None:
    """The last address in brackets counts, and IPv6 has one spelling, with whichever macro list."""
    assert client_address(hop, client_addr) == expected


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
        ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
        ("2001:DB8::/32", "2001:db8:ffff::1", "2001:db9::1"),
        ("10.0.0.0/8", "::ffff:10.1.2.3", "::ffff:11.1.2.3"),
        ("0.0.0.0/0", "192.0.2.7", "2001:db8::1"),
    ],
)
def test_network(text: str, inside: str, outside: str) -> None:
    """An address lies in a network, or not; one of the other version never does."""
    networks = [read_network(text)]
    assert is_in(address_of(inside), networks)
    assert not is_in(address_of(outside), networks)
    assert not is_in(address_of("unknown"), networks)


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("example.org", r"'example\.org' is not a network; allowed: addresses and networks such as"),
        ("10.0.0.0/33", "is not a network"),
        ("10.0.0.*", "is not a network"),
        ("", "is not a network"),
        ("10.1.2.3/8", r"'10\.1\.2\.3/8' has bits behind the network; did you mean '10\.0\.0\.0/8'\?"),
        ("::ffff:10.0.0.0/104", "is IPv4 written as IPv6; write the IPv4 network"),
    ],
)  # fmt: skip
def test_mistake(text: str, problem: str) -> None:
    """What is no network is refused, with what is allowed."""
    with pytest.raises(ValueError, match=problem):
        read_network(text)
