"""How the crash journal lies in its files: what is written is read, what is damaged is not."""

import json
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendlimit.counting.journal_segment import (
    DEFINITION,
    HEAD_BYTES,
    RECORD,
    Head,
    added_to,
    check_word,
    file_name,
    packed_head,
    packed_keys,
    packed_sender,
    packed_shape,
    padded,
    read_head,
    read_records,
    token_of,
)
from sendlimit.rules.limit import LATCH, LIMIT_NAMES, CounterKey, Scope
from support.counting_samples import ALICES_DAY as _ALICES

_HEAD = Head(7, "c0ffee", "boot", "lease")
_KEYS = st.builds(
    lambda name, subject, start: CounterKey(name.scope, subject, name.unit, name.window, start),
    st.sampled_from(LIMIT_NAMES),
    st.text(max_size=40),
    st.integers(0, 2**33),
)


def _segment(head: Head, *entries: bytes) -> bytes:
    return packed_head(head).ljust(HEAD_BYTES, b"\0") + b"".join(entries) + bytes(64)


def _definition(head: Head, keys: tuple[CounterKey, ...]) -> bytes:
    return _entry(head, packed_keys(keys))


def _entry(head: Head, text: bytes) -> bytes:
    entry = RECORD.pack(DEFINITION, zlib.crc32(text), len(text), check_word(head))
    return entry + text.ljust(padded(len(text)), b"\0")


@given(st.lists(_KEYS, min_size=1, max_size=5), st.lists(st.integers(-5, 2**31 - 1)))
def test_records_come_back(keys: list[CounterKey], amounts: list[int]) -> None:
    """Whatever a subject's characters: counters, amounts, numbers and moments are read as written."""
    entries = [
        RECORD.pack(amount, added_to(HEAD_BYTES), 99, check_word(_HEAD)) for amount in amounts
    ]
    found = [*read_records(_segment(_HEAD, _definition(_HEAD, (*keys,)), *entries), _HEAD)]

    assert [record.amount for record in found] == amounts
    assert [record.number for record in found] == [*range(7, 7 + len(amounts))]
    assert all((record.keys, record.at) == ((*keys,), 99) for record in found)


@given(st.lists(_KEYS, min_size=1, max_size=5), st.text(max_size=40), st.text(max_size=40))
def test_a_shape_has_the_counters_of_each_mailbox(
    keys: list[CounterKey], mailbox: str, domain: str
) -> None:
    """They come back with the subjects of the mailbox that names the shape; others stay as they are."""
    subjects = {Scope.MAILBOX: mailbox, Scope.DOMAIN: domain}
    expected = tuple([key._replace(subject=subjects.get(key.scope, key.subject)) for key in keys])
    shape = _entry(_HEAD, packed_shape((*keys, _ALICES)))
    named = _entry(_HEAD, packed_sender(mailbox, domain))
    place = added_to(HEAD_BYTES + len(shape), shape=1)
    record = RECORD.pack(3, place, 99, check_word(_HEAD))
    (found,) = read_records(_segment(_HEAD, shape, named, record), _HEAD)

    assert found.keys == (*expected, _ALICES._replace(subject=mailbox))


@pytest.mark.parametrize(
    "text", [b"[256]", b'["a"]', b'["a","b","c"]', b"7", b'[["mailbox"]]', b"{}", b'{"shape":[1]}']
)
def test_a_definition_that_is_none(text: bytes) -> None:
    """It is damaged, and its place is named."""
    shape = _entry(_HEAD, packed_shape([_ALICES]))
    records = read_records(_segment(_HEAD, shape, _entry(_HEAD, text)), _HEAD)
    with pytest.raises(ValueError, match=f"is damaged at byte {HEAD_BYTES + len(shape)}"):
        next(records)


def _before(form: int, *entries: bytes) -> bytes:
    """Return a segment of a format before."""
    head = bytearray(packed_head(_HEAD))
    head[8] = form
    head[-4:] = struct.pack("<I", zlib.crc32(head[:-4]))
    return bytes(head) + _segment(_HEAD, *entries)[len(head) :]


@pytest.mark.parametrize("form", [1, 2])
def test_a_journal_of_a_format_before(form: int) -> None:
    """Format 1 had no shapes; a record had the position of its definition. What it has is read."""
    record = RECORD.pack(1, HEAD_BYTES, 99, check_word(_HEAD))
    content = _before(form, _definition(_HEAD, (LATCH,)), record)

    assert read_head(content) == _HEAD
    assert [found.keys for found in read_records(content, _HEAD)] == [(LATCH,)]


