"""Hostile conversations with a milter: real ones of Postfix, bent and broken by a seed.

The same seed gives the same octets in the same writes.
"""

import itertools
import struct
from collections.abc import Callable
from dataclasses import dataclass
from random import Random

from support.rig.milter_client import macro_packet, packet

PACKET_MAX = 65_535
"""What libmilter takes as one packet (MILTER_MAX_DATA_SIZE)."""

_COMMANDS = b"OCHMRTLNBEADQKU"
_SHOWN = 160

Packets = list[bytes]
"""Whole packets, length and all."""


@dataclass(frozen=True)
class Conversation:
    """What one client writes before it hangs up.

    Attributes:
        seed: makes this conversation again.
        writes: octets, each written at once.
        deaf: it never reads an answer.
    """

    seed: str
    writes: tuple[bytes, ...]
    deaf: bool

    def __str__(self) -> str:
        """Show it on few lines: long writes are cut."""
        lines = [f"conversation {self.seed}{', never reads' if self.deaf else ''}:"]
        for octets in self.writes[:100]:
            shown = ascii(octets[:_SHOWN])
            lines.append(f"  {len(octets):7} {shown}{'...' if len(octets) > _SHOWN else ''}")
        if len(self.writes) > 100:
            lines.append(f"  and {len(self.writes) - 100} more writes")
        return "\n".join(lines)


def conversation(seed: str) -> Conversation:
    """Make the conversation of a seed: "RUN/ROUND/NUMBER"; its logins are the round's own."""
    random = Random(seed)  # noqa: S311 - the same conversation from the same seed
    packets = postfix_packets(random, seed.rpartition("/")[0])
    for _ in range(random.choice((0, 1, 1, 2, 3, 5))):
        packets = random.choice(_BENT)(random, packets)
    octets = b"".join(packets)
    for _ in range(random.choice((0, 0, 0, 1, 2))):
        octets = random.choice(_BROKEN)(random, octets)
    octets = _without_odd_macros(octets)
    return Conversation(seed, _written(random, packets, octets), random.random() < 0.1)


def postfix_packets(random: Random, whose: str) -> Packets:
    """Return what Postfix writes in a session of a few mails, with odd logins and addresses."""
    packets = [_options(6, 0x1FF, 0x1FFFFF)]
    connect = {
        "j": "mail.example.org",
        "{daemon_name}": "ORIGINATING",
        "_": "client [192.0.2.1]",
    }
    packets += [macro_packet(b"C", **connect), macro_packet(b"H")]
    for _ in range(random.choice((1, 1, 1, 2, 4))):
        login = random.choice((None, *_logins(random, whose)))
        auth = {} if login is None else {"{auth_type}": "PLAIN", "{auth_authen}": login}
        path = random.choice(_PATHS)
        packets += [macro_packet(b"M", **auth, **{"{mail_addr}": "a@example.net"})]
        packets += [packet(b"M", path + b"\0" + random.choice((b"", b"SIZE=100\0", b"AUTH=bob\0")))]
        for _ in range(random.choice((0, 1, 1, 2, 7))):
            packets += [macro_packet(b"R", i="4XyZ"), packet(b"R", b"<b@example.com>\0")]
        packets += random.choice(_ENDINGS)
    return packets + random.choice(([], [packet(b"A"), packet(b"Q")], [packet(b"K")]))


_ENDINGS: tuple[Packets, ...] = (
    [macro_packet(b"T", i="4XyZ"), macro_packet(b"E", i="4XyZ"), packet(b"E")],
    [macro_packet(b"E", i="4XyZ"), packet(b"E"), packet(b"A"), packet(b"A")],
    [packet(b"A"), packet(b"A")],
    [packet(b"A")],
    [],
)
_PATHS = (
    b"<a@example.net>",
    b"<>",
    b"",
    b"<a!b@example.net>",
    b"<a=b@example.net>",
    b"<\xff\xfe\x1b[2J\r\nrefused mailbox=x>",
    b"<" + b"x" * 2000 + b"@example.net>",
)


def _logins(random: Random, whose: str) -> list[str | bytes]:
    usual = f"h{random.randrange(4)}@{whose.replace('/', '.')}.hostile.example"
    return [*[usual] * 6, usual.upper(), f"x={usual}", f"a!b{usual}", f"%s{usual}", "", "@", "*",
        "\x1b[31m\r\n" + usual, b"\xff\xfe" + usual.encode(), "l" * 64_000 + usual,
        "\N{GRINNING FACE}" * 300 + usual]  # fmt: skip


def _options(version: int, actions: int, protocol: int) -> bytes:
    return packet(b"O", struct.pack("!III", version, actions, protocol))


# Bent: packets that are whole, but not what should come.


def _drop(random: Random, packets: Packets) -> Packets:
    at = random.randrange(len(packets) or 1)
    return packets[:at] + packets[at + 1 :]


def _repeat(random: Random, packets: Packets) -> Packets:
    at = random.randrange(len(packets) or 1)
    return packets[:at] + packets[at : at + 1] * random.choice((2, 3, 40)) + packets[at + 1 :]


def _repeat_part(random: Random, packets: Packets) -> Packets:
    first, last = _span(random, packets)
    return packets[:last] + packets[first:last] * random.choice((1, 2, 5)) + packets[last:]


def _shuffle(random: Random, packets: Packets) -> Packets:
    first, last = _span(random, packets)
    part = packets[first:last]
    random.shuffle(part)
    return packets[:first] + part + packets[last:]


