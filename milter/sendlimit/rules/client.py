"""The client of an SMTP session: its address in one spelling, and networks of addresses. Pure.

The macro `_` has the client that XCLIENT or the PROXY protocol have told Postfix about:
"unknown [192.0.2.7]", "host.example.org [2001:db8::7] (may be forged)", "localhost [127.0.0.1]".
{client_addr} has the same address, of IPv6 as "IPv6:2001:db8::7".
"""

from __future__ import annotations

import functools
import re
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

UNKNOWN = "unknown"
_IN_BRACKETS = re.compile(r"\[([^\[\]]*)\][^\[\]]*$")
_CACHED = 4096


@functools.lru_cache(_CACHED)
def client_address(hop: str, client_addr: str) -> str:
    """Return the client's address in one spelling, or what stands in its place.

    Args:
        hop: the macro `_`; "" without one.
        client_addr: the macro {client_addr}, for where `_` is missing.
    """
    found = _IN_BRACKETS.search(hop)
    text = (found[1] if found else client_addr).removeprefix("IPv6:")
    address = address_of(text)
    return str(address) if address is not None else text or UNKNOWN


@functools.lru_cache(_CACHED)
def address_of(text: str) -> Address | None:
    """Return an address, one of IPv4 also where it is written as IPv6; None: it is none."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address


def read_network(text: str) -> Network:
    """Understand a network, or a single address.

    Raises:
        ValueError: says what is allowed.
    """
    allowed = 'allowed: addresses and networks such as "192.0.2.7", "10.0.0.0/8", "2001:db8::/32"'
    try:
        network = ip_network(text, strict=False)
    except ValueError:
        raise ValueError(f"{text!r} is not a network; {allowed}") from None
    if str(network.network_address) != str(ip_network(text.partition("/")[0]).network_address):
        raise ValueError(f"{text!r} has bits behind the network; did you mean {str(network)!r}?")
    if getattr(network.network_address, "ipv4_mapped", None):
        raise ValueError(f"{text!r} is IPv4 written as IPv6; write the IPv4 network")
    return network


def is_in(address: Address | None, networks: Iterable[Network]) -> bool:
    """Say whether an address lies in one of the networks."""
    return address is not None and any(address in network for network in networks)
