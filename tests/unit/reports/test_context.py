"""What reports are made with."""

from dataclasses import replace

import pytest

from sendlimit.reports.context import ReportContext
from sendlimit.rules.limit import Scope
from sendlimit.rules.login_map import LoginMap
from sendlimit.store.connection import Connection
from support.counting_samples import ALICE, NOON, key_of, named
from support.real_stores import insert_counter


@pytest.mark.parametrize(
    ("text", "scope", "key"),
    [
        ("global", Scope.GLOBAL, "*"),
        (ALICE.mailbox.upper(), Scope.MAILBOX, ALICE.mailbox),
        ("Example.org", Scope.DOMAIN, "example.org"),
        ("counted.login", Scope.MAILBOX, "counted.login@example.org"),
        ("intranet", Scope.DOMAIN, "intranet"),
        ("other", Scope.MAILBOX, "other@example.org"),
    ],
)
def test_a_name_is_what_it_was_counted_as(
    context: ReportContext, tables: Connection, text: str, scope: Scope, key: str
) -> None:
    """A name without "@" that has been counted is what it was counted as."""
    insert_counter(tables, key_of("domain.messages_per_day", "intranet"), 1)
    insert_counter(tables, key_of("mailbox.messages_per_day", "counted.login"), 1)
    subject = context.subject(text, tables)
    assert (subject.scope, subject.key) == (scope, key)


def test_no_subject(context: ReportContext, tables: Connection) -> None:
    """What names none is refused with what is allowed."""
    with pytest.raises(ValueError, match="wildcard"):
        context.subject("*@example.org", tables)


@pytest.mark.parametrize(
    ("name", "exempt"), [("a@example.com", True), ("a@example.org", False), ("example.com", True)]
)
def test_exempt(context: ReportContext, tables: Connection, name: str, *, exempt: bool) -> None:
    """An exempt domain is exempt, and so is each mailbox of it."""
    assert context.is_exempt(context.subject(name, tables)) is exempt


def test_rules(context: ReportContext, tables: Connection) -> None:
    """The limits of the file hold where the database has none."""
    assert context.names_in_force(tables, NOON) == {named("mailbox.messages_per_day")}
    assert not context.observes


def test_other_spellings(context: ReportContext, tables: Connection) -> None:
    """Another spelling of a login is its mailbox; what is stored under it is found by its own name."""
    spellings = LoginMap([("sales", ALICE.mailbox), ("@old.example", "@example.org")])
    mapped = replace(context, login_map=spellings)
    assert mapped.subject("Sales", tables).key == ALICE.mailbox
    assert mapped.mailbox("bob@OLD.example").key == "bob@example.org"
    assert mapped.subject("old.example", tables).scope is Scope.DOMAIN
    assert mapped.subject("bob@example.org", tables).key == "bob@example.org"
    assert mapped.stored_subject("bob@old.example", tables).key == "bob@old.example"
