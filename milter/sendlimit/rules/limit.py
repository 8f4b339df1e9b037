"""The words of counting: scopes, units, limits by name, counters, settings. Pure.

Rules R3, R4 and R10 of docs/limits.md. What is decided with them is in policy.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, NamedTuple

from sendlimit.rules.mailbox import Sender
from sendlimit.rules.window import COUNTED_WINDOWS, Window

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sendlimit.rules.learning import LearnRule

EVERYONE = "*"


class Scope(StrEnum):
    """What is counted together, in the order of the answer (R7)."""

    GLOBAL = "global"
    DOMAIN = "domain"
    MAILBOX = "mailbox"

    __hash__ = str.__hash__  # Enum's own is a call of Python in each look into a dict


class Unit(StrEnum):
    """What is counted: mails, or the RCPT commands that Postfix accepted (R3), of both all or external ones (R18)."""

    MESSAGES = "messages"
    RECIPIENTS = "recipients"
    EXTERNAL_MESSAGES = "external_messages"
    EXTERNAL_RECIPIENTS = "external_recipients"

    @property
    def words(self) -> str:
        """What people read."""
        return self.replace("_", " ")

    __hash__ = str.__hash__  # Enum's own is a call of Python in each look into a dict


class Origin(StrEnum):
    """Where a limit was set; on one level the first of these that exists wins (R10)."""

    BOOST = "boost"
    OVERRIDE = "override"
    FILE = "file"
    LEARNED = "learned"
    """Of the file as well: it says how, and the history says how much (R15)."""
    SHARE = "share"
    """Part of a wider limit, where that is less than the subject's own (R16)."""


class LimitName(NamedTuple):
    """A limit by name, without its value: SCOPE.UNIT_per_WINDOW in file and command."""

    scope: Scope
    unit: Unit
    window: Window

    def __str__(self) -> str:
        """Write it as file and command do; a suspension, which neither sets, has its own word."""
        if self == SUSPENSION:
            return "mailbox.suspended"
        return f"{self.scope}.{self.unit}_per_{self.window}"


class CounterKey(NamedTuple):
    """The key of one row of er_counter; period_start in seconds since 1970, UTC."""

    scope: Scope
    subject: str
    unit: Unit
    window: Window
    period_start: int

    @property
    def name(self) -> LimitName:
        """The limit that it counts for."""
        return LimitName(self.scope, self.unit, self.window)


class PartOf(NamedTuple):
    """The wider limit that a share is part of (R16)."""

    name: LimitName
    max: int
    percent: int

    @property
    def part(self) -> int:
        """The share; at least one, unless nothing may be sent at all."""
        return self.max * self.percent // 100 or min(1, self.max)


class Share(NamedTuple):
    """What part of a wider scope's limits nobody in a scope may go beyond (R16).

    Attributes:
        subject: "*", a domain or a mailbox, normalised.
        scope: whose share.
        of: the wider scope.
        percent: 1 to 100.
    """

    subject: str
    scope: Scope
    of: Scope
    percent: int


class Setting(NamedTuple):
    """A limit set in the file or the database for one subject.

    Attributes:
        subject: "*", a domain or a mailbox, normalised.
        max: whole number >= 0; None is unlimited.
        valid_until: the moment a boost ends; None: lasting.
        learn: how each subject's own value is learned; max is what a new one has (R15).
        learned_from: of a row with a learned value, the start of the period it comes from.
        part_of: of a share, the wider limit.
    """

    subject: str
    name: LimitName
    max: int | None
    valid_until: int | None = None
    learn: LearnRule | None = None
    learned_from: int | None = None
    part_of: PartOf | None = None


def holding(rows: Iterable[Setting], now: int) -> list[Setting]:
    """Return the settings that hold at the moment: all but ended boosts."""
    return [row for row in rows if row.valid_until is None or row.valid_until > now]


class Limit(NamedTuple):
    """A limit in force for a mail: the winning setting and where it comes from."""

    name: LimitName
    max: int
    subject: str
    origin: Origin


class Charge(NamedTuple):
    """An addition to one counter."""

    key: CounterKey
    amount: int


EXTERNAL = frozenset({Unit.EXTERNAL_MESSAGES, Unit.EXTERNAL_RECIPIENTS})
"""Of what Postfix does not deliver on this server (R18)."""

MESSAGES_PER_DAY = tuple(LimitName(scope, Unit.MESSAGES, Window.DAY) for scope in Scope)
"""Always counted, limit or not (R14)."""

