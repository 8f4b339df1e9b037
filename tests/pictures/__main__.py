"""Take the pictures: `script/pictures [--language de] [--folder DIR] [--panel URL ...]`."""

import argparse
from pathlib import Path

from pictures.camera import Camera
from pictures.morning import SENT, fill, zone
from pictures.panel import Panel
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
    panel = parser.add_argument_group("a panel that runs and has sendlimit's pages")
    panel.add_argument("--panel", metavar="URL", help="where it is")
    panel.add_argument("--panel-login", metavar="NAME:PASSWORD", help="of an admin")
    panel.add_argument("--panel-socket", metavar="PATH", help="that its sendlimit.conf.php names")
    panel.add_argument("--panel-user", metavar="NAME", help="whom its PHP runs as")
    options = parser.parse_args()
    web = None
    if options.panel:
        web = {"admin_socket": options.panel_socket, "admin_socket_owner": options.panel_user}
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
                web=web,
                limits=LIMITS,
                calendar={"timezone": here},
            ) as scene,
        ):
            ispconfig = options.panel and Panel(browser, options.panel, options.panel_login)
            tell(scene, Camera(browser, options.folder), ispconfig or None)
    finally:
        browser.quit()


if __name__ == "__main__":
    main()
