"""Types of arguments and options that commands share: names and values of limits."""

from __future__ import annotations

import click

from sendlimit.cli.spelling import did_you_mean
from sendlimit.config.limits import UNLIMITED, parse_limit
from sendlimit.rules.limit import LIMIT_NAMES, SUSPENSION, LimitName, Unit
from sendlimit.rules.window import COUNTED_WINDOWS

_NAMES = {str(name): name for name in LIMIT_NAMES}


class LimitNameType(click.ParamType):  # type: ignore[type-arg] # no generic in click 8.1
    """SCOPE.NAME, such as mailbox.messages_per_day."""

    name = "SCOPE.NAME"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> LimitName:
        """Look the name up."""
        if isinstance(value, LimitName):
            return value
        found = _NAMES.get(str(value).lower())
        if str(value).lower() == str(SUSPENSION):
            self.fail(
                f"{value!r} is set by 'sendlimit suspend' and ended by 'sendlimit release'",
                param,
                ctx,
            )
        if found is None:
            units, windows = "|".join(Unit), "|".join(COUNTED_WINDOWS)
            allowed = f"<global|domain|mailbox>.<{units}>_per_<{windows}>"
            self.fail(
                f"{value!r} is not a limit; {did_you_mean(str(value), _NAMES)}allowed: {allowed},"
                " mailbox.recipients_per_message",
                param,
                ctx,
            )
        return found

    def shell_complete(
        self, ctx: click.Context, param: click.Parameter, incomplete: str
    ) -> list[click.shell_completion.CompletionItem]:
        """Complete the names."""
        del ctx, param
        return [
            click.shell_completion.CompletionItem(name)
            for name in _NAMES
            if name.startswith(incomplete)
        ]


class LimitValueType(click.ParamType):  # type: ignore[type-arg] # no generic in click 8.1
    """A limit's value: a whole number, or the word "unlimited", as click takes None for missing."""

    name = "VALUE"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> int | str:
        """Parse the value."""
        try:
            parsed = parse_limit(str(value))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return UNLIMITED if parsed is None else parsed
