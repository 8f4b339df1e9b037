"""Which setting of a limit wins: mailbox, domain, everyone; boost, override, file (R10). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sendlimit.rules.limit import Limit, LimitName, Origin, Setting, Settings, levels

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendlimit.rules.mailbox import Sender


@dataclass(frozen=True, slots=True)
class Rules:
    """All settings that may bear on a mail: the file's, and what the database holds now."""

    file: Settings = field(default_factory=Settings)
    overrides: Settings = field(default_factory=Settings)
    boosts: Settings = field(default_factory=Settings)

    def with_rows(self, rows: Iterable[Setting]) -> Rules:
        """Return the same file settings with these rows of er_limit, which all hold now."""
        rows = list(rows)
        if not rows:
            return self
        lasting: dict[tuple[str, LimitName], Setting] = {}
        boosts: dict[tuple[str, LimitName], Setting] = {}
        for row in rows:
            (lasting if row.valid_until is None else boosts)[row.subject, row.name] = row
        return Rules(self.file, Settings(lasting), Settings(boosts))

    def names(self) -> frozenset[LimitName]:
        """Return the names that any of the settings limits for any subject."""
        return self.file.names() | self.overrides.names() | self.boosts.names()

    def winner(self, name: LimitName, sender: Sender) -> tuple[Setting, Origin] | None:
        """Return the most specific setting of a limit (R10), unlimited ones too."""
        for subject in levels(name.scope, sender):
            key = (subject, name)
            if (setting := self.boosts.by_subject.get(key)) is not None:
                return setting, Origin.BOOST
            if (setting := self.overrides.by_subject.get(key)) is not None:
                return setting, Origin.OVERRIDE
            if (setting := self.file.by_subject.get(key)) is not None:
                return setting, Origin.FILE
        return None

    def limit(self, name: LimitName, sender: Sender) -> Limit | None:
        """Return the limit in force, None when there is none or it is unlimited."""
        won = self.winner(name, sender)
        if won is None or won[0].max is None:
            return None
        return Limit(name, won[0].max, won[0].subject, won[1])
