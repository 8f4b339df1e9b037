"""milter.socket: its forms, and what is refused."""

import socket
from pathlib import Path

import pytest

from sendlimit.postfix.milter_socket import parse_milter_socket


@pytest.mark.parametrize(
    ("text", "family", "address"),
    [
        ("unix:/run/m.sock", socket.AF_UNIX, "/run/m.sock"),
        ("local:/run/m.sock", socket.AF_UNIX, "/run/m.sock"),
        ("inet:10040@127.0.0.1", socket.AF_INET, ("127.0.0.1", 10040)),
        ("inet:10040@localhost", socket.AF_INET, ("localhost", 10040)),
        ("inet6:10040@[::1]", socket.AF_INET6, ("::1", 10040)),
    ],
)
def test_forms(text: str, family: socket.AddressFamily, address: object) -> None:
    """Each form of milter.socket is an address that connect(2) takes."""
    assert parse_milter_socket(text) == (family, address)


def test_path() -> None:
    """A unix socket has a file, the others have none."""
    assert parse_milter_socket("local:/run/m.sock").path == Path("/run/m.sock")
    assert parse_milter_socket("inet:10040@127.0.0.1").path is None


@pytest.mark.parametrize(
    "text",
    ["", "fd:3", "/run/m.sock", "unix:m.sock", "inet:10040", "inet:0@a", "inet:65536@a", "inet:a@b",
     "inet6:10040@::1", "inet6:10040@[localhost]", "inet:1@a b"],
)  # fmt: skip
def test_no_socket(text: str) -> None:
    """Anything else is refused with what is allowed."""
    with pytest.raises(ValueError, match='allowed: "unix:/PATH", "inet:PORT@ADDRESS"'):
        parse_milter_socket(text)
