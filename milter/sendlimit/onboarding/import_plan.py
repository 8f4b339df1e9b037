"""Compare limits that were read with the overrides that exist: what an import changes. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sendlimit.rules.limit import LimitName, Setting
    from sendlimit.rules.override import Override


class OverrideChange(NamedTuple):
    """A limit to be set.

    Attributes:
        setting: the limit.
        before: the lasting override that it would replace; None: there is none.
    """

    setting: Setting
    before: Override | None


class ImportPlan(NamedTuple):
    """What an import does.

    Attributes:
        changes: the limits that are set.
        kept: the limits that are not set, because an override has another value.
        unchanged: how many limits have the value already.
    """

    changes: tuple[OverrideChange, ...]
    kept: tuple[OverrideChange, ...]
    unchanged: int


def plan_import(
    settings: Iterable[Setting],
    lasting: Mapping[tuple[str, LimitName], Override],
    *,
    replace: bool,
) -> ImportPlan:
    """Compare limits with the existing overrides.

    Args:
        settings: each limit of a subject once.
        lasting: the overrides without an end, by subject and name.
        replace: overrides with another value are replaced, not kept.
    """
    changes: list[OverrideChange] = []
    kept: list[OverrideChange] = []
    unchanged = 0
    for setting in settings:
        before = lasting.get((setting.subject, setting.name))
        if before is not None and before.setting.max == setting.max:
            unchanged += 1
        elif before is None or replace:
            changes.append(OverrideChange(setting, before))
        else:
            kept.append(OverrideChange(setting, before))
    return ImportPlan(tuple(changes), tuple(kept), unchanged)
