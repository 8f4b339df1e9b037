"""Read the spellings of logins that identity.map_file or identity.map_query names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.config.reading import read_password
from sendlimit.errors import LoginMapError, StoreError
from sendlimit.files import read_octets
from sendlimit.rules.login_map import LoginMap
from sendlimit.store.foreign import read_rows
from sendlimit.store.location import parse_url

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from sendlimit.config import Config

_FIELDS = 2


def read_login_map(config: Config, path: Path) -> LoginMap | None:
    """Read the map; None: the configuration names none.

    Args:
        config: the configuration.
        path: its file, which names the file with the database's password.

    Raises:
        LoginMapError: it is missing or broken; says where, and what is wrong.
        ConfigError: the password can't be read.
    """
    identity = config.identity
    entries: list[tuple[str, str]] = []
    if identity.map_path is not None:
        entries += _of_file(identity.map_path)
    if identity.map_query is not None:
        entries += _of_query(config, path, identity.map_query)
    if not identity.has_map:
        return None
    try:
        return LoginMap(entries, identity.default_domain)
    except ValueError as error:
        where = str(identity.map_path or "identity.map_query")
        raise LoginMapError(f"{where}: {error}") from error


def _of_file(file: Path) -> list[tuple[str, str]]:
    try:
        return [*_entries(file)]
    except UnicodeDecodeError as error:
        place = f"{error.reason} at byte {error.start}"
        raise LoginMapError(f"{file}: is not UTF-8: {place}") from error
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else str(error)
        raise LoginMapError(f"{file}: {reason}") from error


def _of_query(config: Config, path: Path, query: str) -> list[tuple[str, str]]:
    try:
        columns, rows = read_rows(parse_url(config.store.url), read_password(config, path), query)
    except StoreError as error:
        raise LoginMapError(f"identity.map_query: {error}") from error
    if len(columns) != _FIELDS:
        raise LoginMapError("identity.map_query: must return two columns: a login and its mailbox")
    # A login that has no mailbox yet is NULL or empty in some databases.
    return [(str(login), str(mailbox)) for login, mailbox in rows if login and mailbox]


def _entries(file: Path) -> Iterator[tuple[str, str]]:
    for number, line in enumerate(read_octets(file).decode().splitlines(), 1):
        fields = line.split()
        if not fields or fields[0].startswith("#"):
            continue
        if len(fields) != _FIELDS:
            raise ValueError(f"line {number} is not LOGIN MAILBOX: {line.strip()!r}")
        yield fields[0], fields[1]
