"""Pages on an SQLite file of one test, with a user who can log in."""

import pytest

from sendlimit.store.connection import Connection
from sendlimit.store.web_access import set_user
from sendlimit.web.api.common import Service
from sendlimit.web.app import make_app
from sendlimit.web.passwords import hashed
from support.counting_samples import NOON
from support.pages_client import Browser

PASSWORD = "correct horse battery"


@pytest.fixture
def browser(service: Service, tables: Connection) -> Browser:
    """A browser that nobody has logged in with; the user carol is there."""
    set_user(tables, "carol", hashed(PASSWORD), NOON)
    return Browser(make_app(service))


@pytest.fixture
def admin(browser: Browser) -> Browser:
    """Carol's browser after the log-in."""
    assert browser.log_in("carol", PASSWORD).status == 303
    return browser
