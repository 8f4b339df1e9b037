"""script/demo: it keeps what it promises, says so when not, and leaves nothing behind.

What script/demo runs is run here without its first line, script/bootstrap: that could make the
virtual environment anew in which this test runs.
"""

import contextlib
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import demo.__main__ as program
from demo.narration import Narrator, PromiseBrokenError
from demo.story import Story
from support.rig.process import wait_for

_ROOT = Path(__file__).parents[2]


@contextlib.contextmanager
def demo(folder: Path, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """The demo, with everything that it makes in a folder; what it prints goes to `output`."""
    with (
        (folder / "output").open("wb") as output,
        subprocess.Popen(
            [sys.executable, "-m", "demo", *options],
            cwd=_ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"PYTHONPATH": str(_ROOT / "tests"), "TMPDIR": str(folder)},
        ) as process,
    ):
        try:
            yield process
        finally:
            process.kill()


def printed(folder: Path) -> str:
    """What the demo has printed so far."""
    return (folder / "output").read_text()


def left_behind(folder: Path) -> list[str]:
    """Files in the folder besides the output, and processes that have to do with it."""
    found = [str(path) for path in folder.iterdir() if path.name != "output"]
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            traces = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
            if str(folder).encode() in traces or folder in (process / "cwd").readlink().parents:
                found.append(f"{process.name}: {traces[:200]!r}")
    return found


@pytest.mark.postfix
@pytest.mark.parametrize(
    "options",
    [
        pytest.param((), id="sqlite"),
        pytest.param(("--mariadb",), id="mariadb", marks=pytest.mark.mariadb),
    ],
)
def test_keeps_its_promises(folder: Path, options: tuple[str, ...]) -> None:
    """The demo ends well in under a minute, and no file and no process of it is left."""
    with demo(folder, *options) as process:
        code = process.wait(60)

    assert code == 0, printed(folder)
    assert "450 4.7.1 Sending limit reached: 3 of 3 messages" in printed(folder)
    assert "\033[" not in printed(folder)
    assert left_behind(folder) == []


@pytest.mark.postfix
def test_stolen_password(folder: Path) -> None:
    """The limit for all lets 450 mails of a thief out, the learned one 62, suspension a few; it leaves nothing behind."""
    with demo(folder, "--stolen-password") as process:
        code = process.wait(300)

    told = printed(folder)
    assert code == 0, told
    assert "450 mails of the thief got out" in told
    assert "62 mails of the thief got out" in told
    assert len(re.findall("^ +(?:one limit of 450 for all|limits that learn|suspension) .* 19/19 ", told, re.MULTILINE)) == 3  # fmt: skip
    assert "450 4.7.1 Sending is suspended for anna@example.org" in told
    assert left_behind(folder) == []


@pytest.mark.postfix
def test_stolen_password_interrupted(folder: Path) -> None:
    """After Ctrl-C in the middle of the theft nothing is left either."""
    with demo(folder, "--stolen-password") as process:
        wait_for(lambda: "The thief begins" in printed(folder), 120, "the theft")
        process.send_signal(signal.SIGINT)
        code = process.wait(60)

    assert code == 130
    assert "Interrupted" in printed(folder)
    assert left_behind(folder) == []


@pytest.mark.postfix
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_interrupted(folder: Path, number: signal.Signals) -> None:
    """After Ctrl-C, SIGTERM or a closed terminal nothing is left either."""
    with demo(folder) as process:
        wait_for(lambda: "sends two mails" in printed(folder), 30, "the first step")
        process.send_signal(number)
        code = process.wait(30)

    assert code == 130
    assert "Interrupted" in printed(folder)
    assert left_behind(folder) == []


def test_broken_promise(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A step that does not end as promised makes the demo say so and exit with 1."""

    class Broken(Story):
        def tell(self) -> None:
            self._tell.check(is_so=False, promise="two and two is five")

    monkeypatch.setattr(program, "Story", Broken)
    monkeypatch.setattr(program, "set_stage", lambda **_: contextlib.nullcontext())
    monkeypatch.setattr(sys, "argv", ["demo"])

    assert program.main() == 1
    assert "NOT SO: two and two is five" in capsys.readouterr().out


def test_check_raises() -> None:
    """A promise that is not kept ends the story; kept ones are counted."""
    narrator = Narrator()
    narrator.check(is_so=True, promise="kept")

    with pytest.raises(PromiseBrokenError, match="broken"):
        narrator.check(is_so=False, promise="broken")
    assert narrator.kept == 1
