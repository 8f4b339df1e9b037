"""/v1/limits: overrides and boosts, listed, set and taken back."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from sendlimit.rules.limit import LimitName, Setting
from sendlimit.rules.override import Override
from sendlimit.rules.subject import check_scope
from sendlimit.store.override_pages import OverridePage, overrides_page
from sendlimit.store.overrides import (
    OverrideChange,
    change_overrides,
    override_record,
    overrides,
)
from sendlimit.web.api.answers import ChangedOut, LimitsOut
from sendlimit.web.api.bodies import By, Kind, LimitIn, PatchIn, PutIn, UnsetIn, seconds
from sendlimit.web.api.common import (
    CallerOf,
    Cursor,
    ServiceOf,
    Size,
    admin_router,
    author,
    is_heard,
    limit_in,
    paged,
    subject_in,
)
from sendlimit.web.errors import WebError, invalid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sendlimit.rules.subject import Subject
    from sendlimit.store.changes import Author, Made
    from sendlimit.store.connection import Connection
    from sendlimit.web.api.common import Service

router = admin_router()


@router.get("/limits")
async def list_limits(
    service: ServiceOf, subject: str | None = None, after: str = "", limit: Size = 100
) -> LimitsOut:
    """List what is set in the database; `after` is `next` of the page before."""
    cursor = Cursor.read(after)
    at = service.now()

    def work(connection: Connection) -> list[Override]:
        if subject is not None:
            return overrides(connection, [subject_in(service, connection, subject).key])
        return overrides_page(connection, OverridePage(cursor.key, cursor.skip or 0, limit + 1))

    found = await service.database.run(work)
    size = limit if subject is None else len(found)
    shown, following = paged(found, size, cursor, lambda row: row.setting.subject)
    return LimitsOut.model_validate(
        {
            "limits": [{**override_record(row), "in_force": row.holds(at)} for row in shown],
            "next": following,
        }
    )


@router.put("/limits/{subject:segment}/{limit:segment}")
async def put_limit(
    service: ServiceOf, caller: CallerOf, subject: str, limit: str, body: PutIn
) -> ChangedOut:
    """Set a limit; the same again changes nothing but who set it and when."""
    name = limit_in(limit)

    def work(connection: Connection) -> Changed:
        who = subject_in(service, connection, subject)
        by = author(service, caller, body.by)
        return make_changes(connection, [to_set(who, name, body, by)], by)

    return (await _answers(service, await service.database.run(work)))[0]


@router.patch("/limits/{subject:segment}")
async def patch_limits(
    service: ServiceOf, caller: CallerOf, subject: str, body: PatchIn
) -> list[ChangedOut]:
    """Set and take back several limits of a subject, all or none; in their order, set first."""
    wanted_limits = {limit_in(text, f"set.{text}"): wanted for text, wanted in body.set.items()}
    to_unset = [UnsetIn(limit=each) if isinstance(each, str) else each for each in body.unset]
    names = [limit_in(each.limit, f"unset.{number}") for number, each in enumerate(to_unset)]
    if both := set(names) & set(wanted_limits):
        invalid("unset", f"{min(map(str, both))} is in set, too")

    def work(connection: Connection) -> Changed:
        who = subject_in(service, connection, subject)
        by = author(service, caller, body.by)
        changes = [
            to_set(who, name, wanted, by, f"set.{name}.") for name, wanted in wanted_limits.items()
        ]
        rows = overrides(connection, [who.key])
        for name, each in zip(names, to_unset, strict=True):
            kinds = kinds_there(rows, name, each.kind) or [False]
            changes += [OverrideChange(who.key, name, is_boost) for is_boost in kinds]
        return make_changes(connection, changes, by)

    return await _answers(service, await service.database.run(work))


@router.delete("/limits/{subject:segment}/{limit:segment}")
async def delete_limit(  # noqa: PLR0913 - one parameter a part of the request
    service: ServiceOf,
    caller: CallerOf,
    *,
    subject: str,
    limit: str,
    kind: Kind | None = None,
    by: By | None = None,
) -> ChangedOut:
    """Take a limit back; the next setting in line holds then."""
    name = limit_in(limit)

    def work(connection: Connection) -> Changed:
        who = subject_in(service, connection, subject)
        kinds = kinds_there(overrides(connection, [who.key]), name, kind)
        if len(kinds) > 1:
            invalid("kind", f"{who.key} has a boost and a lasting override of {name}: say which")
        if not kinds:
            what = kind or "override or boost"
            raise WebError("no_such_override", f"{who.key} has no {what} of {name}")
        changes = [OverrideChange(who.key, name, is_boost) for is_boost in kinds]
        return make_changes(connection, changes, author(service, caller, by))

    changed = await service.database.run(work)
    if changed.made.result == [None]:
        raise WebError("no_such_override", f"{subject}: it has just been taken back by another one")
    return (await _answers(service, changed))[0]


def kinds_there(rows: Sequence[Override], name: LimitName, kind: Kind | None) -> list[bool]:
    """Return which of boost (True) and lasting override (False) there are."""
    there = sorted(
        {row.setting.valid_until is not None for row in rows if row.setting.name == name}
    )
    return there if kind is None else [each for each in there if each == (kind == "boost")]


def to_set(
    who: Subject, name: LimitName, wanted: LimitIn, by: Author, where: str = ""
) -> OverrideChange:
    """Return the row that is wanted.

    Raises:
        WebError: the limit could never count for the subject, or is a boost that has ended.
    """
    try:
        check_scope(who, name)
    except ValueError as error:
        invalid(f"{where}limit", str(error))
    until = None if wanted.until is None else seconds(wanted.until)
    if until is not None and until <= by.at:
        invalid(f"{where}until", "is in the past")
    row = Override(Setting(who.key, name, wanted.max, until), wanted.reason, by.who, by.at)
    expects: int | Literal["any"] | None = "any"
    if "if_set_at" in wanted.model_fields_set:
        expects = None if wanted.if_set_at is None else seconds(wanted.if_set_at)
    return OverrideChange(who.key, name, until is not None, row, expects)


class Changed(NamedTuple):
    """Changes that are made, and the rows that were there before."""

    changes: Sequence[OverrideChange]
    made: Made[list[Override | None]]


def make_changes(connection: Connection, changes: Sequence[OverrideChange], by: Author) -> Changed:
    """Make the changes, all or none."""
    return Changed(changes, change_overrides(connection, changes, by))


async def _answers(service: Service, changed: Changed) -> list[ChangedOut]:
    """Return what is there now and what was, once the daemon has heard or the time is over."""
    heard = await is_heard(service, changed.made)
    return [
        ChangedOut.model_validate(
            {
                "now": override_record(change.row) if change.row else None,
                "before": override_record(before) if before else None,
                "heard": heard,
            }
        )
        for change, before in zip(changed.changes, changed.made.result, strict=True)
    ]
