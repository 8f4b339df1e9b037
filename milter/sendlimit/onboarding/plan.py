"""What an import changes, beside what is set already. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sendlimit.rules.limit import LimitName, Setting
    from sendlimit.rules.override import Override


class Change(NamedTuple):
    """A limit to be set.

    Attributes:
        setting: what is to be set.
        before: the lasting override that it would replace.
    """

    setting: Setting
    before: Override | None


class Plan(NamedTuple):
    """What is to be done.

    Attributes:
        changes: what is set.
        kept: what is not, as there is an override with another value.
        unchanged: how many have the value already.
    """

    changes: tuple[Change, ...]
    kept: tuple[Change, ...]
    unchanged: int


def plan(
    settings: Iterable[Setting],
    lasting: Mapping[tuple[str, LimitName], Override],
    *,
    replace: bool,
) -> Plan:
    """Compare what was read with the overrides that there are.

    Args:
        settings: each limit of a subject once.
        lasting: the overrides without an end, by subject and name.
        replace: overrides with another value are replaced, not kept.
    """
    changes: list[Change] = []
    kept: list[Change] = []
    unchanged = 0
    for setting in settings:
        before = lasting.get((setting.subject, setting.name))
        if before is not None and before.setting.max == setting.max:
            unchanged += 1
        elif before is None or replace:
            changes.append(Change(setting, before))
        else:
            kept.append(Change(setting, before))
    return Plan(tuple(changes), tuple(kept), unchanged)
