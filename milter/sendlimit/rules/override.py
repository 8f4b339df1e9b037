"""A limit that was set in the database: what, why, by whom and when. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from sendlimit.rules.limit import Setting


REASON_MAX = 255
"""The width of the column in sql/."""


class Override(NamedTuple):
    """One row of er_limit.

    Attributes:
        setting: what is set; a boost has valid_until.
        reason: free text, at most REASON_MAX characters.
        set_by: who set it, as the command knew them.
        set_at: seconds since 1970.
    """

    setting: Setting
    reason: str
    set_by: str
    set_at: int

    def holds(self, at: int) -> bool:
        """Say whether it holds at the moment: a boost that has ended does not."""
        until = self.setting.valid_until
        return until is None or until > at