RECIPIENTS_PER_MESSAGE = LimitName(Scope.MAILBOX, Unit.RECIPIENTS, Window.MESSAGE)

SUSPENSION = LimitName(Scope.MAILBOX, Unit.MESSAGES, Window.MESSAGE)
"""A limit of 0 on each single mail: the mailbox may send nothing (R17). It counts nothing."""

LATCH = CounterKey(Scope.GLOBAL, EVERYONE, Unit.MESSAGES, Window.EVER, 0)
"""The counter of all mail ever, which every batch locks first."""

LIMIT_NAMES = (
    *(
        LimitName(scope, unit, window)
        for scope in Scope
        for unit in Unit
        for window in COUNTED_WINDOWS
    ),
    RECIPIENTS_PER_MESSAGE,
)
"""Every limit that can be set, in the order of R7."""

_BY_TEXT = {str(name): name for name in LIMIT_NAMES}


def parse_limit_name(text: str) -> LimitName:
    """Return the limit of a name such as mailbox.messages_per_day.

    Raises:
        ValueError: there is none of this name; says what is allowed.
    """
    found = _BY_TEXT.get(text.lower())
    if found is None:
        units, windows = "|".join(Unit), "|".join(COUNTED_WINDOWS)
        allowed = f"<global|domain|mailbox>.<{units}>_per_<{windows}>"
        raise ValueError(f"{text!r} is not a limit; allowed: {allowed}, {RECIPIENTS_PER_MESSAGE}")
    return found


KNOWN_NAMES = (SUSPENSION, *LIMIT_NAMES)
"""Every limit that the tables may hold."""

ORDER = {name: number for number, name in enumerate(KNOWN_NAMES)}

SCOPE_ORDER = {scope: number for number, scope in enumerate(Scope)}


@dataclass(frozen=True, slots=True)
class Settings:
    """The settings of one origin, ready to look up; lives as long as what it was read from."""

    by_subject: Mapping[tuple[str, LimitName], Setting] = field(default_factory=dict)
    shares: Mapping[tuple[Scope, Scope], Mapping[str, int]] = field(default_factory=dict)
    _names: frozenset[LimitName] = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Note the names once: a file may have thousands of settings, and batches ask."""
        names = frozenset(
            name for (_, name), setting in self.by_subject.items() if setting.max is not None
        )
        object.__setattr__(self, "_names", names)

    @classmethod
    def of(cls, settings: Iterable[Setting], shares: Iterable[Share] = ()) -> Settings:
        """Index settings by subject and name; a later one replaces an earlier one."""
        by_scopes: dict[tuple[Scope, Scope], dict[str, int]] = {}
        for share in shares:
            by_scopes.setdefault((share.scope, share.of), {})[share.subject] = share.percent
        return cls({(setting.subject, setting.name): setting for setting in settings}, by_scopes)

    def with_shares(self, names: frozenset[LimitName]) -> frozenset[LimitName]:
        """Return these names and those of which shares make limits, while these are limited."""
        for scope, of in sorted(self.shares):  # a domain's share makes limits for its mailboxes'
            names |= {
                LimitName(scope, name.unit, name.window)
                for name in names
                if name.scope is of and name.window is not Window.MESSAGE
            }
        return names

    def names(self) -> frozenset[LimitName]:
        """Return the names that are limited for any subject."""
        return self._names


def levels(scope: Scope, sender: Sender) -> Iterator[str]:
    """Yield the subjects whose settings count for a scope, the most specific first (R10)."""
    if scope is Scope.MAILBOX:
        yield sender.mailbox
    if scope is not Scope.GLOBAL and sender.domain:
        yield sender.domain
    yield EVERYONE


def subject_of(scope: Scope, sender: Sender) -> str | None:
    """Return the key that a sender is counted under in a scope; None: not counted there."""
    if scope is Scope.GLOBAL:
        return EVERYONE
    return sender.domain if scope is Scope.DOMAIN else sender.mailbox


def counted_sender(scope: Scope, subject: str) -> Sender:
    """Return what the limits of a counted subject are looked up with."""
    if scope is Scope.DOMAIN:
        return Sender("", subject)
    domain = subject.rpartition("@")[2] if "@" in subject else ""
    return Sender(subject, domain or None)


def counted_names(in_force: Iterable[LimitName]) -> tuple[LimitName, ...]:
    """Return what is counted for every mail while these limits are in force somewhere (R14)."""
    names = {name for name in in_force if name.window is not Window.MESSAGE}
    return tuple(sorted(names.union(MESSAGES_PER_DAY), key=ORDER.__getitem__))
