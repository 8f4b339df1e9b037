"""What a daemon that works says of itself."""

from sendlimit.counting.daemon_status import DaemonStatus
from support.command_samples import NOW

STATUS = DaemonStatus(
    at=NOW,
    pid=4711,
    version="0.1.0",
    since=NOW - 3600,
    mode="enforce",
    state="decides",
    error="",
    how="memory",
    journal="",
    unbooked=0,
    descriptors=20,
    descriptors_max=1000,
    loaded_at=NOW - 60,
)
