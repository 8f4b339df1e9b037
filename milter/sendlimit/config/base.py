"""What every table of the config file is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from pydantic import BaseModel, ConfigDict, field_validator

if TYPE_CHECKING:
    from collections.abc import Mapping

    from pydantic.fields import FieldInfo


class Section(BaseModel):
    """A table of the file: unknown keys are errors, and nothing changes after it is read."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, hide_input_in_errors=True)

    @field_validator("*", mode="before")
    @classmethod
    def _without_nul(cls, value: object) -> object:
        if any(isinstance(text, str) and "\0" in text for text in _texts_in(value)):
            raise ValueError("has a NUL character, which no path and no name can have")
        return value


def _texts_in(value: object) -> list[object]:
    return value if isinstance(value, list) else [value]


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """Return the fields of a table by their keys in the file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def table_in(field: FieldInfo) -> type[BaseModel] | None:
    """Return the model of a field that holds a table, an optional table or a table by subject."""
    for candidate in (field.annotation, *get_args(field.annotation)):
        if isinstance(candidate, type) and issubclass(candidate, BaseModel):
            return candidate
    return None


def is_by_subject(field: FieldInfo) -> bool:
    """Say whether a field holds a table for each domain or mailbox."""
    return getattr(field.annotation, "__origin__", None) is dict


def refuse_repeats(subjects: Mapping[str, str]) -> None:
    """Make sure that no subject stands there in two spellings (R2).

    Args:
        subjects: as written, and the key that each is counted under.

    Raises:
        ValueError: names both spellings.
    """
    seen: dict[str, str] = {}
    for written, key in subjects.items():
        before = seen.setdefault(key, written)
        if before != written:
            raise ValueError(f"{before!r} and {written!r} are the same; leave one of them out")
