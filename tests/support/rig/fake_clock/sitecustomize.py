"""Let time.time() of a Python program return what a file says; the monotonic clock goes on.

Python imports this at its start when the folder is in PYTHONPATH. The file is named by
FAKE_CLOCK_FILE and holds seconds since 1970; it is read each time, so a test can set the clock
of a running daemon.
"""

import os
import time
from pathlib import Path

_file = Path(os.environ["FAKE_CLOCK_FILE"])


def _fake_time() -> float:
    return float(_file.read_text())


time.time = _fake_time
