"""Take the pictures: `script/pictures [--language de] [--folder DIR]`."""

import argparse
from pathlib import Path

from pictures.camera import Camera
from pictures.morning import SENT, fill, zone
from pictures.story import LIMITS, tell
from support.rig.browser import Chromium
from support.rig.process import private_folder
from support.rig.webmail_scene import webmail_scene

_FOLDER = Path(__file__).parents[2] / "docs" / "pictures"


def main() -> None:
    """Start the servers and the browser, let the day happen, end them."""
    parser = argparse.ArgumentParser(prog="script/pictures", description=__doc__)
    parser.add_argument("--language", default="en", help="of the browser: en or de")
    parser.add_argument("--folder", type=Path, default=_FOLDER, help="where they are written")
    options = parser.parse_args()
    options.folder.mkdir(exist_ok=True)
    here = zone()
    browser = Chromium()
    try:
        browser.show(language=options.language)
        with (
            private_folder("pictures") as folder,
            webmail_scene(
                folder,
                roundcube={"timezone": here},
                mailboxes=SENT,
                before=lambda store: fill(store, here),
                limits=LIMITS,
                calendar={"timezone": here},
            ) as scene,
        ):
            tell(scene, Camera(browser, options.folder))
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
