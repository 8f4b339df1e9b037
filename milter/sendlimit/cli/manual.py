"""`sendlimit manual`: the manual pages, made from the help texts and the configuration's models.

Written in the man(7) macros.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING

import click

from sendlimit import __version__
from sendlimit.cli.lazy import NO_REWRAP
from sendlimit.config.listing import keys, table_meaning
from sendlimit.config.reading import DEFAULT_PATH, PATH_VARIABLE
from sendlimit.reports.records import SHAPES

if TYPE_CHECKING:
    from collections.abc import Iterator

_EXIT_CODES = (
    ("0", "Done."),
    ("1", "Failed or refused; stderr says why."),
    ("2", "Wrong words on the command line, or a wrong configuration."),
)
_ABOUT_THE_FILE = (
    (
        f"The configuration is a TOML file, {DEFAULT_PATH} unless the command or ${PATH_VARIABLE}"
        " names another. Unknown keys are errors. 'sendlimit check' says what is wrong in it,"
        " 'sendlimit config' prints what holds. SIGHUP ('systemctl reload sendlimit') makes the"
        " daemon read it again; a wrong file is reported and the old settings stay. The socket and"
        " the database need a restart."
    ),
    (
        'A limit is a whole number of 0 or more, or "unlimited". The most specific one holds: the'
        " mailbox's, then its domain's, then everyone's; on the same level limits set with"
        " 'sendlimit limit set' go before the file."
    ),
)
_ABOUT_JSON = (
    (
        "With --json the commands print these keys; further ones may be added. Moments are ISO 8601"
        " in UTC with offset, null where there is none. Of a limit, null is unlimited."
    ),
)


@click.command(hidden=True)
@click.argument("section", type=click.Choice(["8", "5"]))
@click.pass_context
def manual(ctx: click.Context, section: str) -> None:
    """Print the manual page sendlimit(8) or sendlimit.toml(5).

    Example: sendlimit manual 8 > /usr/local/share/man/man8/sendlimit.8
    """
    lines = _commands_page(ctx.find_root()) if section == "8" else _configuration_page()
    click.echo("\n".join(lines))


def _commands_page(root: click.Context) -> Iterator[str]:
    command = root.command
    first, *others = _paragraphs(command)
    yield from _title("SENDLIMIT", 8)
    yield from (".SH NAME", rf"sendlimit \- {_escaped(_lowered(first))}")
    yield from (".SH SYNOPSIS", ".B sendlimit", r"[\fB\-\-config\fR \fIFILE\fR] \fICOMMAND\fR ...")
    yield ".SH DESCRIPTION"
    yield from _body(others)
    yield ".SH OPTIONS"
    yield from _options(command, root)
    yield ".SH COMMANDS"
    yield from _below(command, root)
    yield ".SH JSON"
    yield from _body(_ABOUT_JSON)
    for what, shape in SHAPES.items():
        yield f'.SS "{_escaped(what)}"'
        for key, meaning in shape.items():
            yield from (".TP", rf"\fB{_escaped(key)}\fR", _escaped(meaning))
    yield ".SH EXIT STATUS"
    for code, meaning in _EXIT_CODES:
        yield from (".TP", code, _escaped(meaning))
    yield from (
        ".SH ENVIRONMENT",
        ".TP",
        PATH_VARIABLE,
        "The configuration file where no option names one.",
    )
    yield from (".SH FILES", ".TP", _escaped(str(DEFAULT_PATH)), "The configuration file.")
    yield from (".SH SEE ALSO", ".BR sendlimit.toml (5),", ".BR postconf (5)")


def _below(group: click.Command, ctx: click.Context) -> Iterator[str]:
    """Write the commands of a group and their subcommands."""
    if not isinstance(group, click.Group):
        return
    for name in group.list_commands(ctx):
        command = group.get_command(ctx, name)
        if command is None or command.hidden:
            continue
        inner = click.Context(command, parent=ctx, info_name=name)
        words = [word for word in command.collect_usage_pieces(inner) if word != "[OPTIONS]"]
        yield f'.SS "{_escaped(" ".join([inner.command_path, *words]))}"'
        yield from _body(_paragraphs(command))
        yield from _options(command, inner)
        yield from _below(command, inner)


def _configuration_page() -> Iterator[str]:
    yield from _title("SENDLIMIT.TOML", 5)
    yield from (".SH NAME", r"sendlimit.toml \- configuration of sendlimit")
    yield ".SH DESCRIPTION"
    yield from _body(_ABOUT_THE_FILE)
    yield ".SH KEYS"
    table = ""
    for entry in keys():
        name = entry.key.partition(".")[0] if "." in entry.key else ""
        if name != table:
            table = name
            yield from (f".SS [{_escaped(table)}]", _escaped(table_meaning(table)))
        yield from (
            ".TP",
            rf"\fB{_escaped(entry.key)}\fR",
            _escaped(f"{_sentence(entry.meaning)} Default: {entry.toml}"),
        )
    yield from (".SH FILES", ".TP", _escaped(str(DEFAULT_PATH)), "The configuration file.")
    yield from (".SH SEE ALSO", ".BR sendlimit (8)")


def _title(name: str, section: int) -> Iterator[str]:
    yield f'.TH {name} {section} "" "sendlimit {__version__}" "sendlimit"'
    yield from (".ad l", ".nh")


def _paragraphs(command: click.Command) -> list[str]:
    return inspect.cleandoc(command.help or "").split("\n\n")


def _body(paragraphs: list[str] | tuple[str, ...]) -> Iterator[str]:
    """Write paragraphs; examples keep their lines."""
    for paragraph in paragraphs:
        yield ".PP"
        if paragraph.startswith(NO_REWRAP):
            yield ".nf"
            yield from (_escaped(line) for line in paragraph.removeprefix(NO_REWRAP).split("\n"))
            yield ".fi"
        else:
            yield _escaped(" ".join(paragraph.split()))


def _options(command: click.Command, ctx: click.Context) -> Iterator[str]:
    options = (
        parameter for parameter in command.get_params(ctx) if isinstance(parameter, click.Option)
    )
    for parameter in options:
        record = parameter.get_help_record(ctx)
        # Options that all commands have are described once, at the top.
        if record is None or (
            ctx.parent is not None and {"--config", "--debug", "--help"} & set(parameter.opts)
        ):
            continue
        yield from (".TP", rf"\fB{_escaped(record[0])}\fR", _escaped(record[1]))


def _lowered(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:].rstrip(".")


def _sentence(words: str) -> str:
    return f"{words[:1].upper()}{words[1:]}." if words else ""


def _escaped(text: str) -> str:
    r"""Escape a line so that roff reads no request in it."""
    escaped = text.replace("\\", r"\e").replace("-", r"\-")
    return re.sub(r"^([.'])", r"\\&\1", escaped)
