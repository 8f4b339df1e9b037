"""`sendlimit completion`: let the shell complete commands, options and names of limits."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from sendlimit.errors import SendlimitError


@click.command()
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@click.pass_context
def completion(ctx: click.Context, shell: str) -> None:
    """Print what lets a shell complete sendlimit's words.

    Commands, options, and names of limits.

    Examples:
      sendlimit completion bash > /etc/bash_completion.d/sendlimit
      sendlimit completion zsh > /usr/local/share/zsh/site-functions/_sendlimit
      sendlimit completion fish > /etc/fish/completions/sendlimit.fish
    """
    found = get_completion_class(shell)
    if found is None:
        raise SendlimitError(f"no completion for {shell}")
    click.echo(found(ctx.find_root().command, {}, "sendlimit", "_SENDLIMIT_COMPLETE").source())
