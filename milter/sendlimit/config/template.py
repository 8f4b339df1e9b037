"""The file that a new installation begins with, made from the models.

`python -m sendlimit.config.template` prints it; a test compares the output with
etc/sendlimit.toml.
"""

from __future__ import annotations

import sys
import textwrap
from typing import TYPE_CHECKING, Any

from sendlimit.config import Config
from sendlimit.config.base import fields_of, is_by_subject, table_in
from sendlimit.config.listing import as_toml, default_of, quoted, table_meaning

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic import BaseModel

_WIDTH = 100
_HEAD = (
    "sendlimit's configuration. What is commented out has its default, unless it is called an"
    " example. `sendlimit config` prints the values in force, docs/configuration.md and"
    " sendlimit.toml(5) explain them. After a change run `sendlimit check`, then `systemctl reload"
    " sendlimit`; state_dir, journal_dir and the tables milter, store and metrics need `systemctl restart"
    " sendlimit`."
)
_SET = {
    "mode": Config().mode,
    "store.url": Config().store.url,
    "limits.global.messages_per_day": 999,
    "limits.mailbox.messages_per_day": 100,
}
"""What the template sets; every other key is a comment."""


def rendered() -> str:
    """Return the whole file.

    A key that has neither a default nor an example is left out, as most limits are.
    """
    lines = [*_comment(_HEAD), "", *_keys(Config, "", "")]
    for name, field in fields_of(Config).items():
        if model := table_in(field):
            mark = "" if default_of(field) else "# "
            lines += ["", *_comment(table_meaning(name)), f"{mark}[{name}]"]
            lines += _keys(model, f"{name}.", "")
    return "\n".join(lines) + "\n"


def _keys(model: type[BaseModel], table: str, prefix: str) -> Iterator[str]:
    """Write the keys of a table; those of tables in it become dotted keys."""
    for name, field in fields_of(model).items():
        key, below = prefix + name, table_in(field)
        meaning = (field.description or "")[:1].upper() + (field.description or "")[1:]
        example: Any = field.examples[0] if field.examples else None
        if below and is_by_subject(field):
            yield from _comment(f"{meaning} (example).")
            yield from _tables(f"{table}{key}", example)
        elif below and table:
            yield from _keys(below, table, f"{key}.")
        elif below:
            pass  # a table of its own
        elif (full := table + key) in _SET:
            yield from (*_comment(f"{meaning}."), f"{key} = {as_toml(_SET[full])}")
        elif example is not None:
            yield from (*_comment(f"{meaning} (example)."), f"# {key} = {as_toml(example)}")
        elif (default := default_of(field)) is not None:
            yield from (*_comment(f"{meaning}."), f"# {key} = {as_toml(default)}")


def _tables(name: str, by_subject: Mapping[str, Mapping[str, Any]]) -> Iterator[str]:
    """Write tables for single domains and mailboxes as comments."""
    for subject, table in by_subject.items():
        yield f"# [{name}.{quoted(subject)}]"
        for key, value in _flat(table):
            yield f"# {key} = {as_toml(value)}"


def _flat(table: Mapping[str, Any]) -> Iterator[tuple[str, object]]:
    for key, value in table.items():
        if isinstance(value, dict):
            yield from ((f"{key}.{below}", inner) for below, inner in _flat(value))
        else:
            yield key, value


def _comment(text: str) -> list[str]:
    return textwrap.wrap(
        text,
        _WIDTH,
        initial_indent="# ",
        subsequent_indent="# ",
        break_long_words=False,
        break_on_hyphens=False,
    )


if __name__ == "__main__":
    sys.stdout.write(rendered())
