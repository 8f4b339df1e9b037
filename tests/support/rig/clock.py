"""A clock for daemons that stands where a test sets it."""

import os
import time
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

_FAKE_CLOCK = Path(__file__).parent / "fake_clock"


class SettableClock:
    """The clock of the daemons that run with `env`."""

    def __init__(self, folder: Path, zone: str) -> None:
        """Begin with the system's time.

        Args:
            folder: for the file that says what the clock shows.
            zone: of the times that are set.
        """
        self._file = folder / "clock"
        self._zone = ZoneInfo(zone)
        self._show(time.time())
        path = os.pathsep.join(filter(None, [str(_FAKE_CLOCK), os.environ.get("PYTHONPATH")]))
        self.env = {"PYTHONPATH": path, "FAKE_CLOCK_FILE": str(self._file)}

    def set(self, local_time: str, *, fold: int = 0) -> None:
        """Set the clock; it stands there.

        Args:
            local_time: as `2026-03-29 01:59:30`.
            fold: 1 is the second time of a local hour that happens twice.
        """
        moment = datetime.fromisoformat(local_time).replace(tzinfo=self._zone, fold=fold)
        self._show(moment.timestamp())

    def _show(self, seconds: float) -> None:
        fresh = self._file.with_suffix(".new")
        fresh.write_text(str(seconds))
        fresh.replace(self._file)
