"""/v1/usage/SUBJECT/reset, /v1/rename and /v1/subjects: what is stored of a subject, changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.reports.records import stored_record, taken_record
from sendlimit.rules.limit import Scope
from sendlimit.store import subjects
from sendlimit.store.overrides import override_record
from sendlimit.store.usage import reset, running_keys
from sendlimit.web.api.answers import ForgottenOut, RenamedOut, TakenOut
from sendlimit.web.api.bodies import By, ByIn, RenameIn
from sendlimit.web.api.common import (
    CallerOf,
    ServiceOf,
    admin_router,
    author,
    is_heard,
    stored_subject_in,
    subject_in,
)
from sendlimit.web.errors import invalid

if TYPE_CHECKING:
    from sendlimit.rules.limit import CounterKey
    from sendlimit.rules.subject import Subject
    from sendlimit.store.changes import Made
    from sendlimit.store.connection import Connection
    from sendlimit.store.subjects import Renamed, Stored

router = admin_router()


@router.post("/usage/{subject:segment}/reset")
async def reset_usage(
    service: ServiceOf, caller: CallerOf, subject: str, body: ByIn | None = None
) -> list[TakenOut]:
    """Set a subject's running counts to 0; return what was taken away."""
    calendar, at = service.context.calendar, service.now()
    by = author(service, caller, body.by if body else None)

    def work(connection: Connection) -> Made[dict[CounterKey, int]]:
        who = subject_in(service, connection, subject)
        return reset(connection, running_keys(who.scope, who.key, calendar, at), by)

    made = await service.database.run(work)
    await is_heard(service, made)
    return [
        TakenOut.model_validate(taken_record(key, amount, calendar))
        for key, amount in made.result.items()
    ]


@router.post("/rename")
async def rename(service: ServiceOf, caller: CallerOf, body: RenameIn) -> RenamedOut:
    """Let all that is stored of a mailbox or domain be of another name."""

    def work(connection: Connection) -> tuple[Subject, Subject, Made[Renamed]]:
        old = stored_subject_in(service, connection, body.from_, "from")
        new = stored_subject_in(service, connection, body.to, "to")
        if Scope.GLOBAL in {old.scope, new.scope}:
            invalid("from", "the server has no other name; allowed: two mailboxes or two domains")
        if old.scope is not new.scope:
            invalid("to", f"{old.title} can't become {new.title}")
        if old.key == new.key:
            invalid("to", f"{old.title} is the same name")
        by = author(service, caller, body.by)
        return old, new, subjects.rename(connection, old.scope, old.key, new.key, by)

    old, new, made = await service.database.run(work)
    await is_heard(service, made)
    moved, kept = made.result
    return RenamedOut.model_validate(
        {
            "from": old.key,
            "to": new.key,
            **stored_record(moved),
            "kept": [override_record(row) for row in kept],
            "applied": True,
        }
    )


@router.delete("/subjects/{subject:segment}")
async def forget(
    service: ServiceOf, caller: CallerOf, subject: str, by: By | None = None
) -> ForgottenOut:
    """Remove all that is stored of a mailbox or domain; the audit trail stays."""

    def work(connection: Connection) -> tuple[Subject, Made[Stored]]:
        who = stored_subject_in(service, connection, subject)
        if who.scope is Scope.GLOBAL:
            invalid("subject", "the server can't be forgotten; allowed: a mailbox or a domain")
        by_whom = author(service, caller, by)
        return who, subjects.forget(connection, who.scope, who.key, by_whom)

    who, made = await service.database.run(work)
    await is_heard(service, made)
    return ForgottenOut.model_validate(
        {"subject": who.key, **stored_record(made.result), "applied": True}
    )
