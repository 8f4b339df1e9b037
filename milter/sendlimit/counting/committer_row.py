"""The committer's own row of er_committer: what makes each of its transactions count once."""

from __future__ import annotations


class CommitterRow:
    """What the next transaction has to know of the row; the committer's thread alone uses it.

    Args:
        committer: id of this start, the row's key.

    Attributes:
        fences: as the last fence returned it, 0 before the first.
    """

    def __init__(self, committer: str) -> None:
        self.id = committer
        self.fences = 0
        self._number = 0

    def next(self) -> int:
        """Return a number for a transaction; none is given twice, also when one is not committed."""
        self._number += 1
        return self._number
