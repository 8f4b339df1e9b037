"""`sendlimit check`: one line a layer, from the file to the socket."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import click

from sendlimit.cli.invocation import Invocation, as_json, pass_invocation
from sendlimit.cli.printing import print_json, print_table
from sendlimit.doctor.reach import daemon_answers, obstacle
from sendlimit.errors import ConfigError, SendlimitError
from sendlimit.store import SCHEMA_VERSION
from sendlimit.store.migrations import schema_version
from sendlimit.store.rows import check_version
from sendlimit.store.setup import RIGHTS, missing_rights

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sendlimit.rules.limit import LimitName
    from sendlimit.store.connection import Connection

_OK, _WARNING, _ERROR = "OK", "WARNING", "ERROR"


class Line(NamedTuple):
    """What was found about one layer; state is OK, WARNING or ERROR."""

    state: str
    layer: str
    message: str


@click.command()
@as_json
@pass_invocation
def check(invocation: Invocation, *, as_json: bool) -> None:
    """Check the file, the database, rights, limits and the socket.

    Nothing is changed. Run it as root, who may read everything. Exit code 0 when there is no
    error, 2 when the configuration is wrong, else 1. 'sendlimit doctor' goes further and looks
    at Postfix, too.

    Example: sendlimit check
    """
    try:
        invocation.config  # noqa: B018 - reads the file
    except ConfigError as error:
        lines = [Line(_ERROR, "file", problem) for problem in error.problems]
        exit_code = error.exit_code
    else:
        lines = [
            Line(_OK, "file", str(invocation.path)),
            *_database(invocation),
            _socket(invocation),
        ]
        exit_code = int(any(line.state == _ERROR for line in lines))
    if as_json:
        print_json([line._asdict() | {"state": line.state.lower()} for line in lines])
    else:
        print_table(("|", "|", ""), lines)
    click.get_current_context().exit(exit_code)


def _database(invocation: Invocation) -> Iterator[Line]:
    """Look at the store, layer by layer, as far as they bear each other."""
    names = invocation.file_settings.names()
    try:
        with invocation.connection() as connection:
            yield Line(_OK, "database", str(invocation.location))
            yield (schema := _schema(connection, invocation))
            if schema.state == _OK:
                yield _grants(connection)
                names = invocation.rules(connection).names()
    except SendlimitError as error:
        yield Line(_ERROR, "database", str(error))
    yield _limits(names)


def _schema(connection: Connection, invocation: Invocation) -> Line:
    try:
        check_version(schema_version(connection), invocation.location)
    except SendlimitError as error:
        return Line(_ERROR, "schema", str(error))
    return Line(_OK, "schema", f"version {SCHEMA_VERSION}")


def _grants(connection: Connection) -> Line:
    if missing := missing_rights(connection):
        return Line(
            _ERROR,
            "rights",
            f"missing: {', '.join(missing)}; 'sendlimit db init --print' shows the GRANT",
        )
    return Line(_OK, "rights", ", ".join(RIGHTS))


def _limits(names: frozenset[LimitName]) -> Line:
    if not names:
        return Line(
            _WARNING,
            "limits",
            "nothing is limited: set limits in the file, or with 'sendlimit limit set'",
        )
    return Line(_OK, "limits", ", ".join(sorted(str(name) for name in names)))


def _socket(invocation: Invocation) -> Line:
    section = invocation.config.milter
    try:
        if not daemon_answers(section.socket):
            return Line(
                _ERROR, "socket", f"{section.socket}: somebody listens, but it is no milter"
            )
        if section.path is not None and (reason := obstacle(section.path, section.socket_group)):
            return Line(_ERROR, "socket", f"{section.socket}: the daemon answers, but {reason}")
    except FileNotFoundError:
        reason = "no daemon listens there: start it with 'systemctl start sendlimit'"
    except OSError as error:
        reason = f"the daemon does not answer: {error.strerror or error}"
    else:
        return Line(_OK, "socket", f"{section.socket}: the daemon answers")
    return Line(_ERROR, "socket", f"{section.socket}: {reason}")
