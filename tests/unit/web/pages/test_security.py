"""What keeps pages apart from other sites."""

import pytest

from sendlimit.store.connection import Connection
from sendlimit.store.overrides import overrides
from sendlimit.web.api.common import Service
from sendlimit.web.app import make_app
from sendlimit.web.pages.security import FORM_COOKIE, HEADERS, TOKEN_FIELD
from sendlimit.web.peer import Peer
from support.counting_samples import DAILY, NOON
from support.pages_client import Browser
from support.web_client import ADMIN, web_service

_SET = "/subject/a@x.org/set"
PASSWORD = "correct horse battery"
_FIELDS = {"limit": DAILY, "max": "5", "until": "", "reason": ""}


@pytest.mark.parametrize(
    "target", ["/login", "/", "/nothing", "/static/x/style.css", "/static/x/y"]
)
def test_headers(browser: Browser, target: str) -> None:
    """Every answer has the headers; nothing inline is allowed, and no other site has a say."""
    answer = browser.get(target)
    assert {
        name.lower(): value for name, value in HEADERS.items()
    }.items() <= answer.headers.items()
    assert "unsafe" not in answer.headers["content-security-policy"]


@pytest.mark.parametrize("target", ["/", "/limits", "/refusals", "/changes", "/subject/a@x.org"])
def test_nothing_inline(admin: Browser, target: str) -> None:
    """No page has inline script or style, nor anything from elsewhere."""
    admin.get(target)
    assert "<style" not in admin.text
    assert " style=" not in admin.text
    assert " on" not in {word[:3] for word in admin.text.split("<")}
    assert "http://" not in admin.text.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert "https://" not in admin.text


def test_cookies(browser: Browser) -> None:
    """Cookies can't be read by scripts and don't go along with forms of other sites."""
    answer = browser.get("/login")
    assert len(answer.set_cookies) == 1
    assert {"HttpOnly", "Path=/", "SameSite=lax"} <= {*answer.set_cookies[0].split("; ")}
    assert browser.get("/login").set_cookies == ()


@pytest.mark.parametrize("how", ["none", "wrong", "of another browser", "other site", "no cookie"])
def test_forged_form(admin: Browser, service: Service, tables: Connection, how: str) -> None:
    """A form without the token of this browser and session changes nothing."""
    other = Browser(make_app(service))
    other.get("/login")
    admin.get("/subject/a@x.org")
    fields, headers = dict(_FIELDS), {}
    if how == "wrong":
        fields[TOKEN_FIELD] = "0" * 64
    elif how == "of another browser":
        fields[TOKEN_FIELD] = other.text.split(f'name="{TOKEN_FIELD}" value="')[1][:64]
    else:
        fields[TOKEN_FIELD] = admin.text.split(f'name="{TOKEN_FIELD}" value="')[1][:64]
    if how == "none":
        del fields[TOKEN_FIELD]
    elif how == "other site":
        headers["sec-fetch-site"] = "cross-site"
    elif how == "no cookie":
        del admin.cookies[FORM_COOKIE]

    answer = admin.post(_SET, fields, **headers)
    assert answer.status == 403
    assert "no longer valid" in admin.text
    assert overrides(tables) == []


def test_right_form(admin: Browser, tables: Connection) -> None:
    """The form of the page itself is taken."""
    admin.get("/subject/a@x.org")
    assert admin.fill(_SET, _FIELDS).status == 303
    assert [row.set_by for row in overrides(tables)] == ["carol"]


def test_token_ends_with_the_session(admin: Browser) -> None:
    """A form of an earlier session is not taken in the next one."""
    admin.get("/subject/a@x.org")
    page = admin.text
    admin.log_in("carol", PASSWORD)
    admin.text = page
    assert admin.fill(_SET, _FIELDS).status == 403


def test_too_many_fields(admin: Browser) -> None:
    """A form with thousands of fields is not read."""
    assert admin.post(_SET, {str(number): "" for number in range(100)}).status == 400


def test_no_pages_on_a_unix_socket(service: Service) -> None:
    """A unix socket speaks for a program: pages are not there, and its errors are JSON."""
    browser = Browser(make_app(service), ADMIN)
    assert browser.get("/login").code == "not_found"
    assert browser.get("/").code == "not_found"


@pytest.mark.parametrize(
    ("peer", "proto", "secure"),
    [("::1", "https", True), ("::1", "http", False), ("192.0.2.1", "https", False)],
)
def test_secure_cookie(
    url: str, tables: Connection, peer: str, proto: str, *, secure: bool
) -> None:
    """Behind a trusted proxy with TLS, cookies are for TLS only; others are not believed."""
    del tables
    web = {"listen": "127.0.0.1:9141", "trusted_proxy": "::1", "user_header": "X-Remote-User"}
    service = web_service(url, NOON, web=web)
    browser = Browser(make_app(service), Peer(None, peer), x_forwarded_proto=proto)
    (cookie,) = browser.get("/login").set_cookies
    service.database.close()
    assert ("Secure" in cookie.split("; ")) is secure
