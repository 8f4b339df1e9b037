"""What a person does in Roundcube: log in, write a mail, send it, read what the screen says."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import urlencode

from selenium.common.exceptions import NoSuchElementException, StaleElementReferenceException
from selenium.webdriver.common.by import By

from support.rig.dovecot import PASSWORD

if TYPE_CHECKING:
    from support.rig.browser import Chromium
    from support.rig.roundcube import Roundcube

_LEVELS = ("information", "warning", "error")
_ERROR = "#messagestack .error, .ui-dialog.error .popupdialog"
"""Of the skins elastic and larry."""
_SEND = "[onclick*=\"command('send'\"]"


class Line(NamedTuple):
    """The line of the compose screen."""

    level: str
    text: str


class Webmail:
    """A browser that is logged in to Roundcube."""

    def __init__(self, browser: Chromium, roundcube: Roundcube, login: str) -> None:
        """Log in, as nobody was before."""
        self.browser = browser
        self.url = roundcube.url
        browser.forget()
        browser.driver.get(self.url)
        browser.type("rcmloginuser", login)
        browser.type("rcmloginpwd", PASSWORD)
        browser.submit("#rcmloginsubmit")
        browser.wait_for(self._is_at_rest)

    def compose(self, to: str = "somebody@example.com") -> float:
        """Open the compose screen; return how many seconds the server took."""
        self.open(task="mail", action="compose", to=to, subject="Offer", body="Hello")
        timing = "const t = performance.getEntriesByType('navigation').pop();"
        return float(str(self._script(f"{timing} return (t.responseEnd - t.requestStart) / 1000")))

    def line(self) -> Line | None:
        """Return the line of the compose screen."""
        found = self.browser.driver.find_elements(By.ID, "sendlimit-line")
        if not found:
            return None
        classes = (found[0].get_attribute("class") or "").split()
        level = next(level for level in _LEVELS if f"box{level}" in classes)
        return Line(level, found[0].text)

    def send(self) -> str | None:
        """Send the mail; return the error that is shown, or None when it is sent."""
        self.browser.click(_SEND)
        self.browser.wait_for(lambda: self._error() is not None or not self._is_composing())
        self.browser.wait_for(self._is_at_rest)
        return self._error()

    def settings_page(self) -> str:
        """Open the page of the plugin; return what one sees."""
        self.open(task="settings", action="plugin.sendlimit")
        return self.browser.text("#sendlimit-page")

    def open(self, **query: str) -> None:
        """Open a page of Roundcube, and wait until its scripts have run."""
        self.browser.driver.get(
            f"{self.url}/?{urlencode({f'_{name}': value for name, value in query.items()})}"
        )
        self.browser.wait_for(self._is_at_rest)

    def body(self) -> str:
        """Return the text in the editor."""
        return str(self._script("return document.getElementById('composebody').value"))

    def _is_at_rest(self) -> bool:
        """Tell whether a page of Roundcube is there, and no request of its scripts is under way.

        One that is cut off by the next page would write an old session back.
        """
        script = "return document.readyState === 'complete' && !!window.rcmail && $.active === 0"
        return bool(self._script(script))

    def _is_composing(self) -> bool:
        return "_action=compose" in self.browser.driver.current_url

    def _error(self) -> str | None:
        try:
            return self.browser.driver.find_element(By.CSS_SELECTOR, _ERROR).text
        except (NoSuchElementException, StaleElementReferenceException):
            return None

    def _script(self, script: str) -> object:
        return self.browser.driver.execute_script(script)
