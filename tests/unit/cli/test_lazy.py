"""Commands are imported when they are wanted, and take the options of all."""

import click

from sendlimit.cli.lazy import NO_REWRAP, LazyGroup

GROUP = LazyGroup("sendlimit", modules={"show": "show:show", "nothing": "nothing:nothing"})


def test_absent_module_is_no_command() -> None:
    """A command whose module is not there is not listed, and is unknown."""
    ctx = click.Context(GROUP)
    assert GROUP.list_commands(ctx) == ["show"]
    assert GROUP.get_command(ctx, "nothing") is None


def test_shared_options() -> None:
    """A command gets --config and --debug, once, however often it is asked for."""
    for _ in range(2):
        command = GROUP.get_command(click.Context(GROUP), "show")
        assert command is not None
        options = [option for parameter in command.params for option in parameter.opts]
        assert (options.count("--config"), options.count("--debug")) == (1, 1)


def test_examples_keep_their_lines() -> None:
    """A paragraph with examples is marked, the others are left to be wrapped."""
    command = GROUP.get_command(click.Context(GROUP), "show")
    assert command is not None
    first, *_, last = (command.help or "").split("\n\n")
    assert not first.startswith(NO_REWRAP)
    assert last.startswith(f"{NO_REWRAP}Example: ")
