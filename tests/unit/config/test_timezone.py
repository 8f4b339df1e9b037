"""The system's time zone, whatever the environment says."""

import os
import subprocess
import sys
from collections.abc import Callable
from importlib import resources
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from sendlimit.config import Config
from sendlimit.config import timezone as timezone_module
from sendlimit.config.timezone import system_zone
from sendlimit.rules.window import Calendar


@pytest.fixture
def localtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A system of the test's own without a time zone."""
    file = tmp_path / "localtime"
    monkeypatch.setattr(timezone_module, "LOCALTIME", file)
    return file


def test_link(localtime: Path) -> None:
    """The zone has the name of the file that /etc/localtime leads to."""
    localtime.symlink_to("/usr/share/zoneinfo/Europe/Berlin")

    assert system_zone(localtime) == ZoneInfo("Europe/Berlin")


def test_relative_link(localtime: Path) -> None:
    """Also where the link is relative, as some installers write it."""
    localtime.symlink_to("../usr/share/zoneinfo/Asia/Tokyo")

    assert system_zone(localtime) == ZoneInfo("Asia/Tokyo")


def test_copy(localtime: Path) -> None:
    """A copy of a zone's file has its rules."""
    localtime.write_bytes(resources.files("tzdata.zoneinfo.Asia").joinpath("Tokyo").read_bytes())

    assert Calendar(system_zone(localtime)).local(0).hour == 9


def test_none(localtime: Path) -> None:
    """A system without a zone has UTC."""
    assert system_zone(localtime) == ZoneInfo("UTC")


@pytest.mark.parametrize("target", ["/usr/share/zoneinfo/No/Where", "/usr/share/zoneinfo/../x"])
def test_link_to_nothing(localtime: Path, target: str) -> None:
    """A zone that does not exist is a sentence with what to set instead."""
    localtime.symlink_to(target)

    with pytest.raises(ValueError, match=r"can't be read .*; set calendar.timezone, such as"):
        system_zone(localtime)


def test_rubbish(localtime: Path) -> None:
    """A file that is no zone is a sentence with what to set instead."""
    localtime.write_text("not a zone")

    with pytest.raises(ValueError, match="can't be read"):
        system_zone(localtime)
    with pytest.raises(ValueError, match=r"calendar.timezone: the system's time zone"):
        Config.model_validate({})
    assert (
        Config.model_validate({"calendar": {"timezone": "UTC"}}).make_calendar().local(0).hour == 0
    )


_ZONE = resources.files("tzdata.zoneinfo.Europe").joinpath("Berlin").read_bytes()


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(lambda file: file.write_bytes(_ZONE[:7]), id="cut off in its head"),
        pytest.param(lambda file: file.write_bytes(_ZONE[:300]), id="cut off in its rules"),
        pytest.param(lambda file: file.touch(), id="empty"),
        pytest.param(lambda file: file.mkdir(), id="a folder"),
        pytest.param(os.mkfifo, id="a pipe"),
        pytest.param(lambda file: file.symlink_to("/dev/zero"), id="a device"),
        pytest.param(lambda file: file.symlink_to("nothing"), id="a dangling link"),
        pytest.param(lambda file: file.symlink_to(file), id="a link to itself"),
    ],
)
def test_no_zone(localtime: Path, make: Callable[[Path], object]) -> None:
    """Whatever lies there in place of a zone is a sentence, and nothing is waited for."""
    make(localtime)

    with pytest.raises(ValueError, match=r"can't be read .*; set calendar.timezone, such as"):
        system_zone(localtime)


@pytest.mark.parametrize("value", ["UTC0", "America/New_York", "No/Where", ""])
def test_environment_does_not_count(value: str) -> None:
    """TZ in a shell decides neither the daemon's day nor a command's."""
    program = "from sendlimit.config.timezone import system_zone; print(system_zone().key)"
    found = subprocess.run(
        [sys.executable, "-c", program],
        env={"TZ": value, "PYTHONPATH": ":".join(sys.path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert found.stdout.strip() == system_zone().key
