"""What is asked about a mail, and what is decided: rules R3, R6 and R9."""

import pytest

from sendlimit.rules.decision import Decision, Request
from sendlimit.rules.limit import Unit
from support.counting_samples import ALICE, NOON


@pytest.mark.parametrize(
    ("recipients", "external", "amounts"),
    [
        pytest.param(0, 0, (1, 0, 0, 0), id="MAIL"),
        pytest.param(3, 0, (0, 3, 0, 0), id="end of a local mail"),
        pytest.param(3, 2, (0, 3, 1, 2), id="end of an external mail"),
    ],
)
def test_what_a_request_charges(
    recipients: int, external: int, amounts: tuple[int, int, int, int]
) -> None:
    """R3, R9, R18: MAIL a message, the end of the mail its recipients; external once if any is, and those that are."""
    request = Request(ALICE, NOON, recipients, external=external)

    assert tuple(request.amount(unit) for unit in Unit) == amounts


def test_decision_charges_nothing_unless_it_says_so() -> None:
    """R6: a decision that names nothing charges nothing, refuses nothing and tells nothing."""
    decision = Decision()

    assert not decision.charges
    assert not decision.refused
    assert not decision.usage_changes
