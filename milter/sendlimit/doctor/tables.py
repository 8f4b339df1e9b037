"""Check the database: what was read in it comes in, a check comes out. Pure."""

from __future__ import annotations

import shlex
from typing import TYPE_CHECKING

from sendlimit.doctor.check import Check, found, passed
from sendlimit.errors import ConfigError, NoSuchTable, StoreDenied
from sendlimit.postfix.finding import error, warning
from sendlimit.rules.window import Window
from sendlimit.store import SCHEMA_VERSION
from sendlimit.store.location import MariaDBLocation, TLSLevel
from sendlimit.store.setup import RIGHTS

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from sendlimit.config import Config
    from sendlimit.rules.limit import Setting
    from sendlimit.rules.window import Calendar
    from sendlimit.store.health import LastActivity
    from sendlimit.store.location import Location
    from sendlimit.store.unreadable import UnreadableRow

SLOW_S = 0.05
"""A round trip that takes longer is worth a word: each batch of decisions takes two."""
CLOCKS_APART_S = 5
"""More than a slow answer explains."""


_UNCOUNTED = (
    "mail is accepted uncounted until then (or refused: store.on_failure), and booked later"
)


def unreachable(location: Location, failure: Exception) -> Check:
    """Return the check of a database that could not be opened."""
    if isinstance(failure, ConfigError):
        remedy = "run this as root (sudo); if it stays, mend the file as the message says"
    elif not isinstance(location, MariaDBLocation):
        remedy = f"see that the daemon's user may write {location.path} and its directory"
    elif isinstance(failure, StoreDenied):
        remedy = f"{_init_as_admin(location)}, or put the right password into store.password_file"
        if location.unix_socket is None and location.tls is None:
            remedy += ", or '?tls=required' behind store.url if the server wants TLS"
    elif location.unix_socket or all(host.is_loopback for host in location.hosts):
        remedy = "systemctl start mariadb"
    else:
        remedy = f"see that the server runs, and that its port is open for this host: {location}"
    problem = str(failure).removeprefix(f"{location}: ")
    return found("database", error("database", str(location), problem, _UNCOUNTED, remedy))


def tables(location: Location, version: int | None) -> Check:
    """Check the version of the tables; None: there are none."""
    if version == SCHEMA_VERSION:
        return passed("tables", f"version {version}")
    if version is None:
        problem, remedy = "the tables are missing", "sendlimit db init"
    elif version < SCHEMA_VERSION:
        problem = f"the tables have version {version}, this release needs {SCHEMA_VERSION}"
        remedy = "sendlimit db upgrade"
    else:
        problem = f"the tables have version {version}, this release knows {SCHEMA_VERSION}"
        remedy = "install the newer sendlimit that made these tables"
    return found("tables", error("schema", str(location), problem, _UNCOUNTED, remedy))


def damaged(location: Location, failure: NoSuchTable) -> Check:
    """Return the check of tables of the right version of which one is missing."""
    problem = str(failure).removeprefix(f"{location}: ")
    remedy = "restore it from a backup, or run what 'sendlimit db init --print' prints: it makes what is missing"
    return found("tables", error("schema", str(location), problem, _UNCOUNTED, remedy))


def rights(location: Location, missing: Sequence[str]) -> Check:
    """Check the rights of the database user.

    Args:
        location: of the database.
        missing: the rights it lacks, as "DELETE on er_counter".
    """
    if not missing:
        return passed("rights", ", ".join(RIGHTS))
    remedy = (
        _init_as_admin(location)
        if isinstance(location, MariaDBLocation)
        else f"see that this user may write {location.path}"
    )
    problem = f"the database user lacks {', '.join(missing)}"
    return found("rights", error("rights", str(location), problem, _UNCOUNTED, remedy))


def _init_as_admin(location: MariaDBLocation) -> str:
    where = (
        f"localhost?unix_socket={location.unix_socket}"
        if location.unix_socket
        else str(location.hosts[0])
    )
    return f"sendlimit db init --admin-url {shlex.quote(f'mariadb://root@{where}')}"


