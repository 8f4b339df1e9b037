"""Rolling windows: which steps count, what is used, and when the next mail passes (R19)."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.decision import Request
from sendlimit.rules.policy import Facts, decide, recipient_beyond
from sendlimit.rules.rolling import (
    charged,
    counts,
    frees_up,
    leaves_at,
    span_now,
    step_keys,
    step_starts,
)
from sendlimit.rules.window import ROLLING_WINDOWS, Window
from support.counting_samples import (
    ALICE,
    BERLIN,
    DAY_START,
    NOON,
    file_rules,
    key_of,
    moment,
    setting,
)

if TYPE_CHECKING:
    from sendlimit.rules.precedence import Rules

ROLLING_DAY = "mailbox.messages_per_rolling_day"
HOUR, DAY = 3600, 86_400


def _facts(*settings: tuple[str, int], usage: dict[tuple[str, int], int] | None = None) -> Facts:
    """Return facts in Berlin; usage by (name, moment) of Alice's counters."""
    rules = file_rules(*[setting("*", name, limit) for name, limit in settings])
    plans = _settings(rules).plans(sorted(rules.names()))
    return Facts(
        plans,
        {key_of(name, ALICE.mailbox, at): used for (name, at), used in (usage or {}).items()},
    )


def _settings(rules: Rules) -> CountingSettings:
    return CountingSettings(rules, BERLIN)


@pytest.mark.parametrize("window", ROLLING_WINDOWS)
def test_a_step_counts_until_its_last_moment_has_left_the_window(window: Window) -> None:
    """As long as any mail of it may be younger than the span; and the next step, for a clock that is ahead."""
    span, step, _ = ROLLING_WINDOWS[window]
    starts = step_starts(window, NOON)
    assert [*starts] == [*range(NOON - span, NOON + step + 1, step)]
    for start in (NOON - span - step, NOON - span):
        youngest = start + step - 1
        assert (start in starts) == (NOON - youngest < span)
        assert (start in starts) == (leaves_at(window, start) > NOON)


def test_what_counts_is_the_sum_of_the_steps() -> None:
    """Steps with nothing are left out, as is what a clock or an edited row made negative."""
    running = key_of(ROLLING_DAY, ALICE.mailbox)
    usage = {
        key_of(ROLLING_DAY, ALICE.mailbox, NOON - 25 * HOUR): 100,
        key_of(ROLLING_DAY, ALICE.mailbox, NOON - 24 * HOUR): 3,
        key_of(ROLLING_DAY, ALICE.mailbox, NOON - HOUR): -1,
        key_of(ROLLING_DAY, ALICE.mailbox, NOON - 2 * HOUR): 0,
        running: 2,
        key_of("mailbox.messages_per_rolling_hour", ALICE.mailbox): 50,
    }
    assert counts(running, usage) == ((NOON - 24 * HOUR, 3), (NOON, 2))
    assert charged(running, usage, 4) == ((NOON - 24 * HOUR, 3), (NOON, 6))
    assert len(step_keys(running)) == 26


@pytest.mark.parametrize(
    ("most", "amount", "hour"),
    [
        (5, 1, 14),
        (4, 1, 14),
        (3, 1, 14),
        (2, 1, 17),
        (5, 3, 14),
        (5, 4, 17),
        (5, 5, 22),
        (5, 50, 22),
        (1, 1, 22),
        (9, 1, 14),
    ],
)
def test_frees_up_when_enough_steps_have_left(most: int, amount: int, hour: int) -> None:
    """Three of 13:00, one of 16:00, one of 21:00: by what the limit is and what is to come."""
    steps = ((DAY_START + 13 * HOUR, 3), (DAY_START + 16 * HOUR, 1), (DAY_START + 21 * HOUR, 1))
    assert frees_up(Window.ROLLING_DAY, steps, most, amount) == DAY_START + DAY + hour * HOUR


def test_nothing_used_frees_nothing_up() -> None:
    """There is no such moment; `show` then names the one at which a mail of now would leave."""
    running = key_of(ROLLING_DAY, ALICE.mailbox)
    assert frees_up(Window.ROLLING_DAY, (), 5, 1) is None
    assert span_now(running, (), 5) == (NOON - DAY, NOON + DAY + HOUR)
    steps = ((NOON - 2 * HOUR, 3), (NOON, 4))
    assert span_now(running, steps, 9) == (NOON - DAY, NOON + DAY - HOUR)
    assert span_now(running, steps, 2) == (NOON - DAY, NOON + DAY + HOUR)
    assert span_now(running, steps, None) == (NOON - DAY, NOON + DAY - HOUR)
    assert span_now(running, steps, 0) == (NOON - DAY, NOON + DAY - HOUR)


