"""What every table of the config file is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Mapping


class Section(BaseModel):
    """A table of the file: unknown keys are errors, nothing changes once it is read."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, populate_by_name=True
    )


def each_once(subjects: Mapping[str, str]) -> None:
    """Make sure that no subject comes twice in two spellings (R2).

    Args:
        subjects: as written, and the key that each is counted under.

    Raises:
        ValueError: with both spellings.
    """
    seen: dict[str, str] = {}
    for written, key in subjects.items():
        before = seen.setdefault(key, written)
        if before != written:
            raise ValueError(f"{before!r} and {written!r} are the same; leave one of them out")
