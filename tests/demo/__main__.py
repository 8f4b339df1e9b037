"""Run the demo: `script/demo [--mariadb | --stolen-password]`. Exit 0: every promise was kept; 1: one was not."""

import argparse
import signal
import sys
import time
from types import FrameType
from typing import NoReturn

from demo.narration import Narrator, PromiseBrokenError
from demo.stage import set_stage
from demo.story import Story
from demo.theft import TheftStory
from demo.theft_stage import set_theft_stage
from support.rig.process import end_children
from support.rig.smtp import ConnectionLostError

_INTERRUPTED = 130
_WAYS_OUT = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def main() -> int:
    """Set the stage, tell the story, clear the stage."""
    parser = argparse.ArgumentParser(prog="script/demo", description=__doc__)
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--mariadb", action="store_true", help="count in a private MariaDB")
    which.add_argument(
        "--stolen-password",
        action="store_true",
        help="fifty clients use one of twenty mailboxes: what gets out with which limits",
    )
    options = parser.parse_args()
    narrator = Narrator()
    started = time.monotonic()
    try:
        if options.stolen_password:
            with set_theft_stage() as theft_stage:
                TheftStory(theft_stage, narrator).tell()
        else:
            with set_stage(mariadb=options.mariadb) as stage:
                Story(stage, narrator).tell()
    except (PromiseBrokenError, ConnectionLostError, OSError) as error:
        narrator.end(f"The demo failed: {error}")
        return 1
    except KeyboardInterrupt:
        end_children()
        narrator.end("Interrupted; everything is ended and removed.")
        return _INTERRUPTED
    seconds = time.monotonic() - started
    narrator.end(f"All {narrator.kept} promises kept, in {seconds:.0f} s. Nothing is left behind.")
    return 0


def _leave(_number: int, _frame: FrameType | None) -> NoReturn:
    """Unwind, so that everything is ended and removed; a second signal must not stop that."""
    for way_out in _WAYS_OUT:
        signal.signal(way_out, signal.SIG_IGN)
    raise KeyboardInterrupt


if __name__ == "__main__":
    for way_out in _WAYS_OUT:
        signal.signal(way_out, _leave)
    sys.exit(main())