def test_no_double_allowance_around_midnight() -> None:
    """100 mails at 23:50: with a limit per day the next passes at 00:00, with this one at 00:00 a day later."""
    evening = moment("2026-11-22 23:50", "Europe/Berlin")
    facts = _facts((ROLLING_DAY, 100), usage={(ROLLING_DAY, evening): 100})
    for minutes in (11, 23 * 60 + 59, 24 * 60 + 9):
        decision = decide(Request(ALICE, evening + minutes * 60), facts)
        assert decision.exceeded is not None
        assert decision.exceeded.resets_at == moment("2026-11-24 00:00", "Europe/Berlin")
    assert not decide(Request(ALICE, moment("2026-11-24 00:00", "Europe/Berlin")), facts).refused


@pytest.mark.parametrize(
    "start", ["2026-10-24 23:30", "2026-10-25 02:30", "2026-03-28 23:30", "2026-02-28 23:30"]
)
def test_clock_changes_and_month_ends_do_not_matter(start: str) -> None:
    """The steps are of UTC: 24 hours are 24 hours."""
    at = moment(start, "Europe/Berlin")
    facts = _facts((ROLLING_DAY, 1), usage={(ROLLING_DAY, at): 1})
    decision = decide(Request(ALICE, at + DAY), facts)
    assert decision.exceeded is not None
    assert decision.exceeded.resets_at == at - at % HOUR + DAY + HOUR
    assert not decide(Request(ALICE, at - at % HOUR + DAY + HOUR), facts).refused


def test_a_limit_of_0_never_frees_up() -> None:
    """Whatever has left the window."""
    facts = _facts((ROLLING_DAY, 0), usage={(ROLLING_DAY, NOON - HOUR): 1})
    decision = decide(Request(ALICE, NOON), facts)
    assert decision.exceeded is not None
    assert decision.exceeded.resets_at is None


def test_a_later_step_counts_as_well() -> None:
    """Another daemon's clock is some seconds ahead: what it has counted is not overlooked."""
    facts = _facts((ROLLING_DAY, 1), usage={(ROLLING_DAY, NOON): 1})
    assert decide(Request(ALICE, NOON - 1), facts).refused


def test_recipients_need_the_room_of_the_whole_mail() -> None:
    """Two of 5 are left: three recipients pass once those of 09:00 have left, four when all have."""
    name = "mailbox.recipients_per_rolling_day"
    usage = {(name, NOON - 3 * HOUR): 1, (name, NOON - HOUR): 2}
    facts = _facts((name, 5), usage=usage)
    at_mail = decide(Request(ALICE, NOON), facts)
    assert at_mail.exceeded is None
    assert recipient_beyond(at_mail.recipient_usage, 2) is None
    for recipients, moved in ((3, -2 * HOUR), (5, 0), (50, 0)):
        beyond = recipient_beyond(at_mail.recipient_usage, recipients)
        at_end = decide(Request(ALICE, NOON, recipients), facts).exceeded
        assert beyond is not None
        assert at_end is not None
        assert beyond.resets_at == at_end.resets_at == NOON + DAY + moved


def test_refusals_are_merged_by_the_calendar() -> None:
    """One episode an hour or a day (R13), not one a step; notices too."""
    names = (ROLLING_DAY, "mailbox.messages_per_rolling_hour")
    facts = _facts((names[0], 1), usage={(names[0], NOON - 3 * HOUR): 1})
    first, later = (decide(Request(ALICE, NOON + s), facts).exceeded for s in (0, 5 * HOUR))
    assert first is not None
    assert later is not None
    assert first.key == later.key
    assert first.key.period_start == moment("2026-11-22 00:00", "Europe/Berlin")
    assert first.period == BERLIN.period(Window.DAY, NOON)
    facts = _facts((names[1], 1), usage={(names[1], NOON): 1})
    one, other = (decide(Request(ALICE, NOON + s), facts).exceeded for s in (120, 3000))
    assert one is not None
    assert other is not None
    assert one.key == other.key
    assert one.key.period_start == NOON


def test_a_charge_goes_to_the_running_step_alone() -> None:
    """It is what is given back, too (R8)."""
    facts = _facts((ROLLING_DAY, 5))
    charges = decide(Request(ALICE, NOON + 1800), facts).charges
    assert charges == ((key_of(ROLLING_DAY, ALICE.mailbox, NOON), 1),)


def test_changes_that_are_told_have_the_steps() -> None:
    """So a notice names the moment at which the next mail passes."""
    facts = _facts((ROLLING_DAY, 3), usage={(ROLLING_DAY, NOON - HOUR): 2})
    (change,) = decide(Request(ALICE, NOON), facts).usage_changes
    assert (change.before, change.after) == (2, 3)
    assert change.steps == ((NOON - HOUR, 2), (NOON, 1))