def rows(unreadable: Sequence[UnreadableRow]) -> Check:
    """Check the rows of er_limit."""
    if not unreadable:
        return passed("rows", "all of er_limit can be read")
    return found(
        "rows",
        *(
            warning(
                "unreadable",
                row.key,
                str(row),
                "the limit is not in force; all others are",
                "remove it with 'sendlimit limit unset' (by SQL where there is no such limit), set it"
                " again with 'sendlimit limit set'",
            )
            for row in unreadable
        ),
    )


def encryption(location: MariaDBLocation, cipher: str) -> Check:
    """Check whether others on the way can read along; cipher: "" for nothing."""
    if location.unix_socket or all(host.is_loopback for host in location.hosts):
        return passed("encryption", "not needed, the database is on this host")
    if cipher and location.tls is not None:
        is_verified = location.tls.level is not TLSLevel.REQUIRED
        words = "the server is verified" if is_verified else "the server is not verified"
        return passed("encryption", f"{cipher}, {words}")
    return found(
        "encryption",
        warning(
            "unencrypted",
            str(location),
            "what passes between this host and the database is not encrypted",
            "whoever can listen on the way reads who sends how much, and can change it",
            "put '?tls=verify-identity&tls_ca=FILE' behind store.url, or '?tls=required' if the"
            " server's certificate can't be verified; systemctl restart sendlimit",
        ),
    )


def latency(location: Location, seconds: float) -> Check:
    """Check the time of a round trip."""
    written = f"{seconds * 1000:.1f} ms a round trip"
    if seconds <= SLOW_S:
        return passed("latency", written)
    return found(
        "latency",
        warning(
            "latency",
            str(location),
            written,
            "each decision takes two and a commit; beyond store.decision_timeout_s mail is"
            " accepted uncounted",
            "look at the load of the database server and at the way there, or move it nearer",
        ),
    )


def clocks(location: Location, seconds: int) -> Check:
    """Check how far the database's clock is ahead of this host's."""
    if abs(seconds) <= CLOCKS_APART_S:
        return passed("clock", "as the database's")
    return found(
        "clock",
        warning(
            "clock",
            str(location),
            f"its clock is {abs(seconds)} s {'ahead of' if seconds > 0 else 'behind'} this host's",
            "periods begin and boosts end at another moment than is shown, and on several hosts"
            " at several moments",
            "timedatectl set-ntp true, on both hosts",
        ),
    )


def reload(config: Config, rows: Collection[tuple[object, ...]]) -> Check:
    """Compare the file's limits with those that the daemon has."""
    if set(rows) == {_row(setting) for setting in config.settings()}:
        return passed("reload", "the daemon has the limits of the file")
    return found(
        "reload",
        warning(
            "old-limits",
            "reload",
            "the daemon has other limits than the file",
            "the file was changed and not loaded, or another daemon on this database has another",
            "systemctl reload sendlimit",
        ),
    )


def _row(setting: Setting) -> tuple[object, ...]:
    is_learned = int(setting.learn is not None)
    return (setting.subject, *(str(word) for word in setting.name), setting.max, is_learned)


def mail(seen: LastActivity, calendar: Calendar, now: int, within_s: int) -> Check:
    """Check how long ago the last mail of a login was: the latest time that the tables allow.

    A day's counter shows that mail was sent on that day, and the last batch that none was sent
    after it.
    """
    candidates = []
    if seen.day is not None:
        end = calendar.period(Window.DAY, seen.day).end
        candidates.append(min(end, now if seen.batch is None else seen.batch))
    if seen.refusal is not None:
        candidates.append(seen.refusal)
    why = "either nobody sends, or Postfix does not ask sendlimit"
    remedy = "log in, send a mail, see whether 'sendlimit top' counts it; if not: sendlimit postfix attach"
    if not candidates:
        problem = "no mail of a login has ever been counted"
    elif (latest := min(max(candidates), now)) >= now - within_s:
        return passed("mail", f"logins have sent, not after {calendar.local_text(latest)}")
    else:
        problem = f"no mail of a login since {calendar.local_text(latest)}"
    return found("mail", warning("no-mail", "mail", problem, why, remedy))
