"""When a command may say that the daemon has heard of a change."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sendlimit.store import STILL_S, LeaseRow
from sendlimit.store.changes import LOOK_S, PATIENCE_S, HolderWatch

_AT_COMMIT = LeaseRow("a", 10, 6)


def _watch(looks: list[LeaseRow]) -> tuple[float, str | None]:
    """Look at these rows one after the other, the last again and again; return time and verdict."""
    watch = HolderWatch(7, _AT_COMMIT, 0.0)
    now = 0.0
    for _ in range(1000):
        lease = looks.pop(0) if len(looks) > 1 else looks[0]
        verdict = watch.verdict(lease, now)
        if verdict is not None:
            return now, verdict
        now += LOOK_S
    return now, None


@pytest.mark.parametrize(
    "lease",
    [
        pytest.param(LeaseRow("a", 11, 7), id="applied"),
        pytest.param(LeaseRow("a", 11, 9), id="applied with later ones"),
        pytest.param(LeaseRow("", 11, 6), id="let go"),
        pytest.param(LeaseRow("b", 11, 6), id="another's, who began with the change"),
    ],
)
def test_heard(lease: LeaseRow) -> None:
    """No daemon decides by what was before: the command returns at the next look."""
    assert _watch([_AT_COMMIT, lease]) == (LOOK_S, "")


def test_holder_is_dead() -> None:
    """A beat that stands still for 4 s: its lease has ended, and the command says so."""
    now, verdict = _watch([_AT_COMMIT])

    assert STILL_S <= now <= STILL_S + 2 * LOOK_S
    assert verdict is not None
    assert "no sign of life" in verdict


def test_holder_dies_while_waited_for() -> None:
    """A beat in between counts as life; the wait ends after 5 s all the same."""
    now, verdict = _watch([_AT_COMMIT] * 40 + [LeaseRow("a", 11, 6)])

    assert PATIENCE_S <= now <= PATIENCE_S + 2 * LOOK_S
    assert verdict


def test_holder_does_not_apply() -> None:
    """A holder that lives and has not applied the change in 5 s is named."""
    now, verdict = _watch([LeaseRow("a", beat, 6) for beat in range(10, 500)])

    assert PATIENCE_S <= now <= PATIENCE_S + 2 * LOOK_S
    assert verdict is not None
    assert "it lives" in verdict


@given(
    st.lists(
        st.builds(
            LeaseRow, st.sampled_from(["a", "b", ""]), st.integers(10, 13), st.integers(5, 8)
        ),
        min_size=1,
    )
)
def test_never_in_vain(looks: list[LeaseRow]) -> None:
    """Whatever is seen: at most some 5 s, and "heard" only where it is true of the last look."""
    seen = list(looks)
    now, verdict = _watch(looks)

    assert verdict is not None
    assert now <= PATIENCE_S + 2 * LOOK_S
    last = seen[min(round(now / LOOK_S), len(seen) - 1)]
    assert (verdict == "") == (last.seen_change >= 7 or last.holder != "a")
