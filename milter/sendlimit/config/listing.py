"""Every key of the config file: its value in force, its origin and its meaning.

`sendlimit config`, the manual page and the template of the file take them from here.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

from pydantic import BaseModel

from sendlimit.config import Config
from sendlimit.config.base import fields_of, is_by_subject, table_in
from sendlimit.rules.learning import LearnRule

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PASSWORD = re.compile(r"(?<=://)([^:@/]*):[^@/]*(?=@)")


class Entry(NamedTuple):
    """One key.

    Attributes:
        key: dotted, as in the file.
        value: the value in force, without a password; None: not set, which for a limit is unlimited.
        in_file: whether the file sets it; else it has its default.
        meaning: one sentence, without its capital and its full stop.
        default: the value where the file sets none.
    """

    key: str
    value: object
    in_file: bool
    meaning: str
    default: object = None

    @property
    def is_changed(self) -> bool:
        """Whether the file sets it to something else than the default."""
        return self.in_file and self.value != self.default

    @property
    def toml(self) -> str:
        """The value as TOML writes it."""
        if self.value is None:
            return '"unlimited"' if self.key.startswith("limits.") else "(not set)"
        return as_toml(self.value)


def entries(config: Config) -> list[Entry]:
    """Return every key with its value in force, in the order of the models.

    The limits and texts of one domain or mailbox are listed only where they are set.
    """
    return list(_entries(config, ""))


def keys() -> list[Entry]:
    """Return every key with its default; "..." stands for a domain or mailbox."""
    return list(_keys(Config, ""))


def table_meaning(name: str) -> str:
    """Return the description of a table of the file, in one line."""
    model = table_in(fields_of(Config)[name])
    return " ".join(((model and model.__doc__) or "").split())


def _entries(section: BaseModel, prefix: str) -> Iterator[Entry]:
    for name, field in type(section).model_fields.items():
        key = f"{prefix}{field.alias or name}"
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _entries(value, f"{key}.")
        elif (model := table_in(field)) and isinstance(value, Mapping):
            for subject, below in value.items():
                yield from (
                    entry for entry in _entries(below, f"{key}.{quoted(subject)}.") if entry.in_file
                )
        elif model:
            yield from (entry._replace(value=None) for entry in _keys(model, f"{key}."))
        else:
            shown = _PASSWORD.sub(r"\1:HIDDEN", value) if isinstance(value, str) else value
            yield Entry(
                key,
                shown,
                name in section.model_fields_set,
                _meaning(field),
                default_of(field),
            )


def _keys(model: type[BaseModel], prefix: str) -> Iterator[Entry]:
    for name, field in fields_of(model).items():
        key = f"{prefix}{name}"
        below = table_in(field)
        if below is None:
            yield Entry(key, default_of(field), in_file=False, meaning=_meaning(field))
        elif is_by_subject(field):
            yield from _keys(below, f'{key}."...".')
        else:
            yield from _keys(below, f"{key}.")


def default_of(field: FieldInfo) -> object:
    """Return the value of a key that the file does not set; None for one that it must set."""
    return None if field.is_required() else field.get_default(call_default_factory=True)


def _meaning(field: FieldInfo) -> str:
    return field.description or ""


def quoted(part: str) -> str:
    """Return a part of a dotted key, in quotes where TOML wants them."""
    return part if _BARE.fullmatch(part) else json.dumps(part)


def as_json_value(value: Any) -> Any:  # noqa: ANN401 - any type that a model holds
    """Return a value as JSON has it: a learned limit as the table that the file has."""
    if isinstance(value, LearnRule):
        times = value.percent / 100
        bounds = {"at_least": value.at_least, "at_most": value.at_most}
        return {"learned": {"times": times, **bounds}}
    return value


def as_toml(value: Any) -> str:  # noqa: ANN401 - any type that a model holds
    """Return a value as TOML writes it."""
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, LearnRule):
        bounds = f"at_least = {value.at_least}, at_most = {value.at_most}"
        return f"{{ learned = {{ times = {value.percent / 100:g}, {bounds} }} }}"
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(as_toml(item) for item in value)}]"
    return str(value)
