"""From values to an HTML answer: templates, the browser's language, headers and cookies."""

from __future__ import annotations

import hashlib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.responses import HTMLResponse, RedirectResponse, Response

from sendlimit import __version__
from sendlimit.web.errors import WebError
from sendlimit.web.pages.chart import meter
from sendlimit.web.pages.security import (
    FORM_COOKIE,
    HEADERS,
    TOKEN_FIELD,
    form_token,
    set_cookie,
)
from sendlimit.web.pages.words import Words, language_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.requests import Request

    from sendlimit.config.web import WebSection
    from sendlimit.web.api.common import Service
    from sendlimit.web.pages.login import Visitor

PAGE_ROWS = 50
"""Rows of a page of a list."""
_TYPES = {
    "style.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
_NO_STORE = {"Cache-Control": "no-store"}
_FOR_EVER = {"Cache-Control": "public, max-age=31536000, immutable"}


@cache
def _environment() -> Environment:
    made = Environment(
        loader=PackageLoader("sendlimit.web.pages"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.globals |= {
        "meter": meter,
        "segment": segment,
        "token_field": TOKEN_FIELD,
        "version": __version__,
        "static": {name: f"/static/{_digest(name)}/{name}" for name in _TYPES},
    }
    return made


def segment(text: str) -> str:
    """Write a text as one segment of a path."""
    return quote(text, safe="@")


@cache
def _octets(name: str) -> bytes:
    return (files("sendlimit.web.pages") / "static" / name).read_bytes()


@cache
def _digest(name: str) -> str:
    return hashlib.sha256(_octets(name)).hexdigest()[:12]


async def static_file(request: Request) -> Response:
    """Return the style sheet or the script; its address changes with its content."""
    name = request.path_params["name"]
    if name not in _TYPES:
        raise WebError("not_found", "there is no such file")
    return Response(_octets(name), headers=HEADERS | _FOR_EVER, media_type=_TYPES[name])


def section_of(service: Service) -> WebSection:
    """Return the table [web]; the process does not start without it."""
    section = service.context.config.web
    if section is None:
        raise AssertionError
    return section


def words_of(request: Request, service: Service) -> Words:
    """Return the words in the browser's language."""
    language = language_of(request.headers.get("accept-language", ""))
    return Words(language, service.context.calendar)


def page(
    request: Request,
    service: Service,
    template: str,
    visitor: Visitor | None,
    status: int = 200,
    **values: Any,  # noqa: ANN401 - what the template shows
) -> Response:
    """Return a page.

    Args:
        request: asks for it.
        service: has the calendar and the mode.
        template: a file of templates/.
        visitor: who has logged in.
        status: of the answer.
        values: what the template shows.
    """
    form = form_token(request)
    words = words_of(request, service)
    at = service.now()
    html = _environment().get_template(template)
    response = HTMLResponse(
        html.render(
            w=words,
            visitor=visitor,
            form_token=form.token,
            observes=service.context.observes,
            zone=service.context.calendar.timezone.key,
            now=at,
            path=request.scope["path"],
            **values,
        ),
        status,
        HEADERS
        | _NO_STORE
        | {"Vary": "Accept-Language, Cookie", "Content-Language": words.language},
    )
    if form.is_new:
        set_cookie(request, response, section_of(service), FORM_COOKIE, form.secret)
    return response


def target(path: str, parameters: Mapping[str, object]) -> str:
    """Return the address of a page with those of the parameters that say something."""
    return f"{path}?{urlencode({name: value for name, value in parameters.items() if value})}"


def go_to(path: str) -> Response:
    """Send the browser to another page, with GET."""
    return RedirectResponse(path, 303, HEADERS | _NO_STORE)


def problem_page(
    request: Request, service: Service, error: WebError, visitor: Visitor | None = None
) -> Response:
    """Return a page that says what did not work, in words of its own: never a trace."""
    words = words_of(request, service)
    response = page(
        request, service, "problem.html", visitor, error.status, text=problem_text(words, error)
    )
    if error.retry_after_s is not None:
        response.headers["Retry-After"] = str(error.retry_after_s)
    return response


def problem_text(words: Words, error: WebError) -> str:
    """Say what did not work."""
    field = (error.field or "").rpartition(".")[2]
    if error.code == "invalid":
        key = f"error.{field}"
        reason = words(key) if words.has(key) else words("error.bad_request")
        return words("error.invalid", reason=reason)
    if error.code == "forbidden" and field == "form":
        return words("error.form")
    if error.code == "busy" and field == "login":
        return words("login.server_away")
    return words(f"error.{error.code}")
