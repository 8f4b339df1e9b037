"""The JSON form of what several commands print. A promise: keys are added, never changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.cli.printing import iso
from sendlimit.policy import LimitName

if TYPE_CHECKING:
    from sendlimit.store import Episode
    from sendlimit.store.overrides import Override


def override_record(override: Override) -> dict[str, object]:
    """Return a row of er_limit; max null is unlimited, until null is lasting."""
    setting = override.setting
    return {
        "subject": setting.subject,
        "limit": str(setting.name),
        "max": setting.max,
        "until": iso(setting.valid_until),
        "reason": override.reason,
        "set_by": override.set_by,
        "set_at": iso(override.set_at),
    }


def episode_record(episode: Episode) -> dict[str, object]:
    """Return a row of er_refusal."""
    key = episode.key
    return {
        "limit": str(LimitName(key.scope, key.unit, key.window)),
        "subject": key.subject,
        "max": episode.limit,
        "period_start": iso(key.period_start),
        "first_at": iso(episode.first_at),
        "last_at": iso(episode.last_at),
        "attempts": episode.attempts,
        "last_client_addr": episode.last_client_addr,
        "last_sender": episode.last_sender,
        "last_mailbox": episode.last_mailbox,
    }
