"""The configuration while the process runs."""

import logging
from pathlib import Path

import pytest

from sendlimit.config.reading import load
from sendlimit.web.live import Reloading
from support.rig.process import wait_for

_WEB = '[web]\nlisten = "127.0.0.1:9141"\n'


class Reloaded:
    """A configuration file, what is made of it, and the log.

    Attributes:
        levels: that were asked for.
    """

    def __init__(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Begin with a mailbox limit of 100 and a map without entries."""
        caplog.set_level(logging.INFO, logger="sendlimit")
        self._log = caplog
        self._path = folder / "sendlimit.toml"
        self.map = folder / "logins"
        self.map.write_text("")
        self.levels: list[str] = []
        self.write()
        self.reloading = Reloading(self._path, load(self._path), self.levels.append)
        self.reloading.start()

    def write(self, text: str = _WEB, limit: int = 100) -> None:
        """Write the file."""
        limits = f"[limits]\nmailbox.messages_per_day = {limit}\n"
        self._path.write_text(f'{text}{limits}[identity]\nmap_file = "{self.map}"\n')

    def reload(self) -> list[str]:
        """Load it again; return what was logged."""
        self._log.clear()
        self.reloading.reload()
        return self._log.messages

    @property
    def limit(self) -> int | None:
        """The limit in force for everyone."""
        (setting,) = self.reloading.live.context.file_settings.by_subject.values()
        return setting.max

    def mailbox(self, login: str) -> str:
        """Return whom a login means."""
        return self.reloading.live.context.mailbox(login).key


@pytest.fixture
def reloaded(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Reloaded:
    """A configuration that was loaded once."""
    return Reloaded(tmp_path, caplog)


def test_reload(reloaded: Reloaded) -> None:
    """What has changed in the file holds, the level of the log too."""
    reloaded.write(f'{_WEB}[log]\nlevel = "debug"\n', 7)
    assert [line for line in reloaded.reload() if "needed" in line] == []
    assert (reloaded.limit, reloaded.levels) == (7, ["debug"])


@pytest.mark.parametrize("text", ["", "[web\n", '[web]\nlisten = "nowhere"\n'])
def test_a_wrong_file(reloaded: Reloaded, text: str) -> None:
    """A wrong file, and one without [web], is reported and changes nothing."""
    reloaded.write(text, 7)
    assert "config-rejected" in reloaded.reload()[0]
    assert reloaded.limit == 100


def test_restart_needed(reloaded: Reloaded) -> None:
    """Sockets and the store are those of the start; that is said."""
    reloaded.write('[web]\nlisten = "127.0.0.1:9999"\n[store]\nurl = "sqlite:////tmp/other.db"\n')
    assert [line for line in reloaded.reload() if "needed" in line] == [
        "restart-needed key=web.listen",
        "restart-needed key=store.url",
    ]


def test_login_map(reloaded: Reloaded) -> None:
    """The map of logins is read again with the file; a broken one leaves the last in force."""
    assert reloaded.mailbox("sales") == "sales"
    reloaded.map.write_text("sales alice@example.org\n")
    reloaded.reload()
    wait_for(lambda: reloaded.mailbox("sales") == "alice@example.org", 20, "the map")
    reloaded.map.write_text("broken\n")
    reloaded.write(limit=7)
    reloaded.reload()
    assert (reloaded.mailbox("SALES"), reloaded.limit) == ("alice@example.org", 7)
