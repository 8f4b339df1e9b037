"""What --json prints. A promise: keys are added, never changed or taken away.

Moments are ISO 8601 in UTC with offset, null where there is none; of a limit, null is
unlimited. The manual page lists SHAPES, and a test compares it with what is printed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sendlimit.store.overrides import override_record
from sendlimit.store.sqltime import to_iso

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sendlimit.rules.episode import Episode
    from sendlimit.rules.limit import CounterKey
    from sendlimit.rules.window import Calendar
    from sendlimit.store.changes import RecordedChange
    from sendlimit.store.subjects import Stored

OVERRIDE = {
    "subject": "'*', a domain or a mailbox",
    "limit": "its name, as mailbox.messages_per_day",
    "max": "the limit",
    "until": "end of a boost; null: lasting",
    "reason": "why",
    "set_by": "who set it",
    "set_at": "when it was set",
}
SUSPENSION = {
    "subject": "'*', a domain or a mailbox",
    "until": "when it ends; null: when it is released",
    "reason": "why",
    "set_by": "who did it; 'sendlimit' is the daemon",
    "set_at": "when it began",
}
EPISODE = {
    "limit": "the limit that refused",
    "subject": "whose limit: '*', a domain or a mailbox",
    "max": "its value at the last attempt",
    "period_start": "start of the period that the refusals are merged by",
    "first_at": "first refusal",
    "last_at": "last refusal",
    "attempts": "how many refusals",
    "last_client_addr": "address of the last client",
    "last_sender": "its reverse path",
    "last_mailbox": "its login",
}
LIMIT_STATUS = {
    "limit": "its name",
    "subject": "what is counted: '*', a domain or a mailbox",
    "max": "the limit in force",
    "used": "count of the running period; null where nothing is counted",
    "remaining": "what is left; null: unlimited or not counted",
    "period_start": "start of the running period, or of a rolling window",
    "period_end": "its end; of a rolling window when the next mail passes, or with room left when something leaves it",
    "origin": "'boost', 'override', 'file', 'learned', 'share', or null: set nowhere",
    "set_for": "subject of the setting that won",
    "override": "its row, as of 'limit list'; null: from the file",
    "learned_from": "of a learned limit, start of the period that it comes from, or null",
    "last_episode": "as of 'refusals', or null",
}
SHAPES: Mapping[str, Mapping[str, str]] = {
    "check, a list of": {
        "state": "'ok', 'warning' or 'error'",
        "layer": "'file', 'database', 'schema', 'rights', 'limits' or 'socket'",
        "message": "what was found",
    },
    "doctor, a list of": {
        "check": "what was looked at, as in docs/doctor.md",
        "state": "'ok', 'warning' or 'error'",
        "subject": "what is wrong: a service, a file, the database; null when all is well",
        "message": "what was found",
        "code": "the finding, as in docs/doctor.md, or null",
        "why": "why it matters, or null",
        "remedy": "the command or the change that mends it, or null",
    },
    "status": {
        "daemon_answers": "false: no mail is limited",
        "daemon": "where it answers, or why it does not",
        "attached": "a list of the services of Postfix that ask it; null: can't be told",
        "mode": "'enforce' or 'observe'",
        "in_force": "the mode and the limits for everyone, in a sentence",
        "server": "used, max (null: unlimited), period_start and period_end of its messages a day; or null",
        "near": "a list of: subject, limit, used, max; who has used most of a limit; or null",
        "suspended": "a list of mailboxes and domains, '*' for everyone; or null",
        "last_refusal": "as of 'refusals', or null",
        "doctor": "at, found (a list of: check, code, subject, level, text, first_at) of its last kept run; or null",
        "problems": "a list of sentences; empty: all is well",
    },
    "config, a list of": {
        "key": "dotted, as in the file",
        "value": "in force; null: not set",
        "origin": "'file' or 'default'",
        "meaning": "what it is",
    },
    "db status": {
        "store": "the database",
        "version": "of its tables; null: none",
        "needed": "the version that this release needs",
        "pending": "names of the files to run",
    },
    "show": {
        "subject": "'*', a domain or a mailbox",
        "scope": "'global', 'domain' or 'mailbox'",
        "at": "now",
        "mode": "'enforce' or 'observe'",
        "exempt": "never counted",
        "over_limit": "name of the limit that the next mail would pass, or null",
        "refused": "the next mail is refused",
        "resets_at": "when sending works again, or null",
        "external_over_limit": "name of the limit that its external recipients would pass, or null",
        "external_resets_at": "when sending to them works again, or null",
        "limits": "a list of the limits below",
        "defaults": "of a domain or the server: what holds for each below it, in the same form",
        "daemon_answers": "false: no mail is limited now",
    },
    "show, each of limits and defaults": LIMIT_STATUS,
    "top": {
        "limit": "what is counted",
        "period_start": "start of the running period, or of a rolling window",
        "period_end": "its end",
        "subjects": "a list of: subject, used, max (the limit in force)",
    },
    "refusals, a list of (with --follow one a line)": EPISODE,
    "limit set, limit unset": {
        "now": "the row that is set, as of 'limit list'; null: none",
        "before": "the row that was there, or null",
    },
    "limit list, a list of": OVERRIDE | {"in_force": "false: a boost that has ended"},
    "learn, a list of": {
        "subject": "a mailbox or domain whose limit changes",
        "limit": "its name",
        "before": "what was learned before, or null",
        "max": "the limit now; null: there is nothing to learn from any more",
        "greatest": "the count that it comes from",
        "learned_from": "start of the period of that count",
    },
    "suspend": SUSPENSION,
    "release, suspensions, a list of": SUSPENSION,
    "usage reset, a list of": {
        "subject": "whose count",
        "limit": "which count",
        "taken": "the number that was taken away",
        "period_start": "start of its period",
        "period_end": "end of its period",
    },
    "rename": {
        "from": "the old name",
        "to": "the new name",
        "counters": "how many counters the old name had, of all periods",
        "refusals": "how many refusals by its own limits",
        "limits": "its overrides and boosts, as of 'limit list'",
        "kept": "those of the new name that stay in place of the old name's, as of 'limit list'",
        "applied": "false: --dry-run",
    },
    "forget": {
        "subject": "the mailbox or domain",
        "counters": "how many counters it had, of all periods",
        "refusals": "how many refusals by its own limits",
        "limits": "its overrides and boosts, as of 'limit list'",
        "applied": "false: --dry-run",
    },
    "changes, a list of": {
        "id": "its number: a later change has a higher one",
        "at": "when",
        "who": "who made it",
        "origin": "'command', 'api', 'page' or 'daemon'",
        "what": "the command: 'limit set', 'usage reset', 'import', ...",
        "subject": "'*', a domain or a mailbox",
        "before": "what there was: a row as of 'limit list', counters, ...; null: nothing",
        "after": "what there is, or null",
    },
    "suggest": {
        "limit": "of a mailbox: what was looked at",
        "since": "the first period with mail",
        "until": "the end: the running period is left out",
        "periods": "how many periods this is",
        "periods_with_mail": "in how many of them anybody sent",
        "mailboxes_refused": "how many were refused by this limit then, and wanted more",
        "proposals": "a list, one a scope that was counted",
        "trials": "a list: what limits for each mailbox would have refused",
        "exceeding": "a list of those who were above a proposal",
        "comparison": "limits that learn beside one for all; null: none are learned in this window",
    },
    "suggest, comparison": {
        "since": "the first of the past 35 days",
        "until": "the end: today is left out",
        "times": "how limits were learned: times the greatest count of the 35 days before",
        "at_least": "the lowest limit",
        "at_most": "the highest",
        "outcomes": "a list: the first of limits that learn, then of one for all each",
    },
    "suggest, each of outcomes": {
        "limit": "the one for all; null: limits that learn",
        "mailboxes_refused": "how many mailboxes would have been refused something",
        "days": "on how many days, all mailboxes together",
        "thief_median": "what a thief could send in one period, in half of the mailboxes at most",
        "thief_most": "what one could send in the mailbox with the highest limit",
    },
    "suggest, each of proposals": {
        "limit": "its name",
        "subjects": "how many mailboxes or domains sent anything",
        "periods": "how many periods they have in which they did",
        "p50": "half of these periods have at most this count",
        "p95": "95 of 100 have",
        "p99": "99 of 100 have",
        "max": "the highest count",
        "proposed": "the limit",
    },
    "suggest, each of trials": {
        "limit": "its value",
        "subjects": "how many mailboxes would have been refused something",
        "periods": "in how many of their periods",
        "refused": "messages or recipients beyond the limit",
    },
    "suggest, each of exceeding": {
        "limit": "its name",
        "subject": "the mailbox or domain",
        "busiest": "its highest count",
        "periods": "how many of its periods were above the proposal",
        "own": "what is set for it or its domain; null: unlimited or nothing",
        "proposed": "what it needs; null: what is set is enough",
    },
    "import policyd-rate-guard, import iredapd, import csv": {
        "source": "where from",
        "changes": "a list of what is set",
        "kept": "a list of what is not, as there is an override with another value",
        "unchanged": "how many limits have the value already",
        "left_out": "a list of: reason, subjects; nothing is set for these",
        "different": "a list of: reason, subjects; set, but counted in another way than before",
        "applied": "false: --dry-run",
    },
    "import, each of changes and kept": {
        "subject": "'*', a domain or a mailbox",
        "limit": "its name",
        "max": "the value that was read",
        "max_before": "what is in force without boosts",
        "origin_before": "'override', 'file', or null: set nowhere",
        "override_before": "its own override, as of 'limit list', or null",
    },
    "notify test, a list of": {
        "route": "'webhook', 'mail' or 'owner'",
        "sent": "the receiver took it",
        "reason": "why not, or null",
    },
    "web token list, a list of": {
        "name": "of the program",
        "role": "'read' or 'admin'",
        "added_at": "when it was made",
    },
    "web user list, a list of": {"name": "of the user", "set_at": "when the password was set"},
    "purge": {
        "counters": "rows removed from er_counter",
        "refusals": "from er_refusal",
        "boosts": "from er_limit",
        "committers": "from er_committer",
    },
}


def episode_record(episode: Episode) -> dict[str, object]:
    """Return a row of er_refusal."""
    key = episode.key
    return {
        "limit": str(key.name),
        "subject": key.subject,
        "max": episode.limit,
        "period_start": to_iso(key.period_start),
        "first_at": to_iso(episode.first_at),
        "last_at": to_iso(episode.last_at),
        "attempts": episode.attempts,
        "last_client_addr": episode.last_client_addr,
        "last_sender": episode.last_sender,
        "last_mailbox": episode.last_mailbox,
    }


def stored_record(stored: Stored) -> dict[str, object]:
    """Return what the tables have of a subject."""
    return {
        "counters": stored.counters,
        "refusals": stored.refusals,
        "limits": [override_record(row) for row in stored.limits],
    }


def taken_record(key: CounterKey, amount: int, calendar: Calendar) -> dict[str, object]:
    """Return what a reset has taken from a counter of a period that runs at the moment."""
    return {
        "subject": key.subject,
        "limit": str(key.name),
        "taken": amount,
        "period_start": to_iso(key.period_start),
        "period_end": to_iso(calendar.period(key.window, key.period_start).end),
    }


def change_record(row: RecordedChange) -> dict[str, object]:
    """Return a row of er_change."""
    return {
        "id": row.id,
        "at": to_iso(row.at),
        "who": row.who,
        "origin": row.origin,
        "what": row.change.what,
        "subject": row.change.subject,
        "before": row.change.before,
        "after": row.change.after,
    }
