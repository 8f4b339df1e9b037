"""`sendlimit notify test`: whether notices arrive where [notify] sends them."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json
from sendlimit.cli.printing import print_json, print_note, print_table
from sendlimit.errors import SendlimitError
from sendlimit.rules.mailbox import sender_of

if TYPE_CHECKING:
    from sendlimit.notify.notices import Notice
    from sendlimit.notify.outbox import Route


@click.group()
def notify() -> None:
    """Look after the notices to admins and owners of mailboxes."""


@notify.command("test")
@click.option("--owner", metavar="MAILBOX", help="Send it to this mailbox, too, as to its owner.")
@as_json
@pass_invocation
def test_notices(invocation: Invocation, *, owner: str | None, as_json: bool) -> None:
    """Send a test by each route of [notify], and say what became of it.

    It is sent once, by this command: no daemon needs to run, and nothing is tried again. Exit
    code 1 when a receiver did not take it.

    Example: sendlimit notify test --owner alice@example.org
    """
    from sendlimit.notify.notices import Event, Notice  # noqa: PLC0415 - 6 MB
    from sendlimit.notify.notifier import routes_of  # noqa: PLC0415 - as above

    config = invocation.config
    if config.notify is None:
        raise SendlimitError(f"{invocation.path}: [notify] is not there: no one is told anything")
    sender = sender_of(owner, config.identity.default_domain) if owner else None
    notice = Notice(
        secrets.token_hex(16),
        Event.TEST,
        invocation.now(),
        observe=config.mode == "observe",
        sender=sender,
    )
    routes = routes_of(config, config.notify, invocation.path)
    found = [_outcome(route, notice) for route in routes if route.takes(notice)]
    if as_json:
        print_json(
            [{"route": route, "sent": not why, "reason": why or None} for route, why in found]
        )
    else:
        print_table(("", ""), [(route, why or "sent") for route, why in found])
        if config.notify.mail_owner and sender is None:
            print_note("mail_owner: not tried; --owner MAILBOX says whom to send it to")
    click.get_current_context().exit(int(any(why for _, why in found)))


def _outcome(route: Route, notice: Notice) -> tuple[str, str]:
    """Return the name of a route, and why it failed; "" when the notice was taken."""
    from sendlimit.notify.outbox import DeliveryError  # noqa: PLC0415 - as above

    try:
        route.deliver(notice)
    except DeliveryError as error:
        return route.name, str(error)
    return route.name, ""
