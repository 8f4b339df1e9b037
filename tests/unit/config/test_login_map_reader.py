"""The spellings of logins while a program runs: read again, and kept when they break."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest

from sendlimit.config import Config
from sendlimit.config.login_map_reader import LoginMapReader
from sendlimit.rules.login_map import LoginMap
from support.rig.process import wait_for


class Reading:
    """A reader, the file that it reads, and what it found last."""

    def __init__(self, folder: Path, caplog: pytest.LogCaptureFixture) -> None:
        """Begin without a map."""
        caplog.set_level(logging.INFO, logger="sendlimit")
        self._caplog = caplog
        self.file = folder / "logins"
        self.found: LoginMap | None = None
        self.reader = LoginMapReader(self._take, folder / "sendlimit.toml", refresh_s=0.01)

    def use(self, *, with_map: bool = True) -> None:
        """Load a configuration."""
        identity = {"map_file": str(self.file)} if with_map else {}
        self.reader.use(Config.model_validate({"identity": identity}))

    def mailbox(self, login: str) -> str:
        """Return whose mail a login's is."""
        assert self.found is not None
        return self.found.sender_of(login).mailbox

    def _take(self, found: LoginMap | None) -> None:
        self.found = found

    def wait_for_line(self, text: str) -> None:
        """Wait until a line with this text is logged, and forget all."""
        wait_for(lambda: text in self._caplog.text, 20, text, lambda: self._caplog.text)
        self._caplog.clear()

    @property
    def lines(self) -> list[str]:
        """What was logged."""
        return self._caplog.messages


@pytest.fixture
def reading(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> Iterator[Reading]:
    """A reader that looks a hundred times a second."""
    reading = Reading(tmp_path, caplog)
    yield reading
    reading.reader.stop()


def test_a_changed_file_is_read_again(reading: Reading) -> None:
    """The map is there when use() returns, and follows its file without a reload."""
    reading.file.write_text("sales alice\n")
    reading.use()
    assert reading.mailbox("sales") == "alice"
    assert reading.lines == ["login-map-loaded entries=1"]

    reading.file.write_text("sales bob\n")
    wait_for(lambda: reading.mailbox("sales") == "bob", 20, "the new map")
    wait_for(lambda: reading.lines == ["login-map-loaded entries=1"] * 2, 20, "a second line")


def test_a_broken_map_keeps_the_last_one(reading: Reading) -> None:
    """A map that is broken or missing is logged once; the last one holds until it is mended."""
    reading.file.write_text("sales alice\n")
    reading.use()
    reading.file.write_text("a b\nb a\n")
    reading.wait_for_line("login-map-rejected error=")
    assert reading.mailbox("sales") == "alice"

    reading.file.unlink()
    reading.wait_for_line("No such file or directory")
    assert reading.mailbox("sales") == "alice"

    reading.file.write_text("sales bob\n")
    reading.wait_for_line("login-map-loaded entries=1")
    assert reading.mailbox("sales") == "bob"


def test_a_start_without_a_map(reading: Reading) -> None:
    """At a start with a broken map mail goes on, each spelling a mailbox of its own."""
    reading.use()
    assert reading.found is None
    assert "login-map-rejected" in reading.lines[0]

    reading.file.write_text("sales alice\n")
    reading.wait_for_line("login-map-loaded")
    assert reading.mailbox("sales") == "alice"


def test_a_reload_without_the_key(reading: Reading) -> None:
    """Without the key there is no map any more, and none comes back."""
    reading.file.write_text("sales alice\n")
    reading.use()
    reading.use(with_map=False)

    assert reading.found is None
    reading.file.write_text("sales bob\n")
    reading.use()
    assert reading.mailbox("sales") == "bob"
