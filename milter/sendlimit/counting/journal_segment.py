"""How the crash journal lies in its files: head, records, definitions. Pure: bytes in, values out.

A segment is one file:

    head         256 bytes: magic, format, first number, token, boot id, lease id, CRC 32
    record       16 bytes: amount (signed), what it is added to, moment, check
    definition   16 bytes: DEFINITION, CRC 32 of the text, bytes of the text, check;
                 then the text, JSON in UTF-8, filled up to a multiple of 16 bytes

What a definition may be:

    counters     [[scope, subject, unit, window, start of the period], ...]
    a sender     [mailbox, domain]
    a shape      {"shape": [...]}: counters with 0 in the place of the mailbox, and 1 in that of its
                 domain; shapes are numbered from 1 on

What a record is added to is one number: in the lower PLACE_BITS the place of a definition, in
pieces of 16 bytes; above them 0 for the counters that it has, or the number of the shape whose
counters the sender of the definition has. In format 2 it was the position of a definition in
bytes, and a sender had the position of its shape before its names; format 1 had no shapes.

All numbers are little-endian. A record adds its amount to each counter, and stands behind what it
refers to, in the same segment. Records are numbered by position from the head's first
number on; definitions have no number. The check word is the last that is written, and no two
uses of a segment have the same: what is torn or left by an earlier use ends the reading.
"""

from __future__ import annotations

import json
import re
import struct
import zlib
from json.encoder import encode_basestring as _encode_text
from typing import TYPE_CHECKING, Any, NamedTuple

from sendlimit.rules.limit import CounterKey, Scope, Unit
from sendlimit.rules.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

MAGIC = b"SLJOURNL"
FORMAT = 3
_READ = (1, 2, FORMAT)
HEAD_BYTES = 256
RECORD = struct.Struct("<iIII")
DEFINITION = -(1 << 31)
"""In the place of the amount: what follows is a definition."""
DEFINITION_MAX = 64 * 1024
"""More than any 54 counters can need, of which 18 are the server's: subjects have 255 characters."""
PLACE_BITS = 19
SEGMENT_MAX = RECORD.size << PLACE_BITS
SHAPES_MAX = (1 << 32 - PLACE_BITS) - 1
"""Of one segment."""

_PLACES = {Scope.MAILBOX: 0, Scope.DOMAIN: 1}
_START = struct.Struct("<8sH6x")
_HEAD = struct.Struct("<8sH6xQ64s64s40s")
_CRC = struct.Struct("<I")
_NAME = re.compile(r"journal\.([0-9a-f]{1,64})\.[0-9]{1,9}")
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode


class Head(NamedTuple):
    """The head of a segment of the crash journal: whose it is, and with which record it begins.

    Attributes:
        first: the number of its first record, 1 or more.
        token: of the process that wrote it, as in the file's name.
        boot_id: of the system's start that it was written in; "" where that is not known.
        lease_id: under which the process holds er_lease.
    """

    first: int
    token: str
    boot_id: str
    lease_id: str


class Record(NamedTuple):
    """One addition in the crash journal.

    Attributes:
        number: its place in the journal, from 1.
        keys: the counters that the amount is added to.
        amount: negative when something was given back.
        at: when, in seconds since 1970.
    """

    number: int
    keys: tuple[CounterKey, ...]
    amount: int
    at: int


def file_name(token: str, place: int) -> str:
    """Return the name of a process's segment; the first two are 0 and 1."""
    return f"journal.{token}.{place}"


def token_of(name: str) -> str | None:
    """Return the token in a file's name; None: it is no segment."""
    found = _NAME.fullmatch(name)
    return found[1] if found else None


def check_word(head: Head) -> int:
    """Return the last word of each record of this use of a segment; never 0, as in fresh space."""
    return (zlib.crc32(head.token.encode()) + head.first * 2654435761) & 0xFFFFFFFF or 1


def packed_head(head: Head) -> bytes:
    """Write a head.

    Raises:
        struct.error, UnicodeEncodeError: a part of it is no such value.
    """
    text = [part.encode("ascii") for part in (head.token, head.lease_id, head.boot_id)]
    packed = _HEAD.pack(MAGIC, FORMAT, head.first, *text)
    return packed + _CRC.pack(zlib.crc32(packed))


def read_head(content: bytes) -> Head | None:
    """Read a head.

    Returns:
        None when the segment has no records: it was not begun, or the process ended while it
        wrote the head. Then the records of the use before were booked already.

    Raises:
        ValueError: it is no journal, or one of another format; says which.
    """
    if not any(content[:HEAD_BYTES]):
        return None
    if len(content) < HEAD_BYTES or content[: len(MAGIC)] != MAGIC:
        raise ValueError("is not a journal of sendlimit")
    form = _START.unpack_from(content)[1]
    if form not in _READ:
        raise ValueError(
            f"has format {form}, and this release of sendlimit reads {FORMAT}:"
            " start the release that wrote it once, or remove the file and lose its counts"
        )
    if _CRC.unpack_from(content, _HEAD.size)[0] != zlib.crc32(content[: _HEAD.size]):
        return None
    _, _, first, *parts = _HEAD.unpack_from(content)
    token, lease_id, boot_id = (part.rstrip(b"\0").decode("ascii", "replace") for part in parts)
    return Head(first, token, boot_id, lease_id)