def _stop(random: Random, packets: Packets) -> Packets:
    return packets[: random.randrange(len(packets) + 1)]


def _splice(random: Random, packets: Packets) -> Packets:
    first, last = _span(random, packets)
    return _insert(random, packets, *packets[first:last])


def _any_command(random: Random, packets: Packets) -> Packets:
    command = bytes([random.choice((*_COMMANDS, random.randrange(256)))])
    return _insert(random, packets, packet(command, _octets(random)))


def _odd_macros(random: Random, packets: Packets) -> Packets:
    command = bytes([random.choice(b"CHMMMREDxA\0")])
    body = random.choice(
        (
            b"",
            b"{auth_authen}",
            b"{auth_authen}\0",
            b"{auth_authen}\0\0{auth_authen}\0twice@hostile.example\0",
            b"\0" * 50,
            b"name\0value",
            b"n\0v\0" * 5000,
            b"{\0}\0{{auth_authen}}\0x\0",
            _octets(random),
            b"{auth_authen}\0" + _octets(random) + b"\0",
            b"_\0client [" + _octets(random) + b"]\0{client_addr}\0\xff\0i\0\xfe\0",
        )
    )
    return _insert(random, packets, packet(b"D", command + body))


def _giant(random: Random, packets: Packets) -> Packets:
    size = random.choice((PACKET_MAX - 1, PACKET_MAX, PACKET_MAX + 1, 1_000_000))
    return _insert(random, packets, packet(bytes([random.choice(_COMMANDS)]), b"x" * size))


def _empty(random: Random, packets: Packets) -> Packets:
    return _insert(random, packets, struct.pack("!I", 0))


def _wrong_length(random: Random, packets: Packets) -> Packets:
    at = random.randrange(len(packets) or 1)
    length = random.choice((0, 1, 2, 0x7FFFFFFF, 0xFFFFFFFF, random.randrange(200)))
    return [
        struct.pack("!I", length) + octets[4:] if number == at else octets
        for number, octets in enumerate(packets)
    ]


def _other_options(random: Random, packets: Packets) -> Packets:
    version = random.choice((0, 1, 2, 3, 4, 5, 6, 7, 2**32 - 1))
    protocol = random.choice((0, 0x7F, 0x1FFFFF, 2**32 - 1, random.getrandbits(32)))
    return [_options(version, random.getrandbits(32), protocol), *packets[1:]]


def _span(random: Random, packets: Packets) -> tuple[int, int]:
    first, last = sorted(random.randrange(len(packets) + 1) for _ in range(2))
    return first, last


def _insert(random: Random, packets: Packets, *more: bytes) -> Packets:
    at = random.randrange(len(packets) + 1)
    return [*packets[:at], *more, *packets[at:]]


def _octets(random: Random) -> bytes:
    return random.randbytes(random.choice((0, 1, 2, 12, 100, 3000)))


_BENT: tuple[Callable[[Random, Packets], Packets], ...] = (
    _drop, _repeat, _repeat_part, _shuffle, _stop, _splice, _any_command, _odd_macros, _odd_macros,
    _giant, _empty, _wrong_length, _other_options,
)  # fmt: skip


# Broken: octets in the wrong place.


def _flip(random: Random, octets: bytes) -> bytes:
    changed = bytearray(octets)
    for _ in range(random.choice((1, 3, 20))):
        if changed:
            changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _cut(random: Random, octets: bytes) -> bytes:
    return octets[: random.randrange(len(octets) + 1)]


def _lose(random: Random, octets: bytes) -> bytes:
    at = random.randrange(len(octets) + 1)
    return octets[:at] + octets[at + random.choice((1, 2, 5, 100)) :]


def _noise(random: Random, octets: bytes) -> bytes:
    at = random.randrange(len(octets) + 1)
    return octets[:at] + _octets(random) + octets[at:]


_BROKEN: tuple[Callable[[Random, bytes], bytes], ...] = (_flip, _cut, _lose, _noise)


def _without_odd_macros(octets: bytes) -> bytes:
    """End each macro list that has a name without a value with an empty value.

    libmilter looks for a macro's name behind the end of such a list, and may crash there
    (docs/known-issues.md). Read as libmilter reads: 4 octets of length, a command, the rest.
    """
    mended = b""
    at = 0
    while at + 5 <= len(octets):
        (length,) = struct.unpack_from("!I", octets, at)
        end = at + 4 + max(length, 1)
        if length > PACKET_MAX + 1 or end > len(octets):
            break
        one = octets[at:end]
        if one[4:5] == b"D" and one[6:].count(0) % 2:
            one = packet(b"D", one[5:] + b"\0")
        mended += one
        at = end
    return mended + octets[at:]


def _written(random: Random, packets: Packets, octets: bytes) -> tuple[bytes, ...]:
    """Cut the octets into writes: at packets, anywhere, or not at all."""
    kind = random.randrange(3)
    if kind == 0:
        return (octets,)
    if kind == 1:
        ends = list(itertools.accumulate(len(one) for one in packets))
    else:
        ends = sorted(random.randrange(len(octets) + 1) for _ in range(random.randrange(12)))
    marks = [0, *(end for end in ends if end < len(octets)), len(octets)]
    return tuple(octets[begin:end] for begin, end in itertools.pairwise(marks) if begin < end)
