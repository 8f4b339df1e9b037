"""The bodies of requests to /v1."""

import pytest
from pydantic import ValidationError

from sendlimit.web.api.bodies import LimitIn, UnsetIn, seconds
from support.counting_samples import NOON


def test_moment() -> None:
    """A moment has an offset and is kept as written."""
    assert seconds("2026-11-22T12:00:00Z") == seconds("2026-11-22T13:00:00+01:00") == NOON


def test_absent_and_null() -> None:
    """That if_set_at is null says something else than that it is absent."""
    assert "if_set_at" not in LimitIn(max=1).model_fields_set
    assert "if_set_at" in LimitIn(max=1, if_set_at=None).model_fields_set


def test_kind() -> None:
    """A kind is one of two."""
    with pytest.raises(ValidationError):
        UnsetIn.model_validate({"limit": "mailbox.messages_per_day", "kind": "override"})
