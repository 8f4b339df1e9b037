"""What the next batch writes without a request: releases, bookings, episodes."""

from sendlimit.counting.pending import PendingWrites
from sendlimit.rules.episode import Episode
from sendlimit.rules.limit import Charge
from support.counting_samples import ALICES_DAY as _KEY
from support.counting_samples import DAILY, NOON, key_of

_OTHER = key_of(DAILY, "bob@example.org")


def _episode(at: int = NOON, attempts: int = 1, client_addr: str = "192.0.2.7") -> Episode:
    return Episode(_KEY, 3, at, at, attempts, client_addr, "a@example.org", "alice@example.org")


def test_charges_that_cancel_out_are_forgotten() -> None:
    """R8: a reservation and its release need no row."""
    pending = PendingWrites()
    pending.add([Charge(_KEY, 1), Charge(_OTHER, 1), Charge(_KEY, -1)])

    assert pending.additions == {_OTHER: 1}


def test_pending_knows_whether_there_is_anything() -> None:
    """Nothing pending makes no batch."""
    assert not PendingWrites()
    assert PendingWrites({_KEY: 1})
    assert PendingWrites(episodes={_KEY: _episode()})
    assert PendingWrites(unbooked={"one"})


def test_episodes_merge() -> None:
    """R13: repeats are one episode with first and last time and the last client."""
    pending = PendingWrites()
    pending.record(_episode(NOON, 2, "192.0.2.7"))
    pending.record(_episode(NOON + 60, 3, "192.0.2.8"))

    episode = pending.episodes[_KEY]
    assert (episode.first_at, episode.last_at) == (NOON, NOON + 60)
    assert (episode.attempts, episode.last_client_addr) == (5, "192.0.2.8")


def test_merge_takes_everything() -> None:
    """What was kept from an outage and what came since are one."""
    pending = PendingWrites({_KEY: 1}, {}, {"one"}, 1)
    pending.merge(PendingWrites({_KEY: 2, _OTHER: 1}, {_KEY: _episode()}, {"two"}, 3))

    assert pending.additions == {_KEY: 3, _OTHER: 1}
    assert (pending.unbooked, pending.bookings) == ({"one", "two"}, 4)
    assert pending.episodes[_KEY].attempts == 1
