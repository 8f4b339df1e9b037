"""The goals of script/bench about what features cost, from made-up rates."""

import pytest
from bench import own
from bench.comparison import Comparison
from bench.footprint import Footprint
from bench.growth import Growth
from bench.load import LoadResult
from bench.outage import Outage
from bench.plan import QUICK
from bench.results import RATES, SENDLIMIT, Goal, Results, goals
from bench.sampling import Sample

# Of three rounds: the second is on a machine of twice the speed, in the third a contender is
# disturbed. So the median of the ratios is another number than the ratio of the medians.
ROUNDS = {
    own.EMPTY: (1000.0, 2000.0, 1000.0),
    own.EMPTY_RCPT: (800.0, 1600.0, 300.0),
    own.ON_MARIADB: (700.0, 1420.0, 100.0),
    own.NOT_EXTERNAL: (680.0, 1200.0, 900.0),
    own.EVERYTHING: (528.0, 1000.0, 900.0),
}
THROUGH_POSTFIX = {
    own.EMPTY: [500.0, 1000.0, 500.0],
    own.ON_MARIADB: [490.0, 960.0, 100.0],
    own.NOT_EXTERNAL: [470.0, 900.0, 490.0],
    own.EVERYTHING: [300.0, 900.0, 400.0],
}
SUSPENSION = "learned limits, shares, rolling windows, suspension, exempt clients and a map cost"
EXTERNAL = "these and a limit on external mail cost"
BESIDE_RCPT = f"{EXTERNAL}, beside an empty daemon that answers RCPT as well"


@pytest.mark.parametrize(
    ("what", "fall", "is_met"),
    [
        pytest.param(SUSPENSION, "0.02", True, id="all but external: 0.70 - 0.68"),
        pytest.param(EXTERNAL, "0.17", False, id="external: 0.70 - 0.528"),
        pytest.param(BESIDE_RCPT, "0.04", True, id="external, beside RCPT answered: 0.70 - 0.66"),
    ],
)
def test_what_a_feature_costs(what: str, fall: str, is_met: bool) -> None:  # noqa: FBT001
    """What features cost is the fall of the median of the rounds' parts of an empty daemon's rate, at each load."""
    expected = Goal(
        text=f"rate, part of the empty daemon's, that {what}: at most 0.05",
        measured=", ".join(f"{fall} at {load}" for load in RATES),
        is_met=is_met,
    )

    assert expected in goals(results())


@pytest.mark.parametrize(
    ("what", "fall", "is_met"),
    [
        pytest.param(SUSPENSION, "0.02", True, id="all but external: 0.96 - 0.94"),
        pytest.param(EXTERNAL, "0.16", False, id="external: 0.96 - 0.80"),
    ],
)
def test_what_a_feature_costs_through_postfix(what: str, fall: str, is_met: bool) -> None:  # noqa: FBT001
    """The same of the messages a second that a real Postfix takes, with each way of connecting."""
    expected = Goal(
        text=f"through Postfix, part of the empty daemon's messages/s, that {what}: at most 0.05",
        measured=f"{fall} at a connection each, {fall} at connections kept",
        is_met=is_met,
    )

    assert expected in goals(results())


def test_order() -> None:
    """What external mail costs beside an empty daemon that answers RCPT follows what it costs beside the other."""
    texts = [goal.text for goal in goals(results())]
    costs = [text for text in texts if text.startswith("rate") and " cost" in text]

    assert texts[1:4] == costs
    assert [EXTERNAL in text for text in costs] == [False, True, True]
    assert [BESIDE_RCPT in text for text in costs] == [False, False, True]


def results() -> Results:
    """Return results with ROUNDS at each load, and 1 or nothing of what else goals need."""
    samples = {name: [sample(rate) for rate in rates] for name, rates in ROUNDS.items()}
    comparison = Comparison(
        per_message={(name, n): samples[name] for name in samples for n in QUICK.connections},
        several_mails=samples,
        kept={(name, n): samples[name] for name in samples for n in QUICK.kept},
        passed={SENDLIMIT: [1000]},
    )
    return Results(
        plan=QUICK,
        machine=[],
        contenders=list(samples),
        comparison=comparison,
        end_to_end={
            (name, kept): rates for name, rates in THROUGH_POSTFIX.items() for kept in (False, True)
        },
        growth=Growth(
            by_mailboxes=dict.fromkeys(QUICK.mailboxes, samples[SENDLIMIT]),
            by_days={},
            rows=0,
            start_s={},
            resident_bytes=dict.fromkeys(QUICK.mailboxes, 1),
        ),
        sessions={(SENDLIMIT, QUICK.sessions[-1]): Footprint(1, 1, 1)},
        outage=Outage([], [], {}),
        minutes=1,
    )


def sample(rate: float) -> Sample:
    """Return a run of one second at this rate."""
    load = LoadResult(
        decisions=int(rate),
        accepted=int(rate),
        refused=0,
        errors=0,
        unfinished=0,
        elapsed_s=1,
        decisions_per_s=rate,
        p50_us=1,
        p99_us=1,
        max_us=1,
        endings={},
    )
    return Sample(load, daemon_us=1, store_us=1, others=0)
