"""Read the config file and the password, and say what is wrong in words an admin can act on."""

from __future__ import annotations

import difflib
import os
import stat
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from pydantic import BaseModel, ValidationError

from sendlimit.config import Config
from sendlimit.errors import ConfigError
from sendlimit.store.location import parse_url

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

DEFAULT_PATH = Path("/etc/sendlimit/sendlimit.toml")
PATH_VARIABLE = "SENDLIMIT_CONFIG"
CREDENTIAL = "store.password"
"""Name of the systemd credential that the password is read from when no file is named."""


def default_path() -> Path:
    """Return the config file of commands that name none."""
    return Path(os.environ.get(PATH_VARIABLE) or DEFAULT_PATH)


def load(path: Path) -> Config:
    """Read and check the file.

    Raises:
        ConfigError: with a sentence for each problem found.
    """
    try:
        document = tomllib.loads(path.read_bytes().decode())
    except OSError as error:
        raise ConfigError([f"{path}: can't be read: {error.strerror}"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError(
            [f"{path}: is not UTF-8: {error.reason} at byte {error.start}"]
        ) from error
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{path}: is not TOML: {error}"]) from error
    try:
        config = Config.model_validate(document)
    except ValidationError as error:
        # Without the input, which may hold a password.
        problems = [
            _sentence(path, detail)
            for detail in error.errors(include_input=False, include_url=False)
        ]
        raise ConfigError(problems) from None
    if getattr(parse_url(config.store.url), "password", None) is not None and _world_readable(path):
        problem = "holds a password and every local user can read the file"
        remedy = f"run 'chmod o= {path}' or move it to store.password_file"
        raise ConfigError([f"{path}: store.url: {problem}; {remedy}"])
    return config


def read_password(config: Config, path: Path) -> str:
    """Return the store's password: from its file, a systemd credential or the url; "" if none.

    Raises:
        ConfigError: the file can't be read, or everybody can read it.
    """
    location = parse_url(config.store.url)
    in_url = getattr(location, "password", None)
    if in_url is not None:
        return str(in_url)
    credentials = os.environ.get("CREDENTIALS_DIRECTORY")
    if config.store.password_file is not None:
        file = Path(config.store.password_file)
    elif credentials and (Path(credentials) / CREDENTIAL).exists():
        file = Path(credentials) / CREDENTIAL
    else:
        return ""
    return secret(file, f"{path}: store.password_file")


def secret(file: Path, key: str) -> str:
    """Return the first line of a file that only the daemon may read.

    Raises:
        ConfigError: names the key, the file and the remedy.
    """
    try:
        if _world_readable(file):
            raise ConfigError([f"{key}: every local user can read {file}; run 'chmod o= {file}'"])
        return file.read_text(encoding="utf-8").partition("\n")[0].rstrip("\r")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError([f"{key}: {file} can't be read: {reason}"]) from error


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


def _sentence(path: Path, detail: ErrorDetails) -> str:
    """Say one problem as "FILE: KEY: what is wrong, what is allowed"."""
    where = [
        str(part)
        for part in detail["loc"]
        if not str(part).startswith(("function-", "tuple[", "literal["))
    ]
    key = ".".join(f'"{part}"' if "." in part or "@" in part else part for part in where)
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


def _keys_beside(where: list[str]) -> list[str]:
    """Return the keys that are known in the table of an unknown one."""
    model: Any = Config
    for part in where[:-1]:
        fields = {field.alias or name: field for name, field in model.model_fields.items()}
        if part not in fields:
            continue  # the name of a domain or mailbox
        annotation = fields[part].annotation
        candidates = [annotation, *get_args(annotation)]
        model = next(
            (item for item in candidates if isinstance(item, type) and issubclass(item, BaseModel)),
            model,
        )
    return sorted(field.alias or name for name, field in model.model_fields.items())
