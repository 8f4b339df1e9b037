"""Which notices follow from what happens, each once, and what they say."""

import pytest

from sendlimit.config.notify import NotifyTexts
from sendlimit.notify.notices import (
    OUTAGES_APART_S,
    QUIET_S,
    Crossing,
    Event,
    Memory,
    Notice,
    Outages,
    crossings,
    reached,
)
from sendlimit.notify.texts import admin_letter, owner_letter, sentence
from sendlimit.rules.decision import LimitUsage, UsageChange
from sendlimit.rules.mailbox import Sender
from support.counting_samples import ALICE, BERLIN, NOON, hit_of, moment

_DAY = "mailbox.messages_per_day"
_RECIPIENTS = "mailbox.recipients_per_day"
_MINUTE = "mailbox.messages_per_minute"


def _mark(limit: int, before: int, after: int) -> UsageChange:
    hit = hit_of(_DAY, limit, after)
    return UsageChange(hit.limit, hit.key, before, after, hit.period)


def _reached(name: str = _DAY, limit: int = 100, at: int = NOON) -> Crossing:
    return Crossing(Event.LIMIT_REACHED, hit_of(name, limit, limit, at=at))


def _warning(limit: int = 100) -> Crossing:
    return Crossing(Event.WARNING, hit_of(_DAY, limit, limit * 8 // 10))


def _notice(
    event: Event, hit: LimitUsage | None = None, sender: Sender = ALICE, **facts: object
) -> Notice:
    return Notice("1f", event, NOON, sender=sender if hit else None, exceeded=hit, **facts)  # type: ignore[arg-type]


class TestCrossings:
    """From counters to thresholds."""

    @pytest.mark.parametrize(
        ("limit", "before", "after", "percent", "expected"),
        [
            pytest.param(100, 78, 79, 80, None, id="below"),
            pytest.param(100, 79, 80, 80, Event.WARNING, id="exactly the threshold"),
            pytest.param(100, 70, 90, 80, Event.WARNING, id="several recipients at once"),
            pytest.param(100, 80, 81, 80, None, id="was passed before"),
            pytest.param(100, 99, 100, 80, Event.LIMIT_REACHED, id="the last one"),
            pytest.param(100, 50, 100, 80, Event.LIMIT_REACHED, id="both at once: only the limit"),
            pytest.param(100, 100, 101, 80, None, id="beyond, in observe mode"),
            pytest.param(3, 2, 3, 80, Event.LIMIT_REACHED, id="3 of 3"),
            pytest.param(3, 1, 2, 80, None, id="2 of 3 are 67 percent"),
            pytest.param(1, 0, 1, 80, Event.LIMIT_REACHED, id="1 of 1"),
            pytest.param(0, 0, 1, 80, None, id="limit 0 is refused, not passed"),
            pytest.param(100, 99, 100, 100, Event.LIMIT_REACHED, id="100 percent: no warning"),
            pytest.param(100, 0, 1, 1, Event.WARNING, id="1 percent"),
        ],
    )
    def test_threshold(
        self, limit: int, before: int, after: int, percent: int, expected: Event | None
    ) -> None:
        """A threshold is told by the mail that takes the counter to it or over it."""
        found = list(crossings([_mark(limit, before, after)], percent))

        assert [crossing.event for crossing in found] == ([expected] if expected else [])
        assert all(crossing.exceeded.used == after for crossing in found)

    def test_each_limit_by_itself(self) -> None:
        """One mail can pass the thresholds of several limits."""
        found = list(crossings([_mark(10, 7, 8), _mark(8, 7, 8)], 80))

        assert [crossing.event for crossing in found] == [Event.WARNING, Event.LIMIT_REACHED]

    @pytest.mark.parametrize(
        ("hit", "is_told"),
        [
            pytest.param(hit_of(_DAY, 100, 100), True, id="used up"),
            pytest.param(hit_of(_DAY, 100, 120), True, id="was lowered"),
            pytest.param(hit_of(_DAY, 0, 0), True, id="nothing may be sent"),
            pytest.param(hit_of(_RECIPIENTS, 100, 95), False, id="room for fewer recipients"),
            pytest.param(hit_of("mailbox.recipients_per_message", 0, 0), False, id="one mail"),
        ],
    )
    def test_refusal(self, hit: LimitUsage, is_told: bool) -> None:  # noqa: FBT001 - a table
        """A refusal tells that the limit is reached, unless only this one mail was too large."""
        assert reached(hit) == (Crossing(Event.LIMIT_REACHED, hit) if is_told else None)


class TestMemory:
    """Once for each mailbox, limit and period."""

    @staticmethod
    def _told(crossing: Crossing, at: int = NOON) -> Memory:
        memory = Memory()
        assert memory.is_news(crossing, at)
        memory.keep(crossing, at)
        return memory

    def test_once(self) -> None:
        """What was told is no news in the same period, and is in the next."""
        memory = self._told(_reached())
        tomorrow = moment("2026-11-23 00:00")

        assert not memory.is_news(_reached(), NOON)
        assert not memory.is_news(_reached(), tomorrow - 1)
        assert memory.is_news(_reached(at=tomorrow), tomorrow)

    def test_limit_after_warning(self) -> None:
        """The limit is news after its warning; a warning is none after the limit."""
        memory = self._told(_warning())

        assert memory.is_news(_reached(), NOON)
        memory.keep(_reached(), NOON)
        assert not memory.is_news(_warning(), NOON)

    def test_changed_limit(self) -> None:
        """A boost is another limit: it is told when that is reached too."""
        assert self._told(_reached(limit=100)).is_news(_reached(limit=200), NOON)

    def test_minute(self) -> None:
        """A limit per minute is told about once an hour, not every minute."""
        memory = self._told(_reached(_MINUTE))

        assert not memory.is_news(_reached(_MINUTE, at=NOON + 60), NOON + 60)
        assert memory.is_news(_reached(_MINUTE, at=NOON + QUIET_S), NOON + QUIET_S)

    def test_forgets(self) -> None:
        """What is over is forgotten, so memory does not grow from day to day."""
        memory = Memory()
        for number in range(5000):
            at = NOON + number * 86400
            hit = hit_of(_DAY, 3, 3, Sender(f"m{number}@example.org", "example.org"), at)
            memory.keep(Crossing(Event.WARNING, hit), at)

        assert len(memory._told) <= 1000


class TestOutages:
    """The database's comings and goings."""

    def test_down_and_back(self) -> None:
        """An outage is told at once, and its end."""
        outages = Outages()

        assert outages.began("gone", NOON) == "gone"
        assert outages.due(NOON + 1000) is None
        assert outages.ended()
        assert not outages.ended()

    def test_flapping(self) -> None:
        """A second outage soon after is told only when it lasts, and its end only then."""
        outages = Outages()
        outages.began("gone", NOON)
        outages.ended()

        assert outages.began("again", NOON + 10) is None
        assert not outages.ended()
        assert outages.began("third", NOON + 20) is None
        assert outages.due(NOON + OUTAGES_APART_S - 1) is None
        assert outages.due(NOON + OUTAGES_APART_S) == "third"
        assert outages.ended()


class TestTexts:
    """The words."""

    @pytest.mark.parametrize(
        ("notice", "expected"),
        [
            (
                _notice(Event.WARNING, hit_of(_DAY, 100, 80)),
                "alice@example.org is close to the mailbox limit: 80 of 100 messages per day",
            ),
            (
                _notice(Event.LIMIT_REACHED, hit_of("global.messages_per_day", 9, 9), observe=True),
                "alice@example.org has reached the server limit: 9 of 9 messages per day (observe mode)",
            ),
            (_notice(Event.STORE_DOWN, error="gone"), "The database is away: sending limits do not hold"),
            (
                _notice(Event.STORE_BACK, bookings=7),
                "The database is back, mails accepted without it and counted now: 7",
            ),
        ],
    )  # fmt: skip
    def test_sentence(self, notice: Notice, expected: str) -> None:
        """Each event is a sentence that makes sense alone."""
        assert sentence(notice, BERLIN) == expected

    def test_owner(self) -> None:
        """The owner learns how much is used, when it frees up, and what else it may mean."""
        hit = hit_of(_DAY, 100, 80)
        letter = owner_letter(_notice(Event.WARNING, hit), NotifyTexts(), BERLIN)

        assert letter.subject == "You are close to your sending limit"
        assert "80 of 100 messages that alice@example.org may send this day" in letter.body
        assert "2026-11-23 01:00 CET" in letter.body
        assert "change it now" in letter.body

    def test_admin(self) -> None:
        """Admins learn which limit of whom, and on which host."""
        hit = hit_of("domain.messages_per_day", 100, 100)
        letter = admin_letter(_notice(Event.LIMIT_REACHED, hit), NotifyTexts(), BERLIN, "mx1")

        assert letter.subject == (
            "sendlimit: alice@example.org has reached the domain limit of 100 messages per day"
        )
        assert "'sendlimit show alice@example.org'" in letter.body
        assert letter.body.endswith("-- \nsendlimit on mx1, 2026-11-22 13:00:00 CET\n")

    def test_admin_in_observe_mode(self) -> None:
        """In observe mode the mail to admins says that nothing is refused."""
        notice = _notice(Event.LIMIT_REACHED, hit_of(_DAY, 1, 1), observe=True)

        assert "nothing is refused" in admin_letter(notice, NotifyTexts(), BERLIN, "mx1").body

    def test_store(self) -> None:
        """The mails about the database name the error and the number of mails."""
        texts = NotifyTexts()
        down = admin_letter(_notice(Event.STORE_DOWN, error="no route"), texts, BERLIN, "mx1")
        back = admin_letter(_notice(Event.STORE_BACK, bookings=7), texts, BERLIN, "mx1")

        assert down.subject == "sendlimit: The database is away: sending limits do not hold"
        assert down.body.startswith("no route\n")
        assert "Mails accepted meanwhile: 7" in back.body

    def test_odd_login(self) -> None:
        """A login with a line break can't add a header or a line."""
        sender = Sender("a\r\nBcc: x@example.net\r\n\r\n@example.org", "example.org")
        notice = _notice(Event.LIMIT_REACHED, hit_of(_DAY, 1, 1, sender), sender)
        letter = admin_letter(notice, NotifyTexts(), BERLIN, "mx1")

        assert letter.subject.splitlines() == [letter.subject]
        assert "\nBcc" not in letter.body
