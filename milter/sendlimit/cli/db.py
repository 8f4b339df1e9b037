"""`sendlimit db`: the tables, and for MariaDB the database and its user."""

from __future__ import annotations

import secrets
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json, database_options, value_of
from sendlimit.cli.printing import print_data, print_json, print_note
from sendlimit.config.reading import read_password, secret
from sendlimit.errors import SendlimitError, StoreError
from sendlimit.store import SCHEMA_VERSION
from sendlimit.store.connection import open_connection
from sendlimit.store.drivers import make_file
from sendlimit.store.location import MariaDBLocation, SQLiteLocation
from sendlimit.store.migrations import pending, schema_version, upgrade
from sendlimit.store.owner import rights_of_owner
from sendlimit.store.rows import check_version
from sendlimit.store.setup import (
    RIGHTS,
    accounts,
    admin_location,
    client_hosts,
    missing_rights,
    open_admin,
    script,
    set_up,
)

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sendlimit.store.connection import Connection

_SET_PASSWORD = "SET PASSWORD FOR '{}'@'HOST' = PASSWORD('...')"  # noqa: S105 - without one
_PASSWORD_FILE = "/etc/sendlimit/store.password"  # noqa: S105 - a path


_admin_options = database_options(
    "admin",
    url_help="Connect as an admin of MariaDB: 'mariadb://root@localhost?unix_socket=/run/mysqld/mysqld.sock'.",
    file_help="File with the admin's password.",
)


@click.group()
def db() -> None:
    """Make the tables in the database, or bring them up to date."""


@db.command()
@_admin_options
@click.option(
    "--client-host",
    "hosts",
    multiple=True,
    metavar="HOST",
    help="From where the daemon connects, as MariaDB names it; default: from store.url.",
)
@click.option(
    "--print",
    "only_print",
    is_flag=True,
    help="Print the SQL for a database administrator; do nothing.",
)
@pass_invocation
def init(
    invocation: Invocation,
    *,
    admin_url: str | None,
    admin_password_file: Path | None,
    hosts: Sequence[str],
    only_print: bool,
) -> None:
    r"""Make what store.url names; running it again is harmless.

    SQLite: the file with its tables. MariaDB: the tables, with the user of store.url, who
    must be allowed to create them. With --admin-url also the database, that user, and the
    rights it needs: SELECT, INSERT, UPDATE and DELETE in this database, nothing else. Its
    password is the one in store.password_file, or made up and shown once.

    Examples:
      sendlimit db init
      sendlimit db init \
        --admin-url 'mariadb://root@localhost?unix_socket=/run/mysqld/mysqld.sock'
      sendlimit db init --print > sendlimit.sql
    """
    location = invocation.location
    if only_print:
        _print_script(invocation, hosts)
    elif isinstance(location, SQLiteLocation):
        with rights_of_owner(Path(location.path)):
            make_file(location)
        with invocation.connection() as connection:
            _make_tables(connection, invocation)
    elif admin_url is None:
        _init_as_user(invocation)
    else:
        with _admin(admin_url, admin_password_file) as connection:
            _init_as_admin(connection, invocation, location, hosts)


@db.command("upgrade")
@_admin_options
@pass_invocation
def upgrade_tables(
    invocation: Invocation, *, admin_url: str | None, admin_password_file: Path | None
) -> None:
    """Bring the tables to the version that this release needs.

    Make a backup first. MariaDB: the user of store.url must be allowed to alter tables; else
    use --admin-url.

    Example: sendlimit db upgrade
    """
    location = invocation.location
    with (
        _admin(admin_url, admin_password_file)
        if admin_url is not None and isinstance(location, MariaDBLocation)
        else invocation.connection()
    ) as connection:
        if admin_url is not None and isinstance(location, MariaDBLocation):
            connection.execute(f"USE `{location.database}`")
        if schema_version(connection) is None:
            check_version(None, location)
        _make_tables(connection, invocation)


@db.command()
@as_json
@pass_invocation
def status(invocation: Invocation, *, as_json: bool) -> None:
    """Tell which version the tables have, and which this release needs.

    Exit code 1 when they differ.

    Example: sendlimit db status
    """
    location = invocation.location
    with invocation.connection() as connection:
        version = schema_version(connection)
        files = [migration.path.name for migration in pending(connection, location)]
    if as_json:
        print_json(
            {"store": str(location), "version": version, "needed": SCHEMA_VERSION, "pending": files}
        )
    else:
        print_data(f"store:   {location}")
        print_data(
            f"version: {'no tables' if version is None else version}, this release needs {SCHEMA_VERSION}"
        )
        print_data(*(f"to run:  {file}" for file in files))
    check_version(version, location)


