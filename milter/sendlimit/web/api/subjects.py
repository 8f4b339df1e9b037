"""/v1/usage/SUBJECT/reset, /v1/rename and /v1/subjects: what is stored of a subject, changed."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.reports.records import stored_record, taken_record
from sendlimit.rules.limit import Scope
from sendlimit.store import subjects
from sendlimit.store.overrides import override_record
from sendlimit.store.usage import reset, running_keys
from sendlimit.web.api.common import (
    CallerOf,
    ServiceOf,
    admin_router,
    author,
    is_heard,
    subject_in,
)
from sendlimit.web.api.models import By, ByIn, ForgottenOut, RenamedOut, RenameIn, TakenOut
from sendlimit.web.errors import invalid

if TYPE_CHECKING:
    from sendlimit.store.connection import Connection

router = admin_router()


@router.post("/usage/{subject:segment}/reset")
async def reset_usage(
    service: ServiceOf, caller: CallerOf, subject: str, body: ByIn | None = None
) -> list[TakenOut]:
    """Set a subject's running counts to 0; return what was taken away."""

    def work(connection: Connection) -> list[dict[str, object]]:
        who = subject_in(service, connection, subject)
        calendar, at = service.context.calendar, service.now()
        keys = running_keys(who.scope, who.key, calendar, at)
        made = reset(connection, keys, author(service, caller, body.by if body else None))
        is_heard(connection, made)
        return [taken_record(key, amount, calendar) for key, amount in made.result.items()]

    found = await service.database.run(work)
    return [TakenOut.model_validate(each) for each in found]


@router.post("/rename")
async def rename(service: ServiceOf, caller: CallerOf, body: RenameIn) -> RenamedOut:
    """Let all that is stored of a mailbox or domain be of another name."""

    def work(connection: Connection) -> dict[str, object]:
        old = subject_in(service, connection, body.from_, "from")
        new = subject_in(service, connection, body.to, "to")
        if Scope.GLOBAL in {old.scope, new.scope}:
            invalid("from", "the server has no other name; allowed: two mailboxes or two domains")
        if old.scope is not new.scope:
            invalid("to", f"{old.title} can't become {new.title}")
        if old.key == new.key:
            invalid("to", f"{old.title} is the same name")
        by = author(service, caller, body.by)
        made = subjects.rename(connection, old.scope, old.key, new.key, by)
        is_heard(connection, made)
        moved, kept = made.result
        return {
            "from": old.key,
            "to": new.key,
            **stored_record(moved),
            "kept": [override_record(row) for row in kept],
            "applied": True,
        }

    return RenamedOut.model_validate(await service.database.run(work))


@router.delete("/subjects/{subject:segment}")
async def forget(
    service: ServiceOf, caller: CallerOf, subject: str, by: By | None = None
) -> ForgottenOut:
    """Remove all that is stored of a mailbox or domain; the audit trail stays."""

    def work(connection: Connection) -> dict[str, object]:
        who = subject_in(service, connection, subject)
        if who.scope is Scope.GLOBAL:
            invalid("subject", "the server can't be forgotten; allowed: a mailbox or a domain")
        made = subjects.forget(connection, who.scope, who.key, author(service, caller, by))
        is_heard(connection, made)
        return {"subject": who.key, **stored_record(made.result), "applied": True}

    return ForgottenOut.model_validate(await service.database.run(work))
