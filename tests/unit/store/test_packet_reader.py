"""Packets come out of a socket as they were sent, in whatever pieces they arrive."""

import socket
from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendlimit.store.packet_reader import PacketReader


def _packet(number: int, content: bytes) -> bytes:
    return len(content).to_bytes(3, "little") + bytes([number]) + content


class _Pieces:
    """A socket on which these pieces arrive, then the end."""

    def __init__(self, *pieces: bytes) -> None:
        self._left = list(pieces)

    def recv(self, count: int) -> bytes:
        """Return the next piece, at most so many bytes of it."""
        if not self._left:
            return b""
        piece = self._left.pop(0)
        if len(piece) > count:
            self._left.insert(0, piece[count:])
        return piece[:count]


def _cut(stream: bytes, cuts: list[int]) -> list[bytes]:
    places = sorted({cut for cut in cuts if 0 < cut < len(stream)})
    return [stream[a:b] for a, b in zip([0, *places], [*places, len(stream)], strict=True)]


@given(st.lists(st.binary(max_size=300), min_size=1, max_size=6), st.lists(st.integers(0, 2000)))
def test_packets_come_whole(contents: list[bytes], cuts: list[int]) -> None:
    """Number and content of each, wherever the network has cut them; then the end."""
    stream = b"".join(_packet(number, content) for number, content in enumerate(contents))
    reader = PacketReader(_Pieces(*_cut(stream, cuts)).recv)
    assert [reader.packet() for _ in contents] == [*enumerate(contents)]
    with pytest.raises(EOFError):
        reader.packet()


def _row(value: int) -> bytes:
    text = str(value).encode()
    return bytes([len(text)]) + text


@given(st.lists(st.integers(-(2**63), 2**63), min_size=1), st.lists(st.integers(0, 9000)))
def test_numbers(values: list[int], cuts: list[int]) -> None:
    """All that have come are taken, the rest is packets; nothing is lost or read twice."""
    sent = [_packet((250 + n) % 256, _row(value)) for n, value in enumerate(values)]
    end = _packet((250 + len(values)) % 256, b"\xfe\0\0\2\0")
    reader = PacketReader(_Pieces(*_cut(b"".join([*sent, end]), cuts)).recv)
    rows: list[tuple[object, ...]] = []
    number = 250
    while True:
        number = reader.numbers(number, rows)
        came, content = reader.packet()
        assert came == number
        number = (number + 1) % 256
        if content[0] == 0xFE:
            break
        rows.append((int(content[1:]),))
    assert rows == [(value,) for value in values]


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(_packet(7, b"\xfb"), id="NULL"),
        pytest.param(_packet(7, b"\xff\x28\x04#08S01gone"), id="an error"),
        pytest.param(_packet(7, b"\x011\x012"), id="two columns"),
        pytest.param(_packet(9, b"\x011"), id="a number that is not the next"),
        pytest.param(_packet(7, b"\xfe" + bytes(8)), id="a longer length"),
    ],
)
def test_what_is_no_number_is_left(other: bytes) -> None:
    """The caller reads it as a packet."""
    reader = PacketReader(_Pieces(_packet(5, b"") + _packet(6, b"\x0242") + other).recv)
    assert reader.packet() == (5, b"")
    rows: list[tuple[object, ...]] = []
    assert reader.numbers(6, rows) == 7
    assert rows == [(42,)]
    assert reader.packet() == (other[3], other[4:])


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Two ends of a connection."""
    ends = socket.socketpair()
    yield ends
    for end in ends:
        end.close()


def test_a_real_socket(pair: tuple[socket.socket, socket.socket]) -> None:
    """What does not come in time is an error of the system, what is ended is the end."""
    ours, theirs = pair
    ours.settimeout(0.01)
    reader = PacketReader(ours.recv)
    theirs.sendall(_packet(1, b"OK") + b"\x05\0")
    assert reader.packet() == (1, b"OK")
    with pytest.raises(TimeoutError):
        reader.packet()
    theirs.close()
    with pytest.raises(EOFError):
        reader.packet()