def _make_tables(connection: Connection, invocation: Invocation) -> None:
    """Run the migrations that have not been run, and print what was done."""
    before = schema_version(connection)
    after = upgrade(connection, invocation.location)
    check_version(after, invocation.location)
    change = (
        "nothing to do"
        if before == after
        else "made"
        if before is None
        else f"upgraded from version {before}"
    )
    print_note(f"{invocation.location}: tables of version {after}: {change}")


def _init_as_user(invocation: Invocation) -> None:
    try:
        with invocation.connection() as connection:
            _make_tables(connection, invocation)
    except StoreError as error:
        raise SendlimitError(
            f"{error}\nif database, user or the right to create tables is missing: use --admin-url,"
            " or give a database administrator what 'sendlimit db init --print' prints"
        ) from error


def _init_as_admin(
    connection: Connection,
    invocation: Invocation,
    location: MariaDBLocation,
    given_hosts: Sequence[str],
) -> None:
    """Make database, user, rights and tables; then log in as the user, if it is for this host."""
    hosts = given_hosts or client_hosts(location)
    password = _configured_password(invocation)
    existing = accounts(connection, location, hosts)
    generated = None
    if password is None and len(existing) < len(hosts):
        if existing:
            raise SendlimitError(
                f"user {location.user} exists for {', '.join(existing)}, not for all of"
                f" {', '.join(hosts)}, and its password is not known here: put it into"
                " store.password_file"
            )
        generated = secrets.token_urlsafe(24)
    set_up(connection, location, password or generated or "", hosts)
    rights = f"may {', '.join(RIGHTS)} in {location.database}, nothing else"
    print_note(f"user {location.user} (from {', '.join(hosts)}) {rights}")
    if generated is not None:
        # It is shown before a later step can fail.
        _print_password(generated, invocation)
    _make_tables(connection, invocation)
    if given_hosts:
        return
    if generated is not None:
        _check_login(location, generated, "say with --client-host from where the daemon connects")
    elif password is not None:
        _check_login(
            location,
            password,
            "the user was there before with another password; to give it the one in the file:"
            f" {_SET_PASSWORD.format(location.user)}",
        )
    else:
        print_note(
            f"user {location.user} was there and keeps its password, which store.password_file does"
            f" not have; to give it another: {_SET_PASSWORD.format(location.user)}"
        )


def _check_login(location: MariaDBLocation, password: str, remedy: str) -> None:
    """Log in as the daemon will do.

    Raises:
        SendlimitError: it failed; says what to do.
    """
    try:
        connection = open_connection(location, password)
    except StoreError as error:
        raise SendlimitError(f"{error}\n{remedy}") from error
    missing = missing_rights(connection)
    connection.close()
    if missing:
        raise SendlimitError(f"{location}: rights are missing: {', '.join(missing)}")
    print_note(f"{location}: can log in and has the rights it needs")


def _print_password(password: str, invocation: Invocation) -> None:
    """Print a generated password alone on stdout, and what to do with it on stderr."""
    configured = invocation.config.store.password_file
    file = configured or _PASSWORD_FILE
    print_note("a password was made up; it is stored nowhere and shown this once:")
    print_data(password)
    print_note(
        "put it where only the daemon can read it:",
        f"  install -m 0600 -o sendlimit /dev/null {file}",
        f"  cat > {file}     (paste it, Enter, Ctrl-D)",
    )
    if configured is None:
        print_note(f'and name the file in {invocation.path}, [store]: password_file = "{file}"')


def _print_script(invocation: Invocation, hosts: Sequence[str]) -> None:
    location = invocation.location
    password = _configured_password(invocation)
    if isinstance(location, MariaDBLocation):
        if password is None:
            password = secrets.token_urlsafe(24)
            print_note(
                "the SQL has a made-up password in it (IDENTIFIED BY): put it into store.password_file, too"
            )
        else:
            print_note("the SQL has the password of store.password_file in it: keep it to yourself")
        hosts = hosts or client_hosts(location)
    click.echo(script(location, password or "", hosts))


def _configured_password(invocation: Invocation) -> str | None:
    """Return the password of the daemon's user; None: its file does not exist yet."""
    file = invocation.config.store.password_file
    if file is not None and not Path(file).exists():
        return None
    return read_password(invocation.config, invocation.path) or None


@contextmanager
def _admin(url: str, password_file: Path | None) -> Iterator[Connection]:
    """Connect as an admin of the database server."""
    with value_of("--admin-url"):
        location = admin_location(url)
    password = (
        secret(password_file, "--admin-password-file") if password_file else location.password or ""
    )
    connection = open_admin(location, password)
    try:
        yield connection
    finally:
        connection.close()
