"""`sendlimit web`: the pages and the API, and who may use them."""

from __future__ import annotations

import re
import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json
from sendlimit.cli.printing import local_time, print_data, print_json, print_note, print_table
from sendlimit.errors import SendlimitError
from sendlimit.store import web_access
from sendlimit.store.sqltime import to_iso

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from sendlimit.store.connection import Connection

_NAME = re.compile(r"[^\s\x00-\x1f\x7f]{1,64}")
_PARTS = ("fastapi", "uvicorn", "jinja2", "argon2")


class NameType(click.ParamType):  # type: ignore[type-arg] # no generic in click 8.1
    """The name of a user or token."""

    name = "NAME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> str:
        """Check it."""
        text = str(value)
        if not _NAME.fullmatch(text):
            self.fail(f"{text!r} is not a name; allowed: 1 to 64 characters, no blanks", param, ctx)
        return text


@click.group(invoke_without_command=True)
@click.pass_context
def web(ctx: click.Context) -> None:
    """Run the web pages and the HTTP API, until it is told to stop.

    Where they listen is the table [web] of the configuration file. The process is one of its own
    beside the daemon: mail does not depend on it. It logs to stderr (systemd's journal). The
    commands below say who may use it.

    Examples:
      sendlimit web --config /etc/sendlimit/sendlimit.toml
      sendlimit web user add carol
      sendlimit web token add panel --role admin
    """
    if ctx.invoked_subcommand is not None:
        return
    _require_parts()
    from sendlimit.web.process import serve  # noqa: PLC0415 - a server without pages has no FastAPI

    serve(ctx.ensure_object(Invocation).path)


def _require_parts() -> None:
    """Say what to do where the parts of the web pages are not installed.

    Raises:
        SendlimitError: one is missing.
    """
    if not all(find_spec(part) for part in _PARTS):
        raise SendlimitError(
            "the parts of the web pages are not installed: run 'script/install --web',"
            " or install the Debian package sendlimit-web"
        )


@web.group()
def token() -> None:
    """Set which programs may use the API over TCP."""


@token.command("add")
@click.argument("name", type=NameType())
@click.option(
    "--role",
    type=click.Choice(["read", "admin"]),
    required=True,
    help="read: the usage of subjects; admin: everything.",
)
@pass_invocation
def add_token(invocation: Invocation, *, name: str, role: str) -> None:
    """Make a token and print it; it is not shown again, as only a hash of it is kept.

    Example: sendlimit web token add panel --role admin > /etc/sendlimit-panel/panel.token
    """
    secret = web_access.new_secret()
    added = web_access.Token(name, role)
    with invocation.database() as connection:
        digest = web_access.digest(secret)
        if not web_access.add_token(connection, added, digest, invocation.now()):
            raise SendlimitError(
                f"there is a token {name} already: 'sendlimit web token revoke' removes it"
            )
    print_data(secret)


@token.command("list")
@as_json
@pass_invocation
def list_tokens(invocation: Invocation, *, as_json: bool) -> None:
    """List the tokens by name.

    Example: sendlimit web token list
    """
    with invocation.database() as connection:
        found = web_access.tokens(connection)
    rows = [(each._asdict(), added_at) for each, added_at in found]
    _print(invocation, rows, ("added_at", "|ADDED"), as_json=as_json)


@token.command("revoke")
@click.argument("name", type=NameType())
@pass_invocation
def revoke_token(invocation: Invocation, name: str) -> None:
    """Remove a token: it is refused from the next request on.

    Example: sendlimit web token revoke panel
    """
    _remove(invocation, "token", name, web_access.remove_token)
    print_note(f"the token {name} is revoked")


@web.group()
def user() -> None:
    """Set which admins may log in to the pages."""


@user.command("add")
@click.argument("name", type=NameType())
@pass_invocation
def add_user(invocation: Invocation, name: str) -> None:
    """Add a user, or give one another password, which ends the user's sessions.

    The password is read from the terminal, or is the first line of standard input.

    Example: sendlimit web user add carol
    """
    _require_parts()
    from sendlimit.web.passwords import PASSWORD_MIN, hashed  # noqa: PLC0415 - has argon2

    password = _read_password()
    if len(password) < PASSWORD_MIN:
        raise SendlimitError(
            f"the password has {len(password)} characters; allowed: {PASSWORD_MIN} or more"
        )
    with invocation.database() as connection:
        was_there = web_access.set_user(connection, name, hashed(password), invocation.now())
    print_note(f"{name} has a new password" if was_there else f"{name} may log in now")


def _read_password() -> str:
    if sys.stdin.isatty():
        entered: str = click.prompt("Password", hide_input=True, confirmation_prompt=True, err=True)
        return entered
    return sys.stdin.readline().rstrip("\r\n")


@user.command("list")
@as_json
@pass_invocation
def list_users(invocation: Invocation, *, as_json: bool) -> None:
    """List the users.

    Example: sendlimit web user list
    """
    with invocation.database() as connection:
        found = web_access.users(connection)
    rows = [({"name": name}, set_at) for name, set_at in found]
    _print(invocation, rows, ("set_at", "|PASSWORD SET"), as_json=as_json)


@user.command("remove")
@click.argument("name", type=NameType())
@pass_invocation
def remove_user(invocation: Invocation, name: str) -> None:
    """Remove a user and end the user's sessions.

    Example: sendlimit web user remove carol
    """
    _remove(invocation, "user", name, web_access.remove_user)
    print_note(f"{name} may not log in any more")


def _remove(
    invocation: Invocation, what: str, name: str, remove: Callable[[Connection, str], bool]
) -> None:
    """Remove a user or token.

    Raises:
        SendlimitError: there is none of the name.
    """
    with invocation.database() as connection:
        if not remove(connection, name):
            raise SendlimitError(f"there is no {what} {name}; see 'sendlimit web {what} list'")


def _print(
    invocation: Invocation,
    rows: Sequence[tuple[Mapping[str, str], int | None]],
    moment: tuple[str, str],
    *,
    as_json: bool,
) -> None:
    """List users or tokens.

    Args:
        invocation: of the command.
        rows: what each has by its JSON keys, and a moment, None if it can't be read.
        moment: its JSON key, and its heading.
        as_json: not as a table.
    """
    key, heading = moment
    if as_json:
        print_json([{**columns, key: to_iso(at)} for columns, at in rows])
    elif rows:
        calendar = invocation.calendar
        print_table(
            (*(name.upper() for name in rows[0][0]), heading),
            [
                (*columns.values(), "?" if at is None else local_time(calendar, at))
                for columns, at in rows
            ],
        )
    else:
        print_note("there is none")
