"""Takes pictures of what the browser shows."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from support.rig.browser import Chromium

_SCREEN = (1200, 660)
_PAGE_WIDTH = 1100
_HEIGHT_MAX = 2000


class Camera:
    """Writes PNG files into a folder.

    Attributes:
        browser: what it looks at.
    """

    def __init__(self, browser: Chromium, folder: Path) -> None:
        """Take the browser and the folder."""
        self.browser = browser
        self._folder = folder

    def use_screen(self) -> None:
        """Give the browser the size of a screen, for webmail and panel."""
        self.browser.set_window(*_SCREEN)

    def take(self, name: str) -> None:
        """Write what is seen to NAME.png."""
        self.browser.driver.save_screenshot(str(self._folder / f"{name}.png"))
        print(f"{name}.png")

    def take_page(self, name: str) -> None:
        """Write the whole page to NAME.png, if it is not too long."""
        self.browser.set_window(_PAGE_WIDTH, 1)
        self.browser.set_window(_PAGE_WIDTH, min(self.browser.page_height(), _HEIGHT_MAX))
        self.take(name)
