"""What every report is made with: the configuration, and what follows from it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sendlimit.rules.limit import Scope, Settings
from sendlimit.rules.mailbox import domain_key
from sendlimit.rules.subject import domain_subject, is_exempt, mailbox_subject, read_subject
from sendlimit.store.rules_in_force import names_in_force, rules_in_force
from sendlimit.store.usage import scopes_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from sendlimit.config import Config
    from sendlimit.rules.limit import LimitName
    from sendlimit.rules.login_map import LoginMap
    from sendlimit.rules.precedence import Rules
    from sendlimit.rules.subject import Subject
    from sendlimit.rules.window import Calendar
    from sendlimit.store.connection import Connection


@dataclass(frozen=True, slots=True)
class ReportContext:
    """The configuration, read once; threads may share it.

    Attributes:
        config: the file.
        calendar: cuts the periods.
        file_settings: the limits of the file.
        exempt: what identity.exempt names: mailboxes, and domains with "@" before them.
        login_map: other spellings of logins; None: there are none, or they are not asked for.
    """

    config: Config
    calendar: Calendar
    file_settings: Settings
    exempt: frozenset[str]
    login_map: LoginMap | None = None

    @classmethod
    def of(cls, config: Config) -> ReportContext:
        """Take from the configuration what reports need."""
        return cls(
            config,
            config.make_calendar(),
            config.file_settings(),
            config.identity.exempt_keys(),
        )

    @property
    def default_domain(self) -> str:
        """What is appended to a login without a domain."""
        return self.config.identity.default_domain

    @property
    def observes(self) -> bool:
        """Whether nothing is refused: mode = "observe"."""
        return self.config.mode == "observe"

    def rules(self, connection: Connection, at: int, subjects: Collection[str]) -> Rules:
        """Return the settings of the file, and those of the database for these subjects, in force at the moment."""
        return rules_in_force(connection, self.file_settings, at, subjects)

    def names_in_force(self, connection: Connection, at: int) -> frozenset[LimitName]:
        """Return the names that file or database limit for any subject at the moment."""
        return names_in_force(connection, self.file_settings, at)

    def subject(self, text: str, connection: Connection) -> Subject:
        """Return whom a SUBJECT means; another spelling of a login is its mailbox.

        Raises:
            ValueError: it names no subject.
        """
        subject = self.stored_subject(text, connection)
        return self.mailbox(text.strip()) if subject.scope is Scope.MAILBOX else subject

    def stored_subject(self, text: str, connection: Connection) -> Subject:
        """Read a SUBJECT as the configuration file does, and look at what has been counted.

        A name without "@" that has been counted is what it was counted as. What is stored under
        another spelling of a login is found by that.

        Raises:
            ValueError: it names no subject.
        """
        subject = read_subject(text, self.default_domain)
        name = text.strip().lower()
        if subject.scope is Scope.GLOBAL or "@" in name:
            return subject
        scopes = scopes_of(connection, domain_key(name))
        if not scopes:
            return subject
        if Scope.DOMAIN in scopes:
            return domain_subject(name)
        return mailbox_subject(name, self.default_domain)

    def mailbox(self, login: str) -> Subject:
        """Return the mailbox of a login, whatever signs it has; another spelling is its mailbox."""
        if self.login_map is not None:
            return mailbox_subject(self.login_map.sender_of(login).mailbox)
        return mailbox_subject(login, self.default_domain)

    def is_exempt(self, subject: Subject) -> bool:
        """Say whether identity.exempt names a mailbox or its domain."""
        return is_exempt(subject.sender, self.exempt)
