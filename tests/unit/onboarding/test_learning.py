"""Learning the limits of all subjects from the tables (R15)."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.onboarding.learning import LearnedLimit, learn_limits, names_to_learn, write_learned
from sendlimit.rules.episode import Episode
from sendlimit.rules.learning import LearnRule
from sendlimit.rules.limit import CounterKey, Scope, Setting, Unit
from sendlimit.rules.precedence import Rules
from sendlimit.rules.window import DAY_S, Window
from sendlimit.store.changes import Author, recorded_changes
from sendlimit.store.connection import Connection
from sendlimit.store.learned import learned_of, learned_overrides
from support.counting_samples import ALICE, BOB, NOON, UTC, file_rules, named, setting
from support.real_stores import insert_counter, insert_episode, open_tables

_A_DAY = named("mailbox.messages_per_day")
_RULE = LearnRule(200, 50, 1000)
_LEARNED = Setting("*", _A_DAY, _RULE.at_least, learn=_RULE)
_ROOT = Author("root", "command", NOON)


@pytest.fixture
def tables(tmp_path: Path) -> Iterator[Connection]:
    """Empty tables."""
    connection = open_tables(f"sqlite:///{tmp_path}/sendlimit.db")
    yield connection
    connection.close()


def key(days_ago: int, subject: str = ALICE.mailbox, scope: Scope = Scope.MAILBOX) -> CounterKey:
    """Return the key of the messages of a day before today."""
    start = UTC.period(Window.DAY, NOON - days_ago * DAY_S).start
    return CounterKey(scope, subject, Unit.MESSAGES, Window.DAY, start)


def refuse(tables: Connection, where: CounterKey, first: int, last: int, mailbox: str) -> None:
    """Put refusals into the tables; moments in days before now."""
    moments = (NOON - first * DAY_S, NOON - last * DAY_S)
    insert_episode(tables, Episode(where, 100, *moments, 3, "192.0.2.7", "", mailbox))


def learned(tables: Connection, rules: Rules, at: int = NOON) -> dict[str, int | None]:
    """Learn and write; return the limits by subject."""
    found = learn_limits(tables, rules, UTC, at)
    for _ in write_learned(tables, found, _ROOT):
        pass
    return {one.subject: one.learned.max if one.learned else None for one in found}


def test_each_has_its_own(tables: Connection) -> None:
    """R15: two times the greatest of the last 35 days; today and earlier days do not count."""
    for days_ago, used in ((1, 30), (35, 80), (36, 400), (0, 900)):
        insert_counter(tables, key(days_ago), used)
    insert_counter(tables, key(2, BOB.mailbox), 7)

    assert learned(tables, file_rules(_LEARNED)) == {ALICE.mailbox: 160, BOB.mailbox: 50}
    (row,) = learned_overrides(tables, [ALICE.mailbox])
    assert row.setting.learned_from == key(35).period_start
    assert (row.reason, row.set_by) == ("2 times 80, from 50 to 1000", "root")


def test_only_what_has_changed_is_written(tables: Connection) -> None:
    """R15: a second time nothing is changed; after 35 days without mail the limit goes."""
    insert_counter(tables, key(1), 30)
    rules = file_rules(_LEARNED)
    learned(tables, rules)
    (before,) = recorded_changes(tables, 0)
    assert (before.change.what, before.change.subject) == ("learn", ALICE.mailbox)

    assert not any(one.is_changed for one in learn_limits(tables, rules, UTC, NOON + DAY_S))
    assert learned(tables, rules, NOON + 40 * DAY_S) == {ALICE.mailbox: None}
    assert learned_overrides(tables) == []
    assert len(recorded_changes(tables, 0)) == 2


@pytest.mark.parametrize(
    ("where", "mailbox"),
    [
        (key(3), ALICE.mailbox),
        (key(3)._replace(window=Window.MESSAGE, unit=Unit.RECIPIENTS), ALICE.mailbox),
        (key(3, "*", Scope.GLOBAL), ALICE.mailbox),
    ],
)
def test_a_refused_day(tables: Connection, where: CounterKey, mailbox: str) -> None:
    """R15: a day on which any mail of the mailbox was refused, by whichever limit, is left out."""
    insert_counter(tables, key(3), 300)
    insert_counter(tables, key(2), 60)
    refuse(tables, where, 3, 3, mailbox)

    assert learned(tables, file_rules(_LEARNED)) == {ALICE.mailbox: 120}


def test_refusals_of_several_days(tables: Connection) -> None:
    """R15: refusals by a limit per month leave out each day from the first to the last."""
    for days_ago in (5, 4, 3, 2):
        insert_counter(tables, key(days_ago), 100 * days_ago)
    refuse(tables, key(9)._replace(window=Window.MONTH), 4, 3, ALICE.mailbox)
    refuse(tables, key(5, BOB.mailbox), 5, 5, BOB.mailbox)

    assert learned(tables, file_rules(_LEARNED)) == {ALICE.mailbox: 1000}
    refuse(tables, key(5), 5, 5, ALICE.mailbox)
    assert learned(tables, file_rules(_LEARNED)) == {ALICE.mailbox: 400}


def test_only_where_it_is_wanted(tables: Connection) -> None:
    """R15: whoever has a limit of another kind, in file or database, learns none, and loses what was learned."""
    for sender in (ALICE, BOB):
        insert_counter(tables, key(1, sender.mailbox), 30)
    learned(tables, file_rules(_LEARNED))
    rules = file_rules(_LEARNED, setting(ALICE.mailbox, str(_A_DAY), 500))
    assert learned(tables, rules) == {BOB.mailbox: 60, ALICE.mailbox: None}
    assert learned(tables, rules.with_rows([setting("*", str(_A_DAY), 9)])) == {BOB.mailbox: None}
    assert learned_overrides(tables) == []


def test_domains_and_rules_of_their_own(tables: Connection) -> None:
    """R15: domains learn as pools; a domain can have another rule for its mailboxes."""
    domain_a_day = named("domain.messages_per_day")
    insert_counter(tables, key(1), 30)
    insert_counter(tables, key(1, "example.org", Scope.DOMAIN), 500)
    own = LearnRule(300, 1, 2000)
    rules = file_rules(
        _LEARNED,
        Setting("example.org", _A_DAY, 1, learn=own),
        Setting("*", domain_a_day, 1, learn=own),
    )

    assert names_to_learn(rules) == [domain_a_day, _A_DAY]
    assert learned(tables, rules) == {"example.org": 1500, ALICE.mailbox: 90}
    assert [*learned_of(tables, domain_a_day)] == ["example.org"]


def test_many(tables: Connection, monkeypatch: pytest.MonkeyPatch) -> None:
    """However many rows are read at once, each subject is learned with all of its days."""
    for number in range(25):
        for days_ago in range(1, 1 + number % 4):
            insert_counter(tables, key(days_ago, f"m{number:02}@example.org"), 100 * days_ago)
    expected = learned(tables, file_rules(_LEARNED))
    assert len(expected) == 18
    for chunk in (1, 2, 3, 7):
        monkeypatch.setattr("sendlimit.store.learned._COUNTS_MAX", max(chunk, 3) + 1)
        assert learned(tables, file_rules(_LEARNED)) == expected


def test_nothing_to_learn(tables: Connection) -> None:
    """Without such a limit nothing is read or written."""
    insert_counter(tables, key(1), 30)
    assert learn_limits(tables, file_rules(), UTC, NOON) == []


def test_unchanged() -> None:
    """A limit is changed when its value is another one."""
    assert not LearnedLimit(_A_DAY, "a", None, None, "").is_changed
