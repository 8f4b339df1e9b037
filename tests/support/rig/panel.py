"""A made-up ISPConfig panel in a folder: its tree for the installer, and PHP's server for its pages."""

import html
import re
import shutil
import subprocess
from pathlib import Path

import requests

from support.rig.php import EXTENSION
from support.rig.process import Process, accepts_connections, free_port

TREE = Path(__file__).parents[1] / "panel"
"""The made-up panel."""
_PATIENCE_S = 30
TAB = "mail/mail_user_edit.php"
"""The form of a mailbox, which has the extension's tab."""
SCRIPT = "<script>alert(1)</script>"
"""What must never be more than text on a page."""
OWNER = 65534
"""Number of the panel's user and group."""


class MadeUpPanel:
    """A panel below a root folder, as ispconfig/install --root takes it.

    Attributes:
        root: the folder.
        tree: the panel in it.
    """

    def __init__(self, root: Path) -> None:
        """Make the tree; nothing is installed or started."""
        self.root = root
        self.tree = root / "usr/local/ispconfig"
        shutil.copytree(TREE, self.tree)
        (root / "etc").mkdir(exist_ok=True)
        (root / "etc/passwd").write_text(f"ispconfig:x:{OWNER}:{OWNER}::/:/bin/sh\n")
        (root / "etc/group").write_text(f"ispconfig:x:{OWNER}:\n")
        self.port = free_port()
        options = ["display_errors=1", "error_reporting=-1", "opcache.enable=0"]
        options.append(f"session.save_path={root}")
        address = f"127.0.0.1:{self.port}"
        self.process = Process(
            "panel",
            [
                "php",
                *(f"-d{option}" for option in options),
                *("-S", address, "-t", self.tree / "interface/web"),
            ],
            root / "php.log",
            env={"PHP_CLI_SERVER_WORKERS": "4"},
        )

    def install(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run ispconfig/install with these words; stderr is part of stdout.

        Raises:
            AssertionError: it failed, and this was not to be looked at by the caller.
        """
        done = subprocess.run(
            [EXTENSION / "install", *words, "--root", self.root],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
            timeout=100,
        )
        assert done.returncode == 0 or not check, done.stdout
        return done

    def use_socket(self, path: Path) -> None:
        """Let server 1 answer on another socket."""
        conf = self.tree / "interface/lib/sendlimit.conf.php"
        conf.write_text(f"<?php return array(1 => array('socket' => '{path}'));")

    def start(self) -> None:
        """Serve the pages."""
        self.process.start()
        self.process.wait_until(lambda: accepts_connections(self.port), _PATIENCE_S, "listens")

    def stop(self) -> int:
        """End the server."""
        return self.process.stop()

    def login(self, user: str, **parameters: str) -> "PanelUser":
        """Log in as a user of core.json."""
        return PanelUser(f"http://127.0.0.1:{self.port}", user, parameters)


class PanelUser:
    """The session of a user.

    Attributes:
        menu: links and titles, one a line.
    """

    def __init__(self, url: str, name: str, parameters: dict[str, str]) -> None:
        """Log in."""
        self._url = url
        self._session = requests.Session()
        self._session.trust_env = False
        self.menu = self.get("login.php", user=name, **parameters)

    def get(self, page: str, **query: str) -> str:
        """Open a page; redirections are followed."""
        return self._checked(self._session.get(f"{self._url}/{page}", params=query, timeout=60))

    def post(self, page: str, fields: dict[str, str]) -> str:
        """Post a form; redirections are followed."""
        return self._checked(self._session.post(f"{self._url}/{page}", data=fields, timeout=60))

    def answer(self, page: str, fields: dict[str, str] | None = None) -> tuple[int, str]:
        """Open a page, or post to it; return status and text without a redirection."""
        method = "GET" if fields is None else "POST"
        answer = self._session.request(
            method, f"{self._url}/{page}", data=fields, allow_redirects=False, timeout=60
        )
        return answer.status_code, answer.text

    def log_out(self) -> None:
        """Forget the session."""
        self._session.cookies.clear()

    def _checked(self, answer: requests.Response) -> str:
        assert not re.search(r"<b>(Warning|Notice|Deprecated|Fatal error)</b>", answer.text), (
            answer.text
        )
        return answer.text


def fields_of(page: str) -> dict[str, str]:
    """Return the fields of a page's form as they are, without what is not checked."""
    found = {}
    for tag in re.findall(r"<input[^>]*>", page):
        attributes = dict(re.findall(r'([\w-]+)="([^"]*)"', tag))
        if attributes["type"] != "radio" or tag.endswith(" checked>"):
            found[attributes["name"]] = html.unescape(attributes.get("value", ""))
    for name, options in re.findall(
        r'<select[^>]* name="(\w+)".*?>(.*?)</select>', page, re.DOTALL
    ):
        found[name] = re.findall(r'value="([^"]*)" selected', options)[0]
    return found


def tab(user: PanelUser, mailbox: int) -> str:
    """Open the tab of a mailbox."""
    return user.get(TAB, id=str(mailbox), next_tab="sendlimit")
