"""The application: the API, and on TCP the pages; every error in its form."""

from __future__ import annotations

from typing import TYPE_CHECKING

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from starlette.exceptions import HTTPException

from sendlimit import __version__
from sendlimit.web.api import limits, overview, subjects, suspensions, usage
from sendlimit.web.api.common import reader_router
from sendlimit.web.asgi import Frame
from sendlimit.web.errors import WebError, of_validation
from sendlimit.web.pages.app import make_pages
from sendlimit.web.peer import KEY

if TYPE_CHECKING:
    from fastapi import Request, Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from sendlimit.web.api.common import Service
    from sendlimit.web.peer import Peer

_HTTP_CODES = {400: "bad_request", 404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def make_app(service: Service) -> ASGIApp:
    """Return the application for a service."""
    app = FastAPI(
        title="sendlimit",
        version=__version__,
        description="Sending limits: usage, limits, refusals and changes, as the command has them.",
        # FastAPI's own pages of the API load scripts from elsewhere.
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
    )
    app.state.service = service
    for part in (usage, overview, limits, suspensions, subjects):
        app.include_router(part.router)
    described = reader_router()

    @described.get("/openapi.json", include_in_schema=False)
    async def openapi() -> JSONResponse:
        """Return the OpenAPI document of /v1."""
        return JSONResponse(app.openapi())

    app.include_router(described)
    app.add_exception_handler(WebError, _web_error)
    app.add_exception_handler(RequestValidationError, _validation_error)
    app.add_exception_handler(HTTPException, _http_error)
    app.add_exception_handler(Exception, _fault)
    return Frame(_Split(app, make_pages(service)))


class _Split:
    """The API below /v1 and on the unix sockets, the pages elsewhere."""

    def __init__(self, api: ASGIApp, pages: ASGIApp) -> None:
        self._api = api
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        peer: Peer = scope[KEY]
        is_api = peer.role is not None or f"{scope['path']}/".startswith("/v1/")
        await (self._api if is_api else self._pages)(scope, receive, send)


async def _web_error(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, WebError)  # noqa: S101 - it is registered for these
    return error.response()


async def _validation_error(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, RequestValidationError)  # noqa: S101 - it is registered for these
    return of_validation(error.errors()).response()


async def _http_error(request: Request, error: Exception) -> Response:
    del request
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these
    code = _HTTP_CODES.get(error.status_code, "bad_request")
    return WebError(code, str(error.detail)).response()


async def _fault(request: Request, error: Exception) -> Response:
    del request, error  # Frame logs it
    return WebError("internal", "sendlimit has a fault; its log says more").response()
