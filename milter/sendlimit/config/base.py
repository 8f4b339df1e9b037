"""What every table of the config file is made from."""

from __future__ import annotations

from typing import TYPE_CHECKING

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from collections.abc import Iterable


class Section(BaseModel):
    """A table of the file: unknown keys are errors, nothing changes once it is read."""

    model_config = ConfigDict(
        extra="forbid", frozen=True, strict=True, hide_input_in_errors=True, populate_by_name=True
    )


def each_once(subjects: Iterable[str]) -> None:
    """Make sure that no subject comes twice; capitals make no difference (R2).

    Raises:
        ValueError: with both.
    """
    seen: dict[str, str] = {}
    for subject in subjects:
        before = seen.setdefault(subject.lower(), subject)
        if before != subject:
            raise ValueError(f"{before!r} and {subject!r} are the same; leave one of them out")
