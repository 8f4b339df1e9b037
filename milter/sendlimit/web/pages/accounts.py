"""/login and /logout."""

from __future__ import annotations

import asyncio
import logging
from typing import TYPE_CHECKING

from sendlimit.web.access import Attempts
from sendlimit.web.database import begin_request
from sendlimit.web.errors import WebError
from sendlimit.web.pages.login import (
    OWNER,
    USER,
    Visitor,
    begin_session,
    end_session,
    is_owner,
    is_user,
    local_path,
)
from sendlimit.web.pages.render import go_to, page, problem_text, section_of, words_of
from sendlimit.web.pages.security import (
    SESSION_COOKIE,
    client_address,
    read_form,
    set_cookie,
)
from sendlimit.web.passwords import PASSWORD_MAX

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from sendlimit.web.api.common import Service

_LOG = logging.getLogger("sendlimit.web")
_NAME_MAX = 255
_CHECKS_MAX = 4
"""Log-ins that the mail server checks at the same time."""


class Accounts:
    """Log-ins of one process.

    A name that fails too often has to wait a little, an address longer: passwords can't be
    guessed, and an admin whose name is tried by another one is kept out for a minute at most.

    Args:
        service: has the users, and the server that checks owners.
        by_name: failures of a name.
        by_address: failures of an address.
    """

    def __init__(
        self,
        service: Service,
        by_name: Attempts | None = None,
        by_address: Attempts | None = None,
    ) -> None:
        self._service = service
        self._by_name = by_name or Attempts(5, 60.0)
        self._by_address = by_address or Attempts(20, 300.0)
        self._checks = asyncio.Semaphore(_CHECKS_MAX)

    async def show_login(self, request: Request) -> Response:
        """Show the form."""
        return self._form(request, "", request.query_params.get("next", "/"))

    async def log_in(self, request: Request) -> Response:
        """Begin a session, or show the form again."""
        fields = await read_form(request)
        name = fields.get("name", "").strip()[:_NAME_MAX]
        password = fields.get("password", "")[: PASSWORD_MAX + 1]
        following = local_path(fields.get("next", "/"))
        words = words_of(request, self._service)
        address = client_address(request, section_of(self._service))
        wait_s = max(self._by_name.wait_s(name.lower()), self._by_address.wait_s(address))
        if wait_s:
            problem = words("login.wait", seconds=wait_s)
            response = self._form(request, name, following, problem, 429)
            response.headers["Retry-After"] = str(wait_s)
            return response
        try:
            visitor = await self._check(name, password)
        except WebError as error:
            text = problem_text(words, error)
            return self._form(request, name, following, text, error.status)
        if visitor is None:
            self._by_name.fail(name.lower())
            self._by_address.fail(address)
            _LOG.warning("log-in failed: %a from %s", name, address)
            return self._form(request, name, following, words("login.wrong"), 403)
        self._by_name.forget(name.lower())
        begin_request()  # the mail server may have taken the time of this one
        cookie = await begin_session(self._service, visitor)
        _LOG.info("log-in: %s %a from %s", visitor.kind, visitor.name, address)
        response = go_to("/me" if visitor.kind == OWNER else following)
        set_cookie(request, response, section_of(self._service), SESSION_COOKIE, cookie)
        return response

    async def log_out(self, request: Request) -> Response:
        """End the session."""
        await read_form(request)
        await end_session(request, self._service)
        response = go_to("/login")
        set_cookie(request, response, section_of(self._service), SESSION_COOKIE, "")
        return response

    async def _check(self, name: str, password: str) -> Visitor | None:
        """Return who has this name and password: a user, else the owner of a mailbox."""
        if await is_user(self._service, name, password):
            return Visitor(USER, name)
        server = section_of(self._service).login_server
        if server is None:
            return None
        async with self._checks:
            if not await asyncio.to_thread(is_owner, server, name, password):
                return None
        mailbox = self._service.context.mailbox(name)
        return Visitor(OWNER, mailbox.key)

    def _form(
        self, request: Request, name: str, following: str, problem: str = "", status: int = 200
    ) -> Response:
        return page(
            request,
            self._service,
            "login.html",
            None,
            status,
            name=name,
            next=local_path(following),
            problem=problem,
            has_owners=section_of(self._service).login_server is not None,
        )
