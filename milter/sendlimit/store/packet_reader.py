"""Reads the packets of an answer from a socket, in pieces as large as they come.

Source: mariadb.com/kb/en/0-packet.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

    from sendlimit.store.rows import Row

_PIECE = 65536
_HEAD = 4  # the length in three bytes, the number in one


class PacketReader:
    """What comes from one socket; in the place of the file that PyMySQL makes of it.

    Args:
        recv: the socket's; returns so many bytes at most, none at the end.
    """

    def __init__(self, recv: Callable[[int], bytes]) -> None:
        self._recv = recv
        self._buffer = b""
        self._at = 0

    def packet(self) -> tuple[int, bytes]:
        """Return the next packet: its number and its content.

        Raises:
            OSError: nothing came in time, or the connection is broken.
            EOFError: the server ended it.
        """
        buffer, at = self._buffer, self._at
        begin = at + _HEAD
        if begin <= len(buffer):
            end = begin + (buffer[at] | buffer[at + 1] << 8 | buffer[at + 2] << 16)
            if end <= len(buffer):
                self._at = end
                return buffer[at + 3], buffer[begin:end]
        head = self._whole(_HEAD)
        return head[3], self._whole(int.from_bytes(head[:3], "little"))

    def numbers(self, number: int, rows: list[Row]) -> int:
        """Take rows of one number each, as far as they are there: most of what a flush returns.

        Args:
            number: of the next packet.
            rows: what is taken comes behind them.

        Returns:
            The number of the next packet, which is of another kind or has not come whole.
        """
        buffer, at = self._buffer, self._at
        last = len(buffer) - _HEAD
        while at < last:
            length = buffer[at]
            begin = at + _HEAD
            end = begin + length
            if (
                end > len(buffer)
                or buffer[at + 1]
                or buffer[at + 2]
                or buffer[at + 3] != number
                or buffer[begin] != length - 1
            ):
                break
            rows.append((int(buffer[begin + 1 : end]),))
            number = (number + 1) % 256
            at = end
        self._at = at
        return number

    def read(self, count: int) -> bytes:
        """Return so many bytes; fewer when the server ended the connection.

        Raises:
            OSError: nothing came in time, or the connection is broken.
        """
        pieces = [self._buffer[self._at :]]
        left = count - len(pieces[0])
        while left > 0 and (piece := self._recv(max(left, _PIECE))):
            pieces.append(piece)
            left -= len(piece)
        self._buffer, self._at = b"".join(pieces), count
        return self._buffer[:count]

    def _whole(self, count: int) -> bytes:
        found = self.read(count)
        if len(found) < count:
            raise EOFError
        return found

    def close(self) -> None:
        """Do nothing: the connection closes its socket."""
