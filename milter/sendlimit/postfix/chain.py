"""Milter chains as Postfix writes them: the value of smtpd_milters, and sendlimit's entry in it.

Pure: text in, values out. Source: postconf(5) smtpd_milters, MILTER_README "Different settings
for different Milter applications" (Postfix >= 3.0).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from sendlimit.errors import PostfixError
from sendlimit.postfix.milter_socket import parse_milter_socket

ENTRY_OPTIONS = {
    "default_action": "accept",
    "connect_timeout": "2s",
    "command_timeout": "10s",
    "content_timeout": "10s",
}
"""What sendlimit's entry sets: a daemon that is down or hangs must not hold up mail (R11)."""

_SEPARATORS = re.compile(r"[,\s]")
_HOST = re.compile(r"[\w.:-]+")
_LOOPBACK = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared with, never bound


@dataclass(frozen=True, slots=True, kw_only=True)
class MilterEntry:
    """One milter of a chain.

    Attributes:
        endpoint: as written, for example "inet:localhost:11332".
        options: name and value of each of its settings, in the order written.
    """

    endpoint: str
    options: tuple[tuple[str, str], ...] = ()


def split_braced(text: str) -> list[str]:
    """Split at commas and white space outside of { }.

    Raises:
        PostfixError: a brace is missing.
    """
    words = [""]
    depth = 0
    for character in text:
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth < 0:
            break
        if depth == 0 and _SEPARATORS.match(character):
            words.append("")
        else:
            words[-1] += character
    if depth != 0:
        msg = f"'{text}' has unbalanced braces: mend it in Postfix's configuration first"
        raise PostfixError(msg)
    return [word for word in words if word]


def parse_chain(value: str) -> tuple[MilterEntry, ...]:
    """Read the expanded value of smtpd_milters.

    Raises:
        PostfixError: it is not a list of milters.
    """
    return tuple(_parse_entry(word) for word in split_braced(value))


def _parse_entry(word: str) -> MilterEntry:
    if not word.startswith("{"):
        return MilterEntry(endpoint=word)
    parts = split_braced(word.removeprefix("{").removesuffix("}"))
    if not parts or not word.endswith("}"):
        msg = f"'{word}' is not a milter: mend it in Postfix's configuration first"
        raise PostfixError(msg)
    options = [part.removeprefix("{").removesuffix("}").partition("=") for part in parts[1:]]
    return MilterEntry(
        endpoint=parts[0],
        options=tuple((name.strip(), value.strip()) for name, _, value in options),
    )


def render_entry(endpoint: str) -> str:
    """Write sendlimit's entry of the chain."""
    options = ", ".join(f"{name}={value}" for name, value in ENTRY_OPTIONS.items())
    return f"{{ {endpoint}, {options} }}"


def endpoint_of(socket: str, queue_directory: Path) -> str:
    """Translate milter.socket of sendlimit's configuration into Postfix's syntax.

    A unix socket below the queue directory becomes a path relative to it, which smtpd finds
    inside and outside of its chroot.

    Args:
        socket: "unix:/path", "inet:PORT@HOST" or "inet6:PORT@[HOST]".
        queue_directory: Postfix's.

    Raises:
        PostfixError: Postfix can't connect to such a socket.
    """
    try:
        address = parse_milter_socket(socket).address
    except ValueError as error:
        raise PostfixError(f"milter.socket: {error}") from error
    if isinstance(address, str):
        return _unix_endpoint(Path(address), queue_directory)
    return _inet_endpoint(*address)


def _unix_endpoint(path: Path, queue_directory: Path) -> str:
    if re.search(r"[\s,{}$]", str(path)):
        msg = (
            f"milter.socket has the path '{path}', but Postfix needs one without blanks, commas,"
            " braces and dollar signs: change milter.socket"
        )
        raise PostfixError(msg)
    if path.is_relative_to(queue_directory):
        path = path.relative_to(queue_directory)
    return f"unix:{path}"


def _inet_endpoint(host: str, port: int) -> str:
    host = _LOOPBACK.get(host, host)  # a daemon on all addresses listens on this host's, too
    if not _HOST.fullmatch(host):
        msg = (
            f"milter.socket has the host '{host}', which Postfix can't connect to: change"
            " milter.socket, for example to inet:10040@127.0.0.1"
        )
        raise PostfixError(msg)
    return f"inet:[{host}]:{port}" if ":" in host else f"inet:{host}:{port}"


def canonical(endpoint: str, queue_directory: Path) -> str:
    """Give different spellings of one endpoint the same form, to compare them."""
    kind, _, address = endpoint.partition(":")
    if kind in {"unix", "local"}:
        return f"unix:{queue_directory / address}"
    if kind in {"inet", "inet6"}:
        return f"inet:{address.lower().replace('localhost:', '127.0.0.1:')}"
    return endpoint


def is_outside_queue(endpoint: str) -> bool:
    """Tell whether a chrooted smtpd can't reach the endpoint: a unix socket elsewhere."""
    return endpoint.startswith("unix:/")
