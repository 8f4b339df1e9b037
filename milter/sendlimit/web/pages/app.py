"""The pages as one application: their paths, who may open which, and problems as pages."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING
from urllib.parse import quote

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.routing import Route

from sendlimit.web.errors import WebError
from sendlimit.web.pages import overview, owner, subject, suspensions
from sendlimit.web.pages.accounts import Accounts
from sendlimit.web.pages.login import OWNER, USER, visitor_of
from sendlimit.web.pages.render import go_to, problem_page, section_of, static_file

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from starlette.requests import Request
    from starlette.responses import Response

    from sendlimit.web.api.common import Service
    from sendlimit.web.pages.login import Visitor

    View = Callable[[Request, Service, Visitor], Awaitable[Response]]
    Endpoint = Callable[[Request], Awaitable[Response]]

_CODES = {404: "not_found", 405: "method_not_allowed", 413: "too_large"}


def make_pages(service: Service, accounts: Accounts | None = None) -> Starlette:
    """Return the application of the pages."""
    accounts = accounts or Accounts(service)
    admin = partial(_for, USER, service)
    own = "/subject/{subject:segment}"
    routes = [
        Route("/", admin(overview.overview), methods=["GET"]),
        Route("/limits", admin(overview.limits), methods=["GET"]),
        Route("/suspended", admin(suspensions.list_all), methods=["GET"]),
        Route("/refusals", admin(overview.refusals), methods=["GET"]),
        Route("/changes", admin(overview.changes), methods=["GET"]),
        Route("/find", admin(overview.find), methods=["GET"]),
        Route(own, admin(subject.show), methods=["GET"]),
        Route(f"{own}/set", admin(subject.set_limit), methods=["POST"]),
        Route(f"{own}/unset", admin(subject.unset_limit), methods=["POST"]),
        Route(f"{own}/reset", admin(subject.reset_counts), methods=["POST"]),
        Route(f"{own}/suspend", admin(suspensions.suspend), methods=["POST"]),
        Route(f"{own}/release", admin(suspensions.release), methods=["POST"]),
        Route("/me", _for(OWNER, service, owner.show), methods=["GET"]),
        Route("/login", _open(service, accounts.show_login), methods=["GET"]),
        Route("/login", _open(service, accounts.log_in), methods=["POST"]),
        Route("/logout", _open(service, accounts.log_out), methods=["POST"]),
        Route("/static/{digest}/{name}", _open(service, static_file), methods=["GET"]),
    ]
    return Starlette(
        routes=routes,
        exception_handlers={
            HTTPException: partial(_http_problem, service),
            Exception: partial(_fault, service),
        },
    )


def _for(kind: str, service: Service, view: View) -> Endpoint:
    """Return an endpoint for those who have logged in as a kind of visitor."""

    async def endpoint(request: Request) -> Response:
        visitor = None
        try:
            visitor = await visitor_of(request, service, section_of(service))
            if visitor is None:
                following = quote(request.scope["path"]) if request.method == "GET" else "/"
                return go_to("/login" if following == "/" else f"/login?next={following}")
            if visitor.kind != kind:
                if request.scope["path"] in {"/", "/me"}:
                    return go_to("/me" if visitor.kind == OWNER else "/")
                raise WebError("forbidden", "this page is for others")  # noqa: TRY301 - told here
            return await view(request, service, visitor)
        except WebError as error:
            return problem_page(request, service, error, visitor)

    return endpoint


def _open(service: Service, view: Endpoint) -> Endpoint:
    """Return an endpoint that needs no login."""

    async def endpoint(request: Request) -> Response:
        try:
            return await view(request)
        except WebError as error:
            return problem_page(request, service, error)

    return endpoint


async def _http_problem(service: Service, request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)  # noqa: S101 - it is registered for these
    problem = WebError(_CODES.get(error.status_code, "bad_request"), str(error.detail))
    return problem_page(request, service, problem)


async def _fault(service: Service, request: Request, error: Exception) -> Response:
    del error  # Frame logs it
    return problem_page(request, service, WebError("internal", "a fault"))
