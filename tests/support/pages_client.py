"""A browser without a window: it keeps cookies, follows no redirect by itself, and fills in forms."""

from __future__ import annotations

import re
from html import unescape
from http.cookies import SimpleCookie
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from support.reading import read_on
from support.web_client import STRANGER, Answer, WebClient

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import ASGIApp

    from sendlimit.web.peer import Peer


class Browser:
    """One browser's way to an application.

    Attributes:
        cookies: by name.
        text: the page that was opened last, as it came.
        headers: sent with every request.
    """

    def __init__(self, app: ASGIApp, peer: Peer = STRANGER, **headers: str) -> None:
        """Take the application, and headers with "_" for "-"."""
        self._client = WebClient(app, peer)
        self.cookies: dict[str, str] = {}
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}
        self.text = ""

    @property
    def seen(self) -> str:
        """What one reads on the page: without markup, attributes and the tokens of forms."""
        return read_on(self.text)

    def get(self, target: str) -> Answer:
        """Open a page."""
        return self._ask("GET", target)

    def post(self, target: str, fields: Mapping[str, str], **headers: str) -> Answer:
        """Send a form as it is; `fill` adds the token of the page."""
        body = urlencode(fields).encode()
        return self._ask("POST", target, body, headers)

    def fill(self, target: str, fields: Mapping[str, str]) -> Answer:
        """Send a form of the page that was opened last, with its hidden fields."""
        form = re.search(rf'<form[^>]*action="{re.escape(target)}".*?</form>', self.text, re.DOTALL)
        assert form, f"no form for {target}"
        hidden = re.findall(r'<input type="hidden" name="(.*?)" value="(.*?)">', form[0])
        return self.post(target, {name: unescape(value) for name, value in hidden} | dict(fields))

    def log_in(self, name: str, password: str) -> Answer:
        """Fill in the log-in form."""
        self.get("/login")
        return self.fill("/login", {"name": name, "password": password})

    def _ask(
        self, method: str, target: str, body: bytes = b"", headers: Mapping[str, str] | None = None
    ) -> Answer:
        sent = {**self.headers, **(headers or {})}
        if self.cookies:
            sent["cookie"] = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        if body:
            sent["content-type"] = "application/x-www-form-urlencoded"
        answer = self._client(method, target, body=body, headers=sent)
        for line in answer.set_cookies:
            for name, morsel in SimpleCookie(line).items():
                if morsel["max-age"] == "0":
                    self.cookies.pop(name, None)
                else:
                    self.cookies[name] = morsel.value
        self.text = answer.body.decode()
        return answer
