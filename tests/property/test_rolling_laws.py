"""No stretch of time of a rolling window's length ever has more than the limit (R19).

What the rules decide by steps is compared with a plain list of moments.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.decision import Request
from sendlimit.rules.policy import decide
from sendlimit.rules.window import ROLLING_WINDOWS, Calendar, Window
from support.counting_samples import ALICE, file_rules, moment, named, setting

if TYPE_CHECKING:
    from sendlimit.rules.limit import CounterKey

_LIMIT = 4
_ZONES = st.sampled_from(["UTC", "Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"])
_BEGINNINGS = st.sampled_from(
    [moment(text) for text in ("2026-10-24 20:00", "2026-03-28 20:00", "2026-12-31 12:00")]
)


def _gaps(window: Window) -> st.SearchStrategy[list[int]]:
    """Return pauses between mails: within a step, near its edges, near the span."""
    span, step, _ = ROLLING_WINDOWS[window]
    near = [0, 1, step - 1, step, step + 1, span - step, span - 1, span, span + step]
    pause = st.one_of(st.sampled_from(near), st.integers(0, 2 * step), st.integers(0, span))
    return st.lists(pause, min_size=1, max_size=40)


@pytest.mark.parametrize("window", ROLLING_WINDOWS)
@given(data=st.data())
def test_never_more_than_the_limit(window: Window, data: st.DataObject) -> None:
    """Each mail that passes leaves every window within the limit; each refusal names the right moment."""
    span, step, _ = ROLLING_WINDOWS[window]
    name = f"mailbox.messages_per_{window}"
    calendar = Calendar(ZoneInfo(data.draw(_ZONES)))
    settings = CountingSettings(file_rules(setting("*", name, _LIMIT)), calendar)
    plans = settings.plans([named(name)])
    usage: Counter[CounterKey] = Counter()
    sent: list[int] = []
    at = data.draw(_BEGINNINGS)
    for gap in data.draw(_gaps(window)):
        at += gap
        decision = decide(Request(ALICE, at), settings.facts(plans, usage))
        recent = sum(1 for moment_ in sent if at - moment_ < span)
        if decision.refused:
            assert decision.exceeded is not None
            resets_at = decision.exceeded.resets_at
            assert resets_at is not None
            facts = settings.facts(plans, usage)
            assert at < resets_at
            assert decide(Request(ALICE, resets_at - 1), facts).refused
            assert not decide(Request(ALICE, resets_at), facts).refused
            # Only a mail of the last step may be held against it longer than the span.
            assert sum(1 for moment_ in sent if at - moment_ < span + step) >= _LIMIT
            continue
        assert recent < _LIMIT
        for key, amount in decision.charges:
            usage[key] += amount
        sent.append(at)
        if data.draw(st.integers(0, 3)) == 0:
            for key, amount in decision.charges:
                usage[key] -= amount
            sent.pop()
    for moment_ in sent:
        assert sum(1 for other in sent if 0 <= other - moment_ < span) <= _LIMIT
