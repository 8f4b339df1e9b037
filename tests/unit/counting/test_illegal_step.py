"""The state machines have one error for a step that is not allowed."""

import pytest

from sendlimit.counting.illegal_step import IllegalStepError
from sendlimit.counting.in_flight import STEPS, BatchState, InFlight
from sendlimit.counting.lease import Lease


def test_one_error_for_all_tables() -> None:
    """It says from which state, and what was tried."""
    with pytest.raises(IllegalStepError, match="batch 7: built -> committed"):
        InFlight(7, STEPS).step(BatchState.COMMITTED)
    with pytest.raises(IllegalStepError, match="lost in state away"):
        Lease("me").lost()
