"""Run the checks, each only when those before it allow it: what `check` and `doctor` print.

FAILURE: what is broken becomes a finding. The checks that need it are left out, and the others
are made.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from sendlimit.config.login_map import read_login_map
from sendlimit.config.reading import read_password
from sendlimit.config.timezone import system_zone
from sendlimit.counting.daemon_status import read_status
from sendlimit.doctor import bypasses, postfix, reach, settings, tables
from sendlimit.doctor.canary import canary
from sendlimit.doctor.check import Check, passed
from sendlimit.doctor.deciding import deciding
from sendlimit.doctor.external import external
from sendlimit.doctor.uncounted import (
    SETTLES_S,
    not_told,
    senders_in_log,
    uncounted,
)
from sendlimit.errors import NoSuchTable, PostfixError, SchemaError, SendlimitError
from sendlimit.notify.notifier import routes_of
from sendlimit.postfix.findings import find_faults, service_statuses
from sendlimit.postfix.log_source import JOURNAL, find_log, log_lines
from sendlimit.postfix.mail_log import last_written, queued_mails
from sendlimit.postfix.snapshot import read_snapshot
from sendlimit.rules.limit import EVERYONE, EXTERNAL, Scope, Settings
from sendlimit.rules.mailbox import sender_of
from sendlimit.rules.never_in_force import never_in_force
from sendlimit.rules.precedence import Rules
from sendlimit.rules.subject import is_exempt
from sendlimit.rules.window import Window
from sendlimit.store import health
from sendlimit.store.location import MariaDBLocation, parse_url
from sendlimit.store.migrations import schema_version
from sendlimit.store.overrides import overrides, unreadable_overrides
from sendlimit.store.rules_in_force import rules_in_force
from sendlimit.store.setup import missing_rights
from sendlimit.store.usage import known_subjects, scopes_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

    from sendlimit.config import Config
    from sendlimit.rules.never_in_force import NeverInForce
    from sendlimit.store.connection import Connection
    from sendlimit.store.location import Location


@dataclass(frozen=True, kw_only=True)
class Examination:
    """One run of the checks on all that a configuration names.

    Attributes:
        path: of the configuration file.
        config: what it holds.
        connect: opens its database, whatever the tables are; raises StoreError or ConfigError.
        clock: says what time it is, seconds since 1970.
    """

    path: Path
    config: Config
    connect: Callable[[], AbstractContextManager[Connection]]
    clock: Callable[[], float]

    def file(self) -> Check:
        """Read the file and the secrets that it names, as the daemon does at a reload.

        Raises:
            ConfigError: they are wrong or can't be read.
        """
        # systemd hides its credentials from ExecReload= (252), so one is not looked at here.
        if self.config.store.password_file is not None:
            read_password(self.config, self.path)
        if self.config.notify is not None:
            routes_of(self.config, self.config.notify, self.path)
        return settings.file(self.path, ())

    def in_short(self) -> Iterator[Check]:
        """Check the file, the database and the socket without Postfix, for `check`."""
        rules, never, unknown = Rules(self._file_settings), [], []
        yield settings.file(self.path, ())
        try:
            with self.connect() as connection:
                yield passed("database", str(self._location))
                yield (version := tables.tables(self._location, schema_version(connection)))
                if not version.findings:
                    yield tables.rights(self._location, missing_rights(connection))
                    if (rows := tables.rows(unreadable_overrides(connection))).findings:
                        yield rows
                    rules, never = self._rules(connection), self._never(connection)
                    unknown = self._unknown(connection)
        except SendlimitError as failure:
            check = self._failed(failure)
            is_file_missing = isinstance(failure, SchemaError) and not isinstance(
                failure, NoSuchTable
            )
            yield replace(check, name="database") if is_file_missing else check
        yield settings.limits(rules, never, unknown, observe=self.config.mode == "observe")
        yield self._socket()
        if not self._daemon.findings:
            yield self._deciding()

    def installation(self, *, seen_within_s: int, with_canary: bool) -> Iterator[Check]:
        """Check the files, the daemon and the database.

        Args:
            seen_within_s: how old the last mail of a login may be.
            with_canary: begin a mail through the daemon and give it up.
        """
        yield settings.file(self.path, ())
        yield (modes := settings.modes(self.path, self.config))
        yield settings.mode(self.config, self.path)
        yield settings.logins(self.config, self.path)
        yield self._daemon
        if not self._daemon.findings:
            yield self._deciding()
        if modes.has_errors:
            return  # the daemon would refuse to use such a password
        try:
            with self.connect() as connection:
                yield passed("database", str(self._location))
                yield from self._tables(connection, seen_within_s, with_canary=with_canary)
        except SendlimitError as failure:
            yield self._failed(failure)

    def attachment(
        self,
        config_directory: Path | None,
        ispconfig_directory: Path | None,
        mail_log: Path | None = None,
    ) -> Iterator[Check]:
        """Check Postfix and what its log says, and try the daemon's socket as its user.

        Args:
            config_directory: of Postfix; None: as postconf says.
            ispconfig_directory: of ISPConfig; None: its usual directory.
            mail_log: Postfix's log; None: as postconf says, its usual places, or the journal.
        """
        section = self.config.milter
        try:
            snapshot = read_snapshot(config_directory, ispconfig_directory)
            statuses = service_statuses(snapshot, section.socket)
            faults = find_faults(snapshot, section.socket)
        except PostfixError as failure:
            yield postfix.unreadable(failure, str(config_directory or "Postfix"))
            return
        yield from postfix.checks(snapshot, statuses, faults)
        is_chroot_right = not any(fault.code == "chroot" for fault in faults)
        is_asked = any(status.is_attached for status in statuses)
        if is_chroot_right and is_asked and not self._daemon.findings:
            yield reach.reachable(snapshot, statuses, section)
        yield self._uncounted(mail_log, snapshot.config_directory)
        yield bypasses.networks(snapshot)
        yield bypasses.exempt(snapshot, self.config.identity.exempt_networks())
        if self._limits_external():
            yield external(snapshot, self.config.counting.local_transports)
        else:
            yield passed("external", "no limit on external mail is in force")

    def _tables(
        self, connection: Connection, seen_within_s: int, *, with_canary: bool
    ) -> Iterator[Check]:
        now = int(self.clock())
        if isinstance(self._location, MariaDBLocation):
            yield tables.encryption(self._location, health.cipher(connection))
        else:
            yield passed("encryption", "not needed, the database is a file")
        yield tables.latency(self._location, health.round_trip_s(connection))
        yield tables.clocks(self._location, health.ahead_s(connection, self.clock))
        yield (version := tables.tables(self._location, schema_version(connection)))
        if version.findings:
            return
        yield (rights := tables.rights(self._location, missing_rights(connection)))
        if rights.findings:
            return
        yield tables.rows(unreadable_overrides(connection))
        rules, never = self._rules(connection), self._never(connection)
        unknown = self._unknown(connection)
        yield settings.limits(rules, never, unknown, observe=self.config.mode == "observe")
        if not self._daemon.findings:
            yield tables.reload(self.config, health.published_limits(connection))
        seen = health.last_activity(connection)
        yield tables.mail(seen, self.config.make_calendar(), now, seen_within_s)
        if with_canary and not self._daemon.findings:
            yield canary(connection, self.config, now)

    def _uncounted(self, mail_log: Path | None, config_directory: Path) -> Check:
        """Compare the logins of Postfix's log with the counters, where both can be known."""
        if self.config.mode == "observe":
            return not_told('mode is "observe"')
        if self._daemon.findings or self._deciding().findings:
            return not_told("the daemon does not decide")
        try:
            status = read_status(Path(self.config.state_dir))
            if status is None:
                return not_told("the daemon does not say since when it runs")
            since = max(status.since, status.loaded_at)
            return self._compared(mail_log or find_log(config_directory, since), since)
        except OSError as failure:
            return not_told(f"{failure.filename or 'the log'} can't be read: {failure.strerror}")
        except (SendlimitError, ValueError) as failure:
            return not_told(str(failure))

    def _compared(self, log: Path | None, since: int) -> Check:
        """Compare what a log has since a moment; None: the journal."""
        identity, now, zone = self.config.identity, int(self.clock()), system_zone()
        calendar, where = self.config.make_calendar(), str(log or JOURNAL)
        lines = log_lines(log, since)
        if (last_written(lines, now, zone) or 0) < since:
            return not_told(
                f"smtpd and qmgr have written nothing to {where} since the daemon's start"
            )
        spellings = read_login_map(self.config, self.path)
        own = partial(sender_of, default_domain=identity.default_domain)
        logged = senders_in_log(
            queued_mails(lines, now, zone),
            (since, now - SETTLES_S),
            own if spellings is None else spellings.sender_of,
            partial(is_exempt, exempt=identity.exempt_keys()),
            identity.exempt_networks(),
        )
        names = {name for mailboxes in logged.values() for name in mailboxes}
        with self.connect() as connection:
            day = calendar.period(Window.DAY, since).start
            seen = health.mailboxes_seen(connection, names, day)
        return uncounted(where, logged, seen, calendar)

    def _failed(self, failure: SendlimitError) -> Check:
        """Return the check that an error of the database belongs to."""
        if isinstance(failure, NoSuchTable):
            return tables.damaged(self._location, failure)
        if isinstance(failure, SchemaError):
            return tables.tables(self._location, None)
        return tables.unreachable(self._location, failure)

    def _socket(self) -> Check:
        """Return the first of daemon and access that has a finding."""
        if self._daemon.findings:
            return self._daemon
        access = reach.by_modes(self.config.milter)
        return access if access.findings else self._daemon

    def _never(self, connection: Connection) -> list[NeverInForce]:
        """Return the overrides and boosts that count for no mail."""
        found = []
        for row in overrides(connection):
            name = row.setting.subject
            is_plain = "@" not in name and "." not in name
            is_domain = is_plain and Scope.DOMAIN in scopes_of(connection, name)
            domain = self.config.identity.default_domain
            if (one := never_in_force(row.setting, domain, is_domain=is_domain)) is not None:
                found.append(one)
        return found

    def _unknown(self, connection: Connection) -> list[str]:
        """Return the subjects of limits.for of which no mail has been counted."""
        named = sorted({name for name, _ in self._file_settings.by_subject} - {EVERYONE})
        for scope in (Scope.MAILBOX, Scope.DOMAIN):
            counted = known_subjects(connection, scope, named)
            named = [name for name in named if name not in counted]
        return named

    def _deciding(self) -> Check:
        meters = self.config.store.on_failure == "meter"
        return deciding(Path(self.config.state_dir), self.clock(), meters=meters)

    def _rules(self, connection: Connection) -> Rules:
        return rules_in_force(connection, self._file_settings, int(self.clock()))

    def _limits_external(self) -> bool:
        """Say whether a limit on external mail is in force; without the database, by the file."""
        rules = Rules(self._file_settings)
        with suppress(SendlimitError), self.connect() as connection:
            rules = self._rules(connection)
        return any(name.unit in EXTERNAL for name in rules.names())

    @cached_property
    def _daemon(self) -> Check:
        return reach.daemon(self.config.milter.socket)

    @cached_property
    def _location(self) -> Location:
        return parse_url(self.config.store.url)

    @cached_property
    def _file_settings(self) -> Settings:
        return self.config.file_settings()
