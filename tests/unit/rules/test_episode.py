"""Refusals of one counter in one period become one episode: rule R13."""

from sendlimit.rules.episode import Episode
from support.counting_samples import ALICES_DAY, NOON


def _episode(at: int, limit: int, client_addr: str) -> Episode:
    return Episode(ALICES_DAY, limit, at, at, 1, client_addr, "me@example.org", "alice@example.org")


def test_later_refusals_are_merged() -> None:
    """R13: first and last moment span all attempts; limit and client are those of the last one."""
    episode = _episode(NOON, 3, "192.0.2.7")
    episode.merge(_episode(NOON + 9, 4, "192.0.2.8"))
    episode.merge(_episode(NOON + 5, 5, "192.0.2.9"))

    assert (episode.first_at, episode.last_at, episode.attempts) == (NOON, NOON + 9, 3)
    assert (episode.limit, episode.last_client_addr) == (5, "192.0.2.9")
    assert episode.key == ALICES_DAY
