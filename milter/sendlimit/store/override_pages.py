"""er_limit page by page: the overrides and boosts, or the suspensions (R17)."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sendlimit.store.overrides import SELECT_OVERRIDES, override_of
from sendlimit.store.rows import contains
from sendlimit.store.sqltime import to_sql
from sendlimit.store.unreadable import readable

if TYPE_CHECKING:
    from sendlimit.rules.override import Override
    from sendlimit.store.connection import Connection

_SUSPENSION = "(unit = 'messages' AND `window` = 'message')"
_LIMITS = f"{SELECT_OVERRIDES} AND NOT {_SUSPENSION}"
_SUSPENSIONS = f"{SELECT_OVERRIDES} AND {_SUSPENSION} AND (valid_until IS NULL OR valid_until > %s)"
_PAGE = (
    " AND subject LIKE %s ESCAPE '!' AND subject >= %s"
    " ORDER BY subject, scope, unit, `window`, is_boost LIMIT %s OFFSET %s"
)
_ALL_PAGE = SELECT_OVERRIDES + _PAGE
_LIMITS_PAGE = _LIMITS + _PAGE
_SUSPENSIONS_PAGE = _SUSPENSIONS + _PAGE
_ENDING = _LIMITS + " AND valid_until > %s AND valid_until <= %s ORDER BY valid_until LIMIT %s"
_COUNT_SUSPENSIONS = f"""
SELECT COUNT(*) FROM er_limit
 WHERE learned_from IS NULL AND {_SUSPENSION} AND (valid_until IS NULL OR valid_until > %s)"""  # noqa: S608 - constants


class OverridePage(NamedTuple):
    """Which rows of all, by subject.

    Attributes:
        subject: the first whose rows are wanted; "": from the beginning.
        skip: how many of these to leave out.
        size: how many at most.
        text: only of subjects that have this text in them; "": all.
    """

    subject: str
    skip: int
    size: int
    text: str = ""

    @property
    def params(self) -> tuple[str, str, int, int]:
        """As the statements take them."""
        return (contains(self.text), self.subject, self.size, self.skip)


def overrides_page(connection: Connection, page: OverridePage) -> list[Override]:
    """Return some rows of all, suspensions too."""
    return readable("er_limit", connection.execute(_ALL_PAGE, page.params), override_of)


def limits_page(connection: Connection, page: OverridePage) -> list[Override]:
    """Return some of the overrides and boosts."""
    return readable("er_limit", connection.execute(_LIMITS_PAGE, page.params), override_of)


def suspensions_page(connection: Connection, page: OverridePage, at: int) -> list[Override]:
    """Return some of the suspensions that last at the moment."""
    params = (to_sql(at), *page.params)
    return readable("er_limit", connection.execute(_SUSPENSIONS_PAGE, params), override_of)


def count_suspensions(connection: Connection, at: int) -> int:
    """Return how many suspensions last at the moment."""
    return int(connection.execute(_COUNT_SUSPENSIONS, [to_sql(at)])[0][0])


def ending_boosts(connection: Connection, span: tuple[int, int], count: int) -> list[Override]:
    """Return the boosts that end after the first moment and not after the second, soonest first."""
    params = (to_sql(span[0]), to_sql(span[1]), count)
    return readable("er_limit", connection.execute(_ENDING, params), override_of)
