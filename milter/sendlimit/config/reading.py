"""Read the config file and the files with secrets; each problem names file, key and remedy."""

from __future__ import annotations

import codecs
import difflib
import os
import shlex
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from sendlimit.config import Config
from sendlimit.config.base import fields_of, table_in
from sendlimit.errors import ConfigError, UnusableFile
from sendlimit.files import read_octets
from sendlimit.store.location import SQLiteLocation, parse_url
from sendlimit.store.owner import as_owner

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from pydantic import BaseModel
    from pydantic_core import ErrorDetails

DEFAULT_PATH = Path("/etc/sendlimit/sendlimit.toml")
PATH_VARIABLE = "SENDLIMIT_CONFIG"
_HUGE = 1 << 63
CREDENTIAL = "store.password"
"""Name of the systemd credential that the password is read from when no file is named."""


def default_path() -> Path:
    """Return the config file of a command that names none."""
    return Path(os.environ.get(PATH_VARIABLE) or DEFAULT_PATH)


def load(path: Path) -> Config:
    """Read and check the file.

    Raises:
        ConfigError: has one sentence for each problem.
    """
    try:
        octets = read_octets(path)
        if octets.startswith(codecs.BOM_UTF8):
            raise ConfigError(
                [f"{path}: begins with a byte order mark; save it as UTF-8 without one"]
            )
        document = tomllib.loads(octets.decode())
    except OSError as error:
        raise ConfigError([f"{path}: can't be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            [f"{path}: is not UTF-8: {error.reason} at byte {error.start}"]
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: is not TOML: {error}"]) from error
    except ValueError as error:
        raise ConfigError([f"{path}: has a number of thousands of digits"]) from error
    except RecursionError as error:
        raise ConfigError([f"{path}: is not TOML: nested too deep"]) from error
    if huge := [*_huge_numbers(document)]:
        raise ConfigError([f"{path}: {key}: is a number of more than 64 bits" for key in huge])
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        # The input is left out: it may hold a password.
        problems = [
            _problem(path, detail)
            for detail in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigError(problems) from None
    if getattr(parse_url(config.store.url), "password", None) is not None and _world_readable(path):
        problem = "holds a password and every local user can read the file"
        remedy = f"run {_closing(path)!r} or move it to store.password_file"
        raise ConfigError([f"{path}: store.url: {problem}; {remedy}"])
    return config


def _huge_numbers(value: object, *keys: str) -> Iterator[str]:
    """Yield the keys of numbers that TOML has no room for; they could not even be named in a sentence."""
    if isinstance(value, dict):
        for key, inner in value.items():
            yield from _huge_numbers(inner, *keys, str(key))
    elif isinstance(value, list):
        for inner in value:
            yield from _huge_numbers(inner, *keys)
    elif isinstance(value, int) and not -_HUGE <= value < _HUGE:
        yield _dotted(keys)


def read_password(config: Config, path: Path) -> str:
    """Return the store's password: from its file, a systemd credential or the url; "" if none.

    Raises:
        UnusableFile: the file can't be read, or every local user can read it.
    """
    location = parse_url(config.store.url)
    if isinstance(location, SQLiteLocation):
        return ""
    if location.password is not None:
        return location.password
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if config.store.password_file is not None:
        file = Path(config.store.password_file)
    elif credentials and (Path(credentials) / CREDENTIAL).exists():
        file = Path(credentials) / CREDENTIAL
    else:
        return ""
    return secret(file, f"{path}: store.password_file")


def _closing(file: Path) -> str:
    """Return the command that closes a file to other users."""
    return as_owner(file.absolute(), f"chmod o= {shlex.quote(str(file))}")


def secret(file: Path, key: str) -> str:
    """Return the first line of a file that only the daemon may read.

    Raises:
        UnusableFile: names the key, the file and the remedy.
    """
    try:
        if _world_readable(file):
            raise UnusableFile([f"{key}: every local user can read {file}; run {_closing(file)!r}"])
        return read_octets(file).decode().partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise UnusableFile([f"{key}: {file} can't be read: {reason}"]) from error


def _world_readable(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IROTH)


_TYPES = {
    "string_type": 'is not a text; write it in quotes, as in key = "value"',
    "int_type": "is not a whole number",
    "float_type": "is not a number",
    "bool_type": "is not true or false",
    "tuple_type": 'is not a list; write it as ["one", "two"]',
    "model_type": "is not a table",
    "dict_type": "is not a table",
    "missing": "is missing",
}


def _problem(path: Path, detail: ErrorDetails) -> str:
    """Return one problem as "FILE: KEY: what is wrong, what is allowed"."""
    where = [
        str(part)
        for part in detail["loc"]
        if not str(part).startswith(("function-", "tuple[", "literal["))
    ]
    key = _dotted(where)
    kind = detail["type"]
    if kind == "extra_forbidden":
        allowed = _keys_beside(where)
        near = difflib.get_close_matches(where[-1], allowed, 1)
        hint = f"did you mean {near[0]}? " if near else ""
        text = f"is not a known key; {hint}allowed: {', '.join(allowed)}"
    elif kind in _TYPES:
        text = _TYPES[kind]
    elif kind == "literal_error":
        text = f"is not one of the values allowed: {detail['ctx']['expected']}"
    else:
        text = detail["msg"].removeprefix("Value error, ").replace("Input should be", "must be")
    return f"{path}: {key}: {text}" if key else f"{path}: {text}"


def _dotted(keys: Sequence[str]) -> str:
    return ".".join(f'"{part}"' if "." in part or "@" in part else part for part in keys)


def _keys_beside(where: list[str]) -> list[str]:
    """Return the known keys of the table that holds an unknown one."""
    model: type[BaseModel] = Config
    for part in where[:-1]:
        field = fields_of(model).get(part)
        if field is not None:  # else the part is the name of a domain or mailbox
            model = table_in(field) or model
    return sorted(fields_of(model))
