"""Configurations of the daemon for tests."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from functools import cache
from pathlib import Path
from typing import Any

# Less than Postfix waits, and more than a busy machine needs: nothing is accepted by accident.
_PATIENCE_S = 9.0


def configuration(
    folder: Path, socket: Path, store: Mapping[str, object], **tables: object
) -> dict[str, Any]:
    """Return a configuration that says what every test needs.

    Args:
        folder: for the daemon's state; need not exist.
        socket: the milter socket.
        store: the `[store]` table.
        tables: further tables; they replace those of the same name.
    """
    found: dict[str, Any] = {
        "state_dir": str(folder / "state"),
        "milter": {"socket": f"unix:{socket}"},
        "store": {"decision_timeout_s": _PATIENCE_S, **store},
        "calendar": calendar(),
        "log": {"level": "debug"},
        **tables,
    }
    # This machine's mail log is not for tests.
    return {**found, "log": {"syslog": False, **found["log"]}}


@cache
def calendar() -> Mapping[str, str]:
    """Return the calendar of this run, whose day neither begins nor ends meanwhile.

    Daemons that are started in two minutes would count in two days, had they a calendar each.
    """
    noon = datetime.now(UTC) - timedelta(hours=12)
    return {"timezone": "UTC", "day_starts_at": noon.strftime("%H:%M")}
