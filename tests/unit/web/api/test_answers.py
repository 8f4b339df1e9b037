"""The answers of /v1."""

from typing import Any

from sendlimit.web.api.answers import ChangeOut

_ROW = {"id": 1, "at": None, "who": "", "origin": "page", "what": "x", "subject": "*"}


def _after(value: object) -> Any:  # noqa: ANN401 - JSON
    return ChangeOut.model_validate({**_ROW, "before": None, "after": value}).after


def test_moments_of_changes() -> None:
    """Moments end in Z at any depth; a text that only looks like one is as it was."""
    moment = "2026-11-22T12:00:00+00:00"
    assert _after({"until": moment, "reason": moment, "max": 5}) == {
        "until": "2026-11-22T12:00:00Z",
        "reason": moment,
        "max": 5,
    }
    assert _after({"limits": [{"set_at": moment}]}) == {"limits": [{"set_at": moment[:-6] + "Z"}]}
    assert _after(moment) == moment
    assert _after(None) is None
