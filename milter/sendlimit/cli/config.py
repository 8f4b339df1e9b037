"""`sendlimit config`: every setting in force."""

from __future__ import annotations

import textwrap

import click

from sendlimit.cli.invocation import Invocation, pass_invocation
from sendlimit.cli.options import as_json
from sendlimit.cli.printing import INDENT, WIDTH, print_data, print_json
from sendlimit.config.listing import entries
from sendlimit.errors import SendlimitError


@click.command()
@click.argument("key", default="")
@as_json
@pass_invocation
def config(invocation: Invocation, key: str, *, as_json: bool) -> None:
    """Print every setting in force and where it comes from.

    The file, or the default. KEY prints only that one, or those below it: 'limits', 'store.url'. Limits that were set
    with 'sendlimit limit set' are in 'sendlimit limit list'. A password is not printed.

    Example: sendlimit config limits
    """
    found = [
        entry
        for entry in entries(invocation.config)
        if not key or f"{entry.key}.".startswith(f"{key}.")
    ]
    if not found:
        raise SendlimitError(
            f"{key!r} is not a key of the configuration; 'sendlimit config' prints all"
        )
    if as_json:
        print_json(
            [
                {
                    "key": entry.key,
                    "value": entry.value,
                    "origin": "file" if entry.in_file else "default",
                    "meaning": entry.meaning,
                }
                for entry in found
            ]
        )
        return
    for entry in found:
        print_data(
            f"{entry.key} = {entry.toml}  ({'file' if entry.in_file else 'default'})",
            style="bold" if entry.in_file else "",
        )
        print_data(
            *textwrap.wrap(entry.meaning, WIDTH, initial_indent=INDENT, subsequent_indent=INDENT)
        )
