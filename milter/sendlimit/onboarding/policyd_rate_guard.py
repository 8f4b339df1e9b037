"""Read policyd-rate-guard's table `ratelimits`. Pure: its rows come in.

Source: onlime/policyd-rate-guard 0.7.3. Each SASL user has a row, made at the first mail with the
default QUOTA. More than `quota` recipients (or messages, which are never more) since the nightly
cleanup are refused. The cleanup sets `quota` to `quota_reset` where `quota_locked` is 0.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

from sendlimit.onboarding.foreign_limits import (
    ForeignLimits,
    integer_cell,
    notes_by_reason,
    sorted_settings,
    text_cell,
)
from sendlimit.rules.limit import EVERYONE, LimitName, Scope, Setting, Unit
from sendlimit.rules.mailbox import sender_of
from sendlimit.rules.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

TABLE = "ratelimits"

_NAME = LimitName(Scope.MAILBOX, Unit.RECIPIENTS, Window.DAY)
_NO_SENDER = "has no sender"
_ONLY_TODAY = "'quota' differs from 'quota_reset' for today only: use 'limit set --until'"
_COUNTS_REFUSED = "counted refused mail, too; here a refused mail costs nothing"


def read(
    rows: Iterable[Mapping[str, object]], default_domain: str, default: int | None = None
) -> ForeignLimits:
    """Read the settings in the rows.

    Args:
        rows: of `ratelimits`.
        default_domain: of a sender that has none.
        default: QUOTA of the other program, which is then set for everyone; rows that have it
            need no setting of their own.

    Raises:
        SendlimitError: they are not rows of `ratelimits`.
    """
    settings: list[Setting] = []
    left_out: list[tuple[str, str]] = []
    for row in rows:
        sender = text_cell(row, "sender")
        quota, lasting = integer_cell(row, "quota"), integer_cell(row, "quota_reset")
        if integer_cell(row, "quota_locked"):
            lasting = quota
        if not sender:
            left_out.append((_NO_SENDER, f"id {row.get('id', '?')}"))
            continue
        if quota != lasting:
            left_out.append((_ONLY_TODAY, sender))
        if lasting != default:
            settings.append(Setting(sender_of(sender, default_domain).mailbox, _NAME, lasting))
    if default is not None:
        settings.append(Setting(EVERYONE, _NAME, default))
    different = notes_by_reason((_COUNTS_REFUSED, setting.subject) for setting in settings)
    return ForeignLimits(sorted_settings(settings), notes_by_reason(left_out), different)


def usual_quota(reading: ForeignLimits) -> int | None:
    """Return the quota that more than half of the mailboxes have, if there is one."""
    counts = Counter(setting.max for setting in reading.settings if setting.subject != EVERYONE)
    for quota, count in counts.most_common(1):
        if count > 1 and count * 2 > counts.total():
            return quota
    return None