def packed_keys(keys: tuple[CounterKey, ...]) -> bytes:
    """Write the counters of a definition; any text may be in a subject."""
    return _encode(keys).encode("utf-8", "surrogatepass")


def packed_shape(keys: Iterable[CounterKey]) -> bytes:
    """Write a shape: the counters of any mailbox that has the same as these but for their subjects."""
    counters = [(key.scope, _PLACES.get(key.scope, key.subject), *key[2:]) for key in keys]
    return _encode({"shape": counters}).encode()


def packed_sender(mailbox: str, domain: str | None) -> bytes:
    """Write whose counters a record means."""
    text = f"[{_encode_text(mailbox)},{_encode_text(domain or '')}]"
    return text.encode("utf-8", "surrogatepass")


def added_to(offset: int, shape: int = 0) -> int:
    """Return what a record is added to.

    Args:
        offset: of the definition of counters or of a sender.
        shape: number of the shape whose counters the sender has; 0: counters.
    """
    return shape << PLACE_BITS | offset // RECORD.size


def padded(size: int) -> int:
    """Return the bytes that a definition's text takes up."""
    return (size + RECORD.size - 1) // RECORD.size * RECORD.size


def read_records(content: bytes, head: Head) -> Iterator[Record]:
    """Yield the records of a segment, up to the first that is not whole.

    Raises:
        ValueError: a definition is damaged, as after a loss of power; what came before is right.
    """
    check = check_word(head)
    definitions = _Definitions(_START.unpack_from(content)[1])
    number = head.first
    offset = HEAD_BYTES
    while offset + RECORD.size <= len(content):
        amount, second, third, found = RECORD.unpack_from(content, offset)
        if found != check:
            return
        try:
            if amount == DEFINITION:
                text = content[offset + RECORD.size : offset + RECORD.size + third]
                definitions.read(text, second, offset)
                offset += RECORD.size + padded(third)
                continue
            keys = definitions.keys(second)
        except (ValueError, TypeError, LookupError):
            raise ValueError(f"is damaged at byte {offset}") from None
        yield Record(number, keys, amount, third)
        number += 1
        offset += RECORD.size


class _Definitions:
    """The definitions of a segment, as far as it was read.

    Args:
        form: the segment's format.
    """

    def __init__(self, form: int) -> None:
        self._form = form
        self._keys: dict[int, tuple[CounterKey, ...]] = {}
        self._senders: dict[int, list[str]] = {}
        self._shapes: dict[int, list[list[Any]]] = {}

    def read(self, text: bytes, crc: int, offset: int) -> None:
        """Read a definition.

        Raises:
            ValueError, TypeError, LookupError: it is none.
        """
        if zlib.crc32(text) != crc:
            raise ValueError("is not what was written")
        found: Any = json.loads(text.decode("utf-8", "surrogatepass"))
        if self._form < FORMAT:
            self._read_before(found, offset)
        elif isinstance(found, dict):
            self._shapes[len(self._shapes) + 1] = found["shape"]
            _counters(found["shape"], ["", ""])
        elif found and isinstance(found[0], str):
            mailbox, domain = found
            self._senders[added_to(offset)] = [mailbox, domain]
        else:
            self._keys[added_to(offset)] = _counters(found, [])

    def _read_before(self, found: list[Any], offset: int) -> None:
        """Read a definition of the formats before."""
        if found and isinstance(found[0], int):
            position, *subjects = found
            self._keys[offset] = _counters(self._shapes[position], subjects)
            return
        self._shapes[offset] = found
        if not any(isinstance(subject, int) for _, subject, *_ in found):
            self._keys[offset] = _counters(found, [])

    def keys(self, added_to: int) -> tuple[CounterKey, ...]:
        """Return what a record is added to.

        Raises:
            LookupError: it was not defined.
        """
        keys = self._keys.get(added_to)
        if keys is None:
            sender = self._senders[added_to % (1 << PLACE_BITS)]
            keys = _counters(self._shapes[added_to >> PLACE_BITS], sender)
            self._keys[added_to] = keys
        return keys


def _counters(found: list[list[Any]], subjects: list[str]) -> tuple[CounterKey, ...]:
    """Return counters, with these subjects in the place of 0 and 1.

    Raises:
        ValueError, TypeError, LookupError: they are none.
    """
    return tuple(
        [
            CounterKey(
                Scope(scope),
                str(subjects[subject] if isinstance(subject, int) else subject),
                Unit(unit),
                Window(window),
                int(start),
            )
            for scope, subject, unit, window, start in found
        ]
    )
