"""Every key of the config file: its value in force, where that comes from, what it means.

What `sendlimit config` prints and the manual page lists; taken from the models, so that
nothing has to be written twice.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any, NamedTuple, get_args

from pydantic import BaseModel

from sendlimit.config import Config

if TYPE_CHECKING:
    from pydantic.fields import FieldInfo

_BARE = re.compile(r"[A-Za-z0-9_-]+")
_PASSWORD = re.compile(r"(?<=://)([^:@/]*):[^@/]*(?=@)")


class Entry(NamedTuple):
    """One key.

    Attributes:
        key: dotted, as one would write it in the file.
        value: in force, without a password; None: not set, which makes a limit unlimited.
        in_file: it stands in the file; else it has its default.
        meaning: what it is, in one sentence.
    """

    key: str
    value: object
    in_file: bool
    meaning: str

    @property
    def toml(self) -> str:
        """The value as TOML writes it."""
        if self.value is None:
            return '"unlimited"' if self.key.startswith("limits.") else "(not set)"
        return _toml(self.value)


def entries(config: Config) -> list[Entry]:
    """Return every key with its value in force, in the order of the models.

    Of limits and texts for one domain or mailbox only those that are set.
    """
    return list(_entries(config, ""))


def keys() -> list[Entry]:
    """Return every key there is with its default; "..." stands for a domain or mailbox."""
    return list(_keys(Config, ""))


def table_meaning(name: str) -> str:
    """Return what a table of the file is about."""
    field = next(
        field for key, field in Config.model_fields.items() if (field.alias or key) == name
    )
    model = _model(field)
    return (model.__doc__ or "").strip() if model else ""


def _entries(section: BaseModel, prefix: str) -> Iterator[Entry]:
    for name, field in type(section).model_fields.items():
        key = f"{prefix}{field.alias or name}"
        value = getattr(section, name)
        if isinstance(value, BaseModel):
            yield from _entries(value, f"{key}.")
        elif (model := _model(field)) and isinstance(value, Mapping):
            for subject, below in value.items():
                yield from (
                    entry
                    for entry in _entries(below, f"{key}.{_quoted(subject)}.")
                    if entry.in_file
                )
        elif model:
            yield from (entry._replace(value=None) for entry in _keys(model, f"{key}."))
        else:
            shown = _PASSWORD.sub(r"\1:HIDDEN", value) if isinstance(value, str) else value
            yield Entry(key, shown, name in section.model_fields_set, _meaning(field))


def _keys(model: type[BaseModel], prefix: str) -> Iterator[Entry]:
    for name, field in model.model_fields.items():
        key = f"{prefix}{field.alias or name}"
        below = _model(field)
        if below is None:
            default = None if field.is_required() else field.get_default(call_default_factory=True)
            yield Entry(key, default, in_file=False, meaning=_meaning(field))
        elif _is_mapping(field):
            yield from _keys(below, f'{key}."...".')
        else:
            yield from _keys(below, f"{key}.")


def _model(field: FieldInfo) -> type[BaseModel] | None:
    """Return the table that a field holds, by itself, perhaps, or by subject."""
    candidates = [field.annotation, *get_args(field.annotation)]
    for candidate in candidates:
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def _is_mapping(field: FieldInfo) -> bool:
    return getattr(field.annotation, "__origin__", None) is dict


def _meaning(field: FieldInfo) -> str:
    return field.description or ""


def _quoted(part: str) -> str:
    return part if _BARE.fullmatch(part) else json.dumps(part)


def _toml(value: Any) -> str:  # noqa: ANN401 - whatever a model holds
    if isinstance(value, str):
        return json.dumps(value, ensure_ascii=False)
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, (tuple, list)):
        return f"[{', '.join(_toml(item) for item in value)}]"
    return str(value)