@pytest.mark.parametrize("shape", [_ALICES, LATCH], ids=["a mailbox's", "only the server's"])
def test_a_shape_of_format_2(shape: CounterKey) -> None:
    """A sender had the position of its shape; one without a mailbox looked like counters."""
    place = 0 if shape.scope is Scope.MAILBOX else "*"
    text = json.dumps([[shape.scope, place, *shape[2:]]]).encode()
    entry = _entry(_HEAD, text)
    named = _entry(_HEAD, f'[{HEAD_BYTES},"b@d.test","d.test"]'.encode())
    record = RECORD.pack(1, HEAD_BYTES + len(entry), 99, check_word(_HEAD))
    content = _before(2, entry, named, record)

    subject = "b@d.test" if shape.scope is Scope.MAILBOX else "*"
    assert [one.keys for one in read_records(content, _HEAD)] == [
        (shape._replace(subject=subject),)
    ]


def test_what_is_not_defined() -> None:
    """A record of a shape or a sender that is not there is damaged."""
    shape, named = _entry(_HEAD, packed_shape([_ALICES])), _entry(_HEAD, packed_sender("b", "d"))
    behind = HEAD_BYTES + len(shape) + len(named)
    for place in (added_to(HEAD_BYTES + len(shape), 2), added_to(HEAD_BYTES, 1), added_to(behind)):
        record = RECORD.pack(1, place, 99, check_word(_HEAD))
        with pytest.raises(ValueError, match=f"is damaged at byte {behind}"):
            next(read_records(_segment(_HEAD, shape, named, record), _HEAD))


def test_head_comes_back() -> None:
    """A segment says whose it is and with which record it begins."""
    assert read_head(_segment(_HEAD)) == _HEAD
    assert read_head(bytes(HEAD_BYTES)) is None


@pytest.mark.parametrize("offset", range(10, 20))
def test_head_that_was_written_in_part(offset: int) -> None:
    """A head with a wrong octet is no head: the segment was not begun."""
    damaged = bytearray(_segment(_HEAD))
    damaged[offset] ^= 0xFF

    assert read_head(bytes(damaged)) is None


def test_head_of_another_format() -> None:
    """A journal of another release is named, so that it is not taken for one that was not begun."""
    other = bytearray(_segment(_HEAD))
    other[8] += 1
    with pytest.raises(ValueError, match="has format 4, and this release of sendlimit reads 3"):
        read_head(bytes(other))


def test_what_is_no_journal() -> None:
    """A file that another program made is named as none of ours."""
    with pytest.raises(ValueError, match="is not a journal"):
        read_head(b"GIF89a" + bytes(HEAD_BYTES))


def test_reading_ends_at_an_earlier_use() -> None:
    """Behind the last record lies what an earlier use of the segment left: it is not read."""
    earlier = _HEAD._replace(first=1)
    record = RECORD.pack(1, added_to(HEAD_BYTES), 99, check_word(_HEAD))
    old = RECORD.pack(1, added_to(HEAD_BYTES), 99, check_word(earlier))
    content = _segment(_HEAD, _definition(_HEAD, (LATCH,)), record, old, record)

    assert len([*read_records(content, _HEAD)]) == 1


@pytest.mark.parametrize("entry", [RECORD.pack(1, 4096, 99, check_word(_HEAD)), None])
def test_damage_is_named_by_its_place(entry: bytes | None) -> None:
    """A record without its definition, or a damaged definition: what came before is kept."""
    first = _definition(_HEAD, (LATCH,))
    record = RECORD.pack(1, added_to(HEAD_BYTES), 99, check_word(_HEAD))
    broken = bytearray(_definition(_HEAD, (LATCH,)))
    broken[16] ^= 1
    records = read_records(_segment(_HEAD, first, record, entry or bytes(broken)), _HEAD)

    assert next(records).number == 7
    with pytest.raises(ValueError, match=f"at byte {HEAD_BYTES + len(first) + len(record)}"):
        next(records)


def test_names_of_files() -> None:
    """The token is told from the name; other files of the folder are no segments."""
    assert token_of(file_name("c0ffee", 1)) == "c0ffee"
    assert [token_of(name) for name in ("journal.c0ffee.x", "journal.C.0", "unbooked.json")] == [
        None
    ] * 3


def test_head_takes_no_other_values() -> None:
    """A token that is not ASCII is an error of the program, never a head that can't be read."""
    with pytest.raises(UnicodeEncodeError):
        packed_head(_HEAD._replace(token="ü"))
    with pytest.raises(struct.error):
        packed_head(_HEAD._replace(first=-1))
