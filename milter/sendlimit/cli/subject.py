"""What commands say of a subject beside its report."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.cli.printing import print_note
from sendlimit.rules.limit import Scope
from sendlimit.store.usage import count_counters

if TYPE_CHECKING:
    from sendlimit.cli.invocation import Invocation
    from sendlimit.rules.subject import Subject
    from sendlimit.store.connection import Connection


def note_limits_of_file(subject: Subject, invocation: Invocation) -> None:
    """Say where the configuration file has limits of a subject: no command changes it."""
    config = invocation.config
    for written, key in config.limits.subjects(config.identity.default_domain).items():
        if key == subject.key:
            print_note(
                f'{invocation.path}: [limits.for."{written}"] stays as it is: change it there'
            )


def note_never_counted(subject: Subject, connection: Connection) -> None:
    """Say where no mail of a subject has ever been counted: its name may be mistyped."""
    if subject.scope is Scope.GLOBAL or count_counters(connection, subject.scope, subject.key):
        return
    print_note(
        f"no mail of {subject.title} has been counted yet: it never sent, or it logs in under"
        " another name ('sendlimit top' shows names as they are counted)"
    )
