"""`sendlimit serve`: what keeps it from starting. That it serves is a system test."""

import subprocess
import sys
from pathlib import Path

import pytest

from sendlimit.cli import run


def test_wrong_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """With a wrong configuration it does not start, and systemd does not try again: code 2."""
    config = tmp_path / "sendlimit.toml"
    config.write_text('mode = "maybe"\n')
    assert run(["serve", "--config", str(config)]) == 2
    assert f"{config}: mode: " in capsys.readouterr().err


def test_what_the_daemon_does_not_need() -> None:
    """What only other commands use is not in the daemon's memory."""
    script = (
        "import sys\n"
        "import sendlimit.cli.serve, sendlimit.daemon.service\n"
        "sys.exit(bool({'requests', 'sendlimit.doctor.examination'} & set(sys.modules)))\n"
    )
    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0


def test_libmilter_is_the_daemons() -> None:
    """Only the daemon loads libmilter: the other commands work where it is missing."""
    script = (
        "import sys\n"
        "from sendlimit.cli import COMMANDS, sendlimit\n"
        "context = sendlimit.make_context('sendlimit', [], resilient_parsing=True)\n"
        "assert all(sendlimit.get_command(context, name) for name in COMMANDS)\n"
        "sys.exit('Milter' in sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], check=False)
    assert done.returncode == 0
