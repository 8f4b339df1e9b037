"""A real browser without a window: Debian's Chromium, driven by its own driver."""

from __future__ import annotations

import tempfile
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from axe_core_python.selenium import Axe  # type: ignore[import-untyped]
from selenium import webdriver
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.wait import WebDriverWait

from support.rig.web import PASSWORD

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

_OPTIONS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
)
_SERIOUS = {"serious", "critical"}
_DESKTOP = (1200, 900)
_PHONE = (390, 844)
_SEEN = "const found = document.querySelector(arguments[0]); return found && found.innerText"


class Chromium:
    """One browser, with a profile of its own that is thrown away."""

    def __init__(self) -> None:
        """Start it."""
        self._profile = tempfile.TemporaryDirectory(prefix="sendlimit-chromium-")
        options = webdriver.ChromeOptions()
        options.binary_location = "/usr/bin/chromium"
        for option in (*_OPTIONS, f"--user-data-dir={self._profile.name}"):
            options.add_argument(option)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        self.driver = webdriver.Chrome(options=options, service=Service("/usr/bin/chromedriver"))
        self.driver.set_page_load_timeout(30)
        self.show()

    def quit(self) -> None:
        """End it and remove its profile."""
        self.driver.quit()
        self._profile.cleanup()

    def show(
        self, *, language: str = "en", dark: bool = False, phone: bool = False, scripts: bool = True
    ) -> None:
        """Look at pages in this way from now on."""
        width, height = _PHONE if phone else _DESKTOP
        self.set_window(width, height, phone=phone)
        scheme = {"name": "prefers-color-scheme", "value": "dark" if dark else "light"}
        self._devtools("Emulation.setEmulatedMedia", {"features": [scheme]})
        self._devtools("Emulation.setScriptExecutionDisabled", {"value": not scripts})
        self._devtools("Network.enable", {})
        self._devtools("Network.setExtraHTTPHeaders", {"headers": {"Accept-Language": language}})

    def set_window(self, width: int, height: int, *, phone: bool = False) -> None:
        """Give the window a size in pixels."""
        self._devtools(
            "Emulation.setDeviceMetricsOverride",
            {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": phone},
        )

    def page_height(self) -> int:
        """Return how high the whole page is, in pixels."""
        return int(self.driver.execute_script("return document.documentElement.scrollHeight"))

    @contextmanager
    def in_time_zone(self, name: str) -> Iterator[None]:
        """Be in another time zone for a while."""
        self._devtools("Emulation.setTimezoneOverride", {"timezoneId": name})
        try:
            yield
        finally:
            self._devtools("Emulation.setTimezoneOverride", {"timezoneId": ""})

    def forget(self) -> None:
        """Forget all cookies, and what was printed to the console."""
        self._devtools("Network.clearBrowserCookies", {})
        self._log()

    def log_in(self, url: str, name: str, password: str = PASSWORD) -> None:
        """Fill in the log-in form."""
        self.driver.get(f"{url}/login")
        self.type("name", name)
        self.type("password", password)
        self.submit("button.main")

    def type(self, field: str, text: str) -> None:
        """Type a text into a field in place of what is there."""
        found = self.driver.find_element(By.ID, field)
        found.clear()
        found.send_keys(text)

    def click(self, selector: str) -> None:
        """Click the first element that a CSS selector finds."""
        self.driver.find_element(By.CSS_SELECTOR, selector).click()

    def submit(self, selector: str) -> None:
        """Click a button that leads to another page, and wait until that is there.

        The page is told by its loader: an element of the old page can't be asked while it goes.
        """
        before = self._loader()
        self.click(selector)
        self.wait_for(lambda: self._loader() != before)

    def text(self, selector: str = "main") -> str:
        """Return the text that one sees, of one moment; "": there is no such element."""
        return str(self.driver.execute_script(_SEEN, selector) or "")

    def has(self, selector: str) -> bool:
        """Tell whether a CSS selector finds something."""
        return bool(self.driver.find_elements(By.CSS_SELECTOR, selector))

    def wait_for(self, condition: Callable[[], bool]) -> None:
        """Wait until something is so, 20 s at most."""
        WebDriverWait(self.driver, 20).until(lambda _: condition())

    def faults_of_access(self, selector: str = "html") -> list[str]:
        """Return what axe-core finds serious on the page, or in a part of it."""
        found: dict[str, Any] = Axe().run(self.driver, context=selector)
        return [
            f"{each['id']}: {node['html'][:100]}"
            for each in found["violations"]
            if each["impact"] in _SERIOUS
            for node in each["nodes"]
        ]

    def console(self) -> list[str]:
        """Return what scripts and policies have complained about since the last time."""
        return [str(entry["message"]) for entry in self._log()]

    def is_wider_than_the_window(self) -> bool:
        """Tell whether the page has to be scrolled sideways."""
        script = "const d = document.documentElement; return d.scrollWidth > d.clientWidth"
        return bool(self.driver.execute_script(script))

    def _loader(self) -> str:
        """Return what Chromium calls the loading of the page that is shown."""
        tree = self.driver.execute_cdp_cmd("Page.getFrameTree", {})
        return str(tree["frameTree"]["frame"]["loaderId"])

    def _log(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.driver.get_log("browser")  # type: ignore[no-untyped-call]
        return found

    def _devtools(self, command: str, parameters: dict[str, Any]) -> None:
        self.driver.execute_cdp_cmd(command, parameters)
