"""The holder's flush as one statement for MariaDB; what the server does with it is in tests/contract."""

from typing import TYPE_CHECKING

from sendlimit.rules.limit import LATCH
from sendlimit.store import ChangeRow, Flush
from sendlimit.store.flush_packet import FlushPacket, add_statement
from support.counting_samples import ALICE, ALICES_DAY, BOB, DAILY, key_of

if TYPE_CHECKING:
    from sendlimit.store.rows import Row

_BOBS_DAY = key_of(DAILY, BOB.mailbox)


def test_texts_from_outside_are_parameters() -> None:
    """A subject never stands in the statement."""
    packet = FlushPacket(
        Flush("me", 1, 0, 0, 1, additions={ALICES_DAY: 1, _BOBS_DAY: -1}, subjects=[ALICE.mailbox])
    )
    assert "@" not in packet.statement.replace("@@", "")
    assert packet.statement.count("%s") == len(packet.params)
    assert ALICE.mailbox in packet.params


def test_the_latch_and_the_lease_come_first() -> None:
    """Whoever does not hold the lease any more stops there, behind the latch."""
    text = FlushPacket(Flush("me", 1, 0, 0, 1, additions={LATCH: 1, ALICES_DAY: 1})).statement
    latch, lease, committer, counter = (
        text.index(words)
        for words in ("UPDATE er_counter", "UPDATE er_lease", "UPDATE er_committer", "INSERT INTO er_counter")
    )  # fmt: skip
    assert latch < lease < committer < counter


def test_results_are_read_in_the_order_of_what_was_asked() -> None:
    """Additions, read counters, limits, changes, beats; what was not asked for has no result."""
    last: list[list[Row]] = [[(4, "*")], [("me", 2)]]
    assert FlushPacket(Flush("me", 1, 0, 0, 1)).read(last) == (
        {},
        [],
        [ChangeRow(4, "*")],
        {"me": 2},
    )
    full = Flush(
        "me", 1, 0, 0, 1, additions={ALICES_DAY: 1}, read=[_BOBS_DAY], subjects=[ALICE.mailbox]
    )
    read = FlushPacket(full).read([[(7,)], [], [], *last])
    assert read.usage == {ALICES_DAY: 7, _BOBS_DAY: 0}


def test_add_statement() -> None:
    """One row a counter; numbers and words of ours are literals."""
    assert "('mailbox',%s,'messages','day','2026-11-22 00:00:00',3)" in add_statement(
        {ALICES_DAY: 3}
    )
