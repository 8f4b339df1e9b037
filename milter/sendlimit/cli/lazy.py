"""Import commands when they are called, and add the options that all of them have."""

from __future__ import annotations

import inspect
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from sendlimit.cli.invocation import Invocation, chosen_path
from sendlimit.config.reading import DEFAULT_PATH, PATH_VARIABLE

if TYPE_CHECKING:
    from collections.abc import Mapping


NO_REWRAP = "\b\n"
"""click's marker before a paragraph whose lines it must keep."""


class LazyGroup(click.Group):
    """A group whose commands are imported from a table of modules when they are called.

    A module that does not exist is left out.
    """

    def __init__(self, *args: Any, modules: Mapping[str, str], **kwargs: Any) -> None:  # noqa: ANN401 - click's own
        """Take the table: name of the command to "MODULE:FUNCTION" in sendlimit.cli."""
        super().__init__(*args, **kwargs)
        self._modules = modules
        _share_options(self)

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Print the help to stderr when there are no words, whatever version click has."""
        if not args and not ctx.resilient_parsing:
            click.echo(ctx.get_help(), err=True)
            ctx.exit(2)
        return super().parse_args(ctx, args)

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Return the names in the order of the table."""
        del ctx
        return [name for name in self._modules if find_spec(self._place(name)[0])]

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command and add the shared options."""
        if cmd_name not in self.list_commands(ctx):
            return None
        module, function = self._place(cmd_name)
        command = getattr(import_module(module), function)
        if not isinstance(command, click.Command):
            raise TypeError(f"{module}.{function} is not a command")
        _share_options(command)
        return command

    def _place(self, name: str) -> tuple[str, str]:
        module, _, function = self._modules[name].partition(":")
        return f"sendlimit.cli.{module}", function


def _share_options(command: click.Command) -> None:
    """Add --config and --debug to a command and its subcommands, so that their place is free."""
    command.help = _with_examples_marked(command.help)
    taken = {option: parameter for parameter in command.params for option in parameter.opts}
    if "--config" in taken:
        # The command has a parameter --config; its default is one given before the command.
        taken["--config"].default = chosen_path
    else:
        command.params.append(
            click.Option(
                ["--config"],
                type=click.Path(path_type=Path),
                expose_value=False,
                callback=_take_path,
                metavar="FILE",
                help=f"The configuration file; default: ${PATH_VARIABLE} or {DEFAULT_PATH}.",
            )
        )
    if "--debug" not in taken:
        command.params.append(
            click.Option(
                ["--debug"],
                is_flag=True,
                expose_value=False,
                callback=_take_debug,
                help="Show where an error came from.",
            )
        )
    if isinstance(command, click.Group):
        for below in command.commands.values():
            _share_options(below)


def _with_examples_marked(text: str | None) -> str | None:
    """Mark paragraphs of examples, so that click keeps their lines."""
    if text is None or NO_REWRAP in text:
        return text
    return "\n\n".join(
        f"{NO_REWRAP}{paragraph}" if paragraph.startswith("Example") else paragraph
        for paragraph in inspect.cleandoc(text).split("\n\n")
    )


def _take_path(ctx: click.Context, parameter: click.Parameter, value: Path | None) -> None:
    del parameter
    if value is not None:
        ctx.ensure_object(Invocation).given_path = value


def _take_debug(ctx: click.Context, parameter: click.Parameter, value: bool) -> None:  # noqa: FBT001 - click's own
    del parameter
    if value:
        ctx.ensure_object(Invocation).debug = True
