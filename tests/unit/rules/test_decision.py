"""What is asked about a mail, and what is decided: rules R3, R6 and R9."""

import pytest

from sendlimit.rules.decision import Decision, Request
from sendlimit.rules.limit import Unit
from support.counting_samples import ALICE, NOON


@pytest.mark.parametrize(("recipients", "unit"), [(0, Unit.MESSAGES), (1, Unit.RECIPIENTS)])
def test_unit_of_a_request(recipients: int, unit: Unit) -> None:
    """R3, R9: MAIL asks for a message, the end of the mail for its recipients."""
    assert Request(ALICE, NOON, recipients).unit is unit


def test_decision_charges_nothing_unless_it_says_so() -> None:
    """R6: a decision that names nothing charges nothing, refuses nothing and tells nothing."""
    decision = Decision()

    assert not decision.charges
    assert not decision.refused
    assert not decision.usage_changes
