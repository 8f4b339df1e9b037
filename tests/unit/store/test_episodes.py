"""Episodes of refusals in the tables: rule R13."""

import pytest

from sendlimit.rules.episode import Episode
from sendlimit.rules.limit import MESSAGES_PER_DAY, Scope
from sendlimit.store.connection import Connection
from sendlimit.store.episodes import (
    EpisodePage,
    episodes_of,
    episodes_page,
    episodes_since,
    last_episodes,
    own_episodes,
    remove_old,
)
from support.command_samples import ALICE, NOW, day, episode
from support.real_stores import insert_episode

BOB = "bob@example.org"
_DAY_S = 24 * 3600


def _keep(tables: Connection, *episodes: Episode) -> None:
    for one in episodes:
        insert_episode(tables, one)


def test_episodes_come_back_as_they_were(tables: Connection) -> None:
    """Each part of an episode is read as it was written, the last attempt first."""
    earlier = episode(day(ALICE), last_at=NOW - 90)
    later = episode(day("*", Scope.GLOBAL), last_at=NOW - 30, mailbox=BOB)
    _keep(tables, earlier, later)

    assert episodes_since(tables, NOW - 90) == [later, earlier]
    assert episodes_since(tables, NOW - 89) == [later]


def test_episodes_of_a_mailbox(tables: Connection) -> None:
    """A mailbox's are those of its own counters, and those in which it was refused last."""
    own = episode(day(ALICE), last_at=NOW - 10)
    of_the_server = episode(day("*", Scope.GLOBAL), last_at=NOW - 20, mailbox=ALICE)
    others = episode(day(BOB), last_at=NOW - 30, mailbox=BOB)
    _keep(tables, own, of_the_server, others)

    assert episodes_since(tables, 0, ALICE) == [own, of_the_server]


def test_episodes_of_a_subject(tables: Connection) -> None:
    """A wider limit's episode is a mailbox's while it was refused last; a domain and the server have their own."""
    own = episode(day(ALICE), last_at=NOW - 10)
    of_domain = episode(day("example.org", Scope.DOMAIN), last_at=NOW - 20, mailbox=ALICE)
    of_server = episode(day("*", Scope.GLOBAL), last_at=NOW - 30, mailbox=BOB)
    # A login that is written as the domain is.
    same_name = episode(day("example.org"), last_at=NOW - 40, mailbox="example.org")
    _keep(tables, own, of_domain, of_server, same_name)
    page = EpisodePage(0, NOW, 0, 10)

    assert episodes_page(tables, page) == [own, of_domain, of_server, same_name]
    assert episodes_of(tables, page, Scope.MAILBOX, ALICE) == [own, of_domain]
    assert episodes_of(tables, page, Scope.MAILBOX, BOB) == [of_server]
    assert episodes_of(tables, page, Scope.DOMAIN, "example.org") == [of_domain]
    assert episodes_of(tables, page, Scope.GLOBAL, "*") == [of_server]
    assert own_episodes(tables, page, Scope.MAILBOX, BOB) == []


def test_last_episode_of_a_counter(tables: Connection) -> None:
    """Of several periods the last one's episode is returned; a limit without one is left out."""
    today = episode(day(ALICE))
    _keep(tables, episode(day(ALICE, moment=NOW - _DAY_S), last_at=NOW - _DAY_S), today)
    of_mailbox = MESSAGES_PER_DAY[2]
    asked = [(Scope.GLOBAL, "*"), (Scope.MAILBOX, ALICE)]

    assert last_episodes(tables, asked) == {of_mailbox: today}


@pytest.mark.parametrize("number", [0, 1, 450])
def test_old_episodes_are_removed(tables: Connection, number: int) -> None:
    """What ended before a moment goes, in steps that are reported; what is newer stays."""
    kept = episode(day(ALICE), last_at=NOW)
    _keep(tables, kept, *(episode(day(f"m{n}"), last_at=NOW - 1) for n in range(number)))
    steps: list[int] = []

    assert remove_old(tables, NOW, steps.append) == number
    assert [*steps[-1:]] == [number][: len(steps)]
    assert steps == sorted(set(steps))
    assert episodes_since(tables, 0) == [kept]
