"""The one form of every error of the API: {"error": {"code", "message", "field"?}}."""

from __future__ import annotations

from typing import TYPE_CHECKING, NoReturn

from fastapi.responses import JSONResponse

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

STATUS = {
    "bad_request": 400,
    "unauthorized": 401,
    "forbidden": 403,
    "not_found": 404,
    "no_such_override": 404,
    "method_not_allowed": 405,
    "changed_meanwhile": 409,
    "too_large": 413,
    "invalid": 422,
    "busy": 429,
    "internal": 500,
    "store_unavailable": 503,
}
"""Every code, with the status that goes with it."""


class WebError(Exception):
    """A request that gets no result.

    Attributes:
        code: a key of STATUS.
        message: for an admin; a sentence without its full stop.
        field: which part of the request is meant, as max or subjects.3.
        retry_after_s: seconds after which to try again.
    """

    def __init__(
        self, code: str, message: str, field: str | None = None, retry_after_s: int | None = None
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.field = field
        self.retry_after_s = retry_after_s

    @property
    def status(self) -> int:
        """The HTTP status."""
        return STATUS[self.code]

    def response(self) -> JSONResponse:
        """Return it as the API says it."""
        error = {"code": self.code, "message": self.message}
        if self.field is not None:
            error["field"] = self.field
        headers = {"Cache-Control": "no-store"}
        if self.code == "unauthorized":
            headers["WWW-Authenticate"] = "Bearer"
        if self.retry_after_s is not None:
            headers["Retry-After"] = str(self.retry_after_s)
        return JSONResponse({"error": error}, self.status, headers)


def invalid(field: str, message: str) -> NoReturn:
    """Refuse a value.

    Raises:
        WebError: always.
    """
    raise WebError("invalid", f"{field}: {message}", field)


def of_validation(problems: Sequence[Mapping[str, object]]) -> WebError:
    """Return the first of pydantic's problems; the value itself is left out."""
    first = problems[0]
    where = first["loc"]
    parts = [str(part) for part in where] if isinstance(where, tuple | list) else []
    if first["type"] == "json_invalid":
        return WebError("bad_request", "the body is not JSON")
    place = [part for part in parts[1:] if not part.startswith("function-")]
    field = ".".join(place) or (parts[0] if parts else "body")
    text = str(first["msg"]).removeprefix("Value error, ").replace("Input should be", "must be")
    return WebError("invalid", f"{field}: {text}", field)
