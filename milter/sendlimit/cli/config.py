"""`sendlimit config`: every setting in force."""

from __future__ import annotations

import textwrap

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json
from sendlimit.cli.printing import INDENT, WIDTH, print_data, print_json, print_note
from sendlimit.cli.spelling import did_you_mean
from sendlimit.config.listing import as_json_value, entries
from sendlimit.errors import SendlimitError


@click.command()
@click.argument("key", default="")
@click.option(
    "--changed", is_flag=True, help="Only what the file sets to something else than the default."
)
@as_json
@pass_invocation
def config(invocation: Invocation, key: str, *, changed: bool, as_json: bool) -> None:
    """Print every setting in force and where it comes from.

    The file, or the default. KEY prints only that one, or those below it: 'limits', 'store.url'. Limits that were set
    with 'sendlimit limit set' are in 'sendlimit limit list'. A password is not printed. With
    --changed it prints, as 'postconf -n' does, what is not as by default, ready for a file.

    Examples:
      sendlimit config limits
      sendlimit config --changed
    """
    listed = entries(invocation.config)
    found = [entry for entry in listed if not key or f"{entry.key}.".startswith(f"{key}.")]
    if not found:
        known = {key for entry in listed for key in _with_parents(entry.key)}
        raise SendlimitError(
            f"{key!r} is not a key of the configuration;"
            f" {did_you_mean(key, known)}'sendlimit config' prints all"
        )
    if changed:
        found = [entry for entry in found if entry.is_changed]
    if as_json:
        print_json(
            [
                {
                    "key": entry.key,
                    "value": as_json_value(entry.value),
                    "origin": "file" if entry.in_file else "default",
                    "meaning": entry.meaning,
                }
                for entry in found
            ]
        )
        return
    if changed:
        print_data(*(f"{entry.key} = {entry.toml}" for entry in found))
        if not found:
            print_note("everything is as by default")
        return
    for entry in found:
        print_data(
            f"{entry.key} = {entry.toml}  ({'file' if entry.in_file else 'default'})",
            style="bold" if entry.in_file else "",
        )
        print_data(
            *textwrap.wrap(entry.meaning, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
        )


def _with_parents(key: str) -> list[str]:
    parts = key.split(".")
    return [".".join(parts[:end]) for end in range(1, len(parts) + 1)]
