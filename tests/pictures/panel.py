"""A running ISPConfig panel, of which pictures are taken too; it is started elsewhere."""

from __future__ import annotations

from typing import TYPE_CHECKING

from selenium.webdriver.common.by import By

if TYPE_CHECKING:
    from support.rig.browser import Chromium

_AT_REST = """
return document.readyState === 'complete' && !!window.ISPConfig
    && ISPConfig.requestsRunning === 0 && jQuery.active === 0
"""


class Panel:
    """The panel, as an admin sees it."""

    def __init__(self, browser: Chromium, url: str, login: str) -> None:
        """Take where it is.

        Args:
            browser: shows it.
            url: such as "http://127.0.0.1:8080".
            login: of an admin, "NAME:PASSWORD".
        """
        self._browser = browser
        self._url = url.rstrip("/")
        self._name, _, self._password = login.partition(":")

    def show_mailbox(self, mailbox: str) -> None:
        """Show the tab of a mailbox."""
        self._log_in()
        self._open("mail/mail_user_list.php")
        row = f"//a[contains(@data-load-content, 'mail_user_edit.php') and normalize-space()='{mailbox}']"
        target = self._browser.driver.find_element(By.XPATH, row)
        page = target.get_attribute("data-load-content")
        self._open(f"{page}&next_tab=sendlimit")

    def show_server(self) -> None:
        """Show the page of the server."""
        self._log_in()
        self._open("mail/sendlimit_server.php")

    def _log_in(self) -> None:
        browser = self._browser
        browser.driver.get(f"{self._url}/login/")
        browser.forget()
        browser.driver.get(f"{self._url}/login/")
        browser.type("username", self._name)
        browser.type("password", self._password)
        browser.click("button[type=submit], input[type=submit]")
        browser.wait_for(lambda: browser.has("#topnav-container") and self._is_at_rest())
        browser.driver.execute_script("ISPConfig.capp('mail')")
        browser.wait_for(self._is_at_rest)

    def _open(self, page: str) -> None:
        self._browser.driver.execute_script("ISPConfig.loadContent(arguments[0])", page)
        self._browser.wait_for(self._is_at_rest)

    def _is_at_rest(self) -> bool:
        return bool(self._browser.driver.execute_script(_AT_REST))
