"""What the config file says about counting, and what of it the database's views need."""

from itertools import pairwise

import pytest

from sendlimit.rules.counting_settings import CountingSettings
from sendlimit.rules.decision import Request
from sendlimit.rules.limit import counted_names
from sendlimit.rules.policy import decide
from support.counting_samples import (
    ALICE,
    ALICES_DAY,
    BERLIN,
    LIMIT_OF_3,
    NOON,
    UTC,
    file_rules,
    moment,
)


@pytest.mark.parametrize("observe", [False, True])
def test_observe_reaches_the_decision(*, observe: bool) -> None:
    """R12: the file's mode decides whether a mail over its limit is refused."""
    settings = CountingSettings(file_rules(LIMIT_OF_3), UTC, observe)
    plans = settings.plans(counted_names(settings.file.names()))
    decision = decide(Request(ALICE, NOON), settings.facts(plans, {ALICES_DAY: 3}))

    assert decision.exceeded is not None
    assert decision.refused is not observe


@pytest.mark.parametrize(("percent", "changes"), [(None, 0), (50, 1), (80, 0)])
def test_warnings_begin_at_a_percentage(percent: int | None, changes: int) -> None:
    """A counter's change is told from the percentage on that the file names."""
    settings = CountingSettings(file_rules(LIMIT_OF_3), UTC, warn_at_percent=percent)
    plans = settings.plans(counted_names(settings.file.names()))
    decision = decide(Request(ALICE, NOON), settings.facts(plans, {ALICES_DAY: 1}))

    assert len(decision.usage_changes) == changes


def test_publication() -> None:
    """R5: the views are told the file's limits and a week of days, also over a change of clocks."""
    at = moment("2026-10-24 12:00", "Europe/Berlin")
    publication = CountingSettings(file_rules(LIMIT_OF_3), BERLIN).publication(at)

    assert publication.settings == (LIMIT_OF_3,)
    assert [(end - start) // 3600 for start, end in publication.days] == [24, 25, *[24] * 6]
    assert publication.days[0][0] == moment("2026-10-24 00:00", "Europe/Berlin")
    assert all(day[1] == following[0] for day, following in pairwise(publication.days))
