"""Which setting of a limit wins: mailbox, domain, everyone; boost, override, file (R10). Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sendlimit.rules.limit import (
    Limit,
    LimitName,
    Origin,
    PartOf,
    Setting,
    Settings,
    levels,
    subject_of,
)
from sendlimit.rules.window import Window

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sendlimit.rules.mailbox import Sender


@dataclass(frozen=True, slots=True)
class Rules:
    """All settings that may bear on a mail: the file's, and what the database holds now."""

    file: Settings = field(default_factory=Settings)
    overrides: Settings = field(default_factory=Settings)
    boosts: Settings = field(default_factory=Settings)
    learned: Settings = field(default_factory=Settings)

    def with_rows(self, rows: Iterable[Setting]) -> Rules:
        """Return the same file settings with these rows of er_limit, which all hold now."""
        rows = list(rows)
        if not rows:
            return self
        lasting: dict[tuple[str, LimitName], Setting] = {}
        boosts: dict[tuple[str, LimitName], Setting] = {}
        learned: dict[tuple[str, LimitName], Setting] = {}
        for row in rows:
            if row.learned_from is not None:
                learned[row.subject, row.name] = row
            else:
                (lasting if row.valid_until is None else boosts)[row.subject, row.name] = row
        return Rules(self.file, Settings(lasting), Settings(boosts), Settings(learned))

    def names(self) -> frozenset[LimitName]:
        """Return the names that any of the settings limits for any subject."""
        names = self.file.names() | self.overrides.names() | self.boosts.names()
        return self.file.with_shares(names) if self.file.shares else names

    def winner(self, name: LimitName, sender: Sender) -> tuple[Setting, Origin] | None:
        """Return the most specific setting of a limit (R10), unlimited ones too."""
        for subject in levels(name.scope, sender):
            key = (subject, name)
            if (setting := self.boosts.by_subject.get(key)) is not None:
                return setting, Origin.BOOST
            if (setting := self.overrides.by_subject.get(key)) is not None:
                return setting, Origin.OVERRIDE
            if (setting := self.file.by_subject.get(key)) is not None:
                return self._learned(setting, sender)
        return None

    def _learned(self, setting: Setting, sender: Sender) -> tuple[Setting, Origin]:
        """Return a setting of the file, or where it is to be learned, the sender's own (R15)."""
        rule = setting.learn
        if rule is None:
            return setting, Origin.FILE
        subject = subject_of(setting.name.scope, sender)
        own = self.learned.by_subject.get((subject or "", setting.name))
        if own is None or own.max is None:
            return setting, Origin.LEARNED
        # The bounds are those of the file as it is now.
        return own._replace(max=rule.bounded(own.max), learn=rule), Origin.LEARNED

    def in_force(self, name: LimitName, sender: Sender) -> tuple[Setting, Origin] | None:
        """Return what holds for a limit: the winner of R10, or a smaller share of a wider limit (R16)."""
        won = self.winner(name, sender)
        for (scope, of), by_subject in self.file.shares.items():
            if scope is not name.scope or name.window is Window.MESSAGE:
                continue
            if subject_of(of, sender) is None:
                continue  # a login without a domain has no part of one
            subject = next((level for level in levels(scope, sender) if level in by_subject), None)
            wider = self.limit(LimitName(of, name.unit, name.window), sender)
            if subject is None or wider is None:
                continue
            share = PartOf(wider.name, wider.max, by_subject[subject])
            if won is None or won[0].max is None or share.part < won[0].max:
                won = Setting(subject, name, share.part, part_of=share), Origin.SHARE
        return won

    def limit(self, name: LimitName, sender: Sender) -> Limit | None:
        """Return the limit in force, None when there is none or it is unlimited."""
        won = self.in_force(name, sender)
        if won is None or won[0].max is None:
            return None
        return Limit(name, won[0].max, won[0].subject, won[1])
