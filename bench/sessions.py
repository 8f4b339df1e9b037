"""Open sessions: memory, threads and descriptors of a daemon with many idle clients."""

from collections.abc import Sequence

from bench import load
from bench.contender import Contender
from bench.footprint import Footprint, footprint
from bench.plan import Plan
from bench.sampling import progress, settle
from support.rig.process import wait_for

_IDLE_S = 4
_DEADLINE_S = 30


def open_sessions(contenders: Sequence[Contender], plan: Plan) -> dict[tuple[str, int], Footprint]:
    """Open sessions, send a mail on each, and measure the daemon while they idle.

    Returns:
        By contender and number of open sessions; 0 is before the first.
    """
    found: dict[tuple[str, int], Footprint] = {}
    for contender in contenders:
        idle = found[contender.name, 0] = footprint(contender.daemon)
        for sessions in plan.sessions:
            words = load.options(
                connections=sessions,
                mails_per_connection=2,
                think_ms=_IDLE_S * 1000,
                count=2 * sessions,
                seconds=_DEADLINE_S,
                mailboxes=20000,
            )
            popen = load.start(contender.address, words)
            _wait_for_descriptors(contender, idle.descriptors + sessions)
            settle(contender)
            held = found[contender.name, sessions] = footprint(contender.daemon)
            load.finish(popen, _DEADLINE_S)
            settle(contender)
            progress(f"{contender.name}: {sessions} sessions, {held.resident_bytes / 1e6:.1f} MB")
    return found


def _wait_for_descriptors(contender: Contender, wanted: int) -> None:
    wait_for(
        lambda: footprint(contender.daemon).descriptors >= wanted,
        _IDLE_S,
        f"{wanted} descriptors of {contender.name}",
    )
