"""Shift time.time() of a Python program by what a file says; the monotonic clock goes on.

Python imports this at its start when the folder is in PYTHONPATH. The file is named by
CLOCK_SHIFT_FILE and holds seconds; it is read each time, so a test can set the clock of a
running daemon.
"""

import os
import time
from pathlib import Path

_real_time = time.time
_shift = Path(os.environ["CLOCK_SHIFT_FILE"])


def _shifted_time() -> float:
    return _real_time() + float(_shift.read_text())


time.time = _shifted_time
