"""Every error of the API has one form."""

import json

import pytest

from sendlimit.web.errors import STATUS, WebError, invalid, of_validation


@pytest.mark.parametrize("code", STATUS)
def test_form(code: str) -> None:
    """A code has its status; the field is there only where one is meant; nothing is cached."""
    response = WebError(code, "why").response()
    assert response.status_code == STATUS[code]
    assert json.loads(bytes(response.body)) == {"error": {"code": code, "message": "why"}}
    assert response.headers["cache-control"] == "no-store"
    assert ("www-authenticate" in response.headers) is (code == "unauthorized")


def test_field_and_time() -> None:
    """A field is named, and when to try again."""
    error = WebError("busy", "why", "max", 7)
    assert json.loads(bytes(error.response().body))["error"]["field"] == "max"
    assert error.response().headers["retry-after"] == "7"


def test_invalid() -> None:
    """A refused value names its field."""
    with pytest.raises(WebError, match="until: is in the past") as raised:
        invalid("until", "is in the past")
    assert (raised.value.status, raised.value.field) == (422, "until")


def test_of_validation() -> None:
    """The first problem of a model is told without the value that was sent."""
    problem = {
        "type": "int_type",
        "loc": ("body", "max"),
        "msg": "Input should be a valid integer",
        "input": "secret",
    }
    error = of_validation([problem])
    assert (error.field, error.message) == ("max", "max: must be a valid integer")
    assert of_validation([{"type": "json_invalid", "loc": ("body", 3), "msg": ""}]).status == 400
