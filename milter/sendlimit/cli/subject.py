"""SUBJECT on the command line: a mailbox, a domain, or the server."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from sendlimit.cli.printing import print_note
from sendlimit.rules.limit import Scope
from sendlimit.rules.mailbox import domain_key
from sendlimit.rules.subject import Subject, domain_subject, mailbox_subject, read_subject
from sendlimit.store.usage import count_counters, scopes_of

if TYPE_CHECKING:
    from sendlimit.cli.invocation import Invocation
    from sendlimit.store.connection import Connection


def subject_from(text: str, connection: Connection, default_domain: str) -> Subject:
    """Read a SUBJECT as the configuration file does, and look at what has been counted.

    A name without "@" that has been counted is what it was counted as.

    Raises:
        click.UsageError: it names no subject.
    """
    try:
        subject = read_subject(text, default_domain)
    except ValueError as error:
        raise click.UsageError(f"SUBJECT: {error}") from error
    name = text.strip().lower()
    if subject.scope is Scope.GLOBAL or "@" in name:
        return subject
    scopes = scopes_of(connection, domain_key(name))
    if not scopes:
        return subject
    return domain_subject(name) if Scope.DOMAIN in scopes else mailbox_subject(name, default_domain)


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
