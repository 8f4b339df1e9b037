"""Write docs/commands.md from the help texts: `.venv/bin/python tests/repo/commands_document.py`."""

import inspect
from collections.abc import Iterator
from pathlib import Path

import click

from sendlimit.cli import sendlimit
from sendlimit.cli.lazy import NO_REWRAP
from sendlimit.reports.records import SHAPES

DOCUMENT = Path(__file__).parents[2] / "docs" / "commands.md"

_HEAD = """\
# Commands

<!-- Written by tests/repo/commands_document.py from the help texts. -->

Data goes to standard output, words to standard error. Exit code 0: done; 1: failed or refused; 2: wrong
words on the command line, or a wrong configuration. Every command takes `--config FILE` (default:
`$SENDLIMIT_CONFIG` or `/etc/sendlimit/sendlimit.toml`), `--debug` (show where an error came from) and
`--help`."""

_JSON = """\
With `--json` the commands print these keys. Keys may be added; none is taken away or gets another meaning.
Moments are ISO 8601 in UTC, null where there is none. Of a limit, null is unlimited."""

_SHARED = {"--config", "--debug", "--help"}


def rendered() -> str:
    """The document as it should be."""
    root = sendlimit.make_context("sendlimit", [], resilient_parsing=True)
    return "\n\n".join([_HEAD, *_below(root), "## JSON", _JSON, *_shapes()]) + "\n"


def _below(above: click.Context) -> Iterator[str]:
    """The commands below a group, each as paragraphs."""
    group = above.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(above):
        command = group.get_command(above, name)
        assert command is not None
        inner = click.Context(command, parent=above, info_name=name)
        words = [word for word in command.collect_usage_pieces(inner) if word != "[OPTIONS]"]
        if not above.parent:
            yield f"## {name}"
        if isinstance(command, click.Group):
            yield from _text(command)
            yield from _below(inner)
        else:
            yield f"### `{' '.join([inner.command_path, *words])}`"
            yield from _text(command)
            if options := "\n".join(_options(command, inner)):
                yield options


def _text(command: click.Command) -> Iterator[str]:
    """The help text; examples become blocks."""
    for paragraph in inspect.cleandoc(command.help or "").split("\n\n"):
        text = paragraph.removeprefix(NO_REWRAP)
        first, _, rest = text.partition("\n")
        if first.startswith("Example:") and not rest:
            yield f"```sh\n{first.removeprefix('Example:').strip()}\n```"
        elif first == "Examples:":
            yield f"```sh\n{inspect.cleandoc(rest)}\n```"
        elif paragraph.startswith(NO_REWRAP):
            yield f"```text\n{text}\n```"
        else:
            yield text


def _options(command: click.Command, context: click.Context) -> Iterator[str]:
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not _SHARED & {*parameter.opts}:
            record = parameter.get_help_record(context)
            assert record is not None
            yield f"- `{record[0]}`: {record[1]}"


def _shapes() -> Iterator[str]:
    """What --json prints, a table for each."""
    for what, shape in SHAPES.items():
        yield f"### {what}"
        rows = [f"| `{key}` | {meaning} |" for key, meaning in shape.items()]
        yield "\n".join(["| key | is |", "|---|---|", *rows])


if __name__ == "__main__":
    DOCUMENT.write_text(rendered())
