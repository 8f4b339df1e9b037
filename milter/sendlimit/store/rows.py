"""Between the ledger's words and rows of the tables; the same for both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sendlimit.errors import SchemaError
from sendlimit.rules.limit import KNOWN_NAMES, CounterKey, LimitName, Setting
from sendlimit.rules.rolling import step_keys, step_starts
from sendlimit.store import SCHEMA_VERSION, LeaseRow, Loaded
from sendlimit.store import statements as sql
from sendlimit.store.sqltime import to_sql, until_from_sql
from sendlimit.store.unreadable import as_count, as_text, ignored, readable, whole

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Mapping, Sequence

    from sendlimit.rules.counting_settings import Publication
    from sendlimit.rules.episode import Episode
    from sendlimit.store.unreadable import Report

Row = tuple[Any, ...]

FREE = LeaseRow("", 0, 0)
"""A lease whose row was removed."""

_NAMES: Mapping[tuple[str, str, str], LimitName] = {tuple(name): name for name in KNOWN_NAMES}  # type: ignore[misc]
_TEXT_MAX = 255


def key_params(key: CounterKey) -> tuple[str, str, str, str, str]:
    """Write a counter's key as the parameters of its primary key."""
    return str(key.scope), key.subject, str(key.unit), str(key.window), to_sql(key.period_start)


def loaded(
    additions: Mapping[CounterKey, int],
    after: Iterable[Row],
    found: Iterable[Row],
    lease: Sequence[Row] | None,
    report: Report = ignored,
) -> Loaded:
    """Read what packet 1 returned: the counters after the additions, in their order."""
    usage = {
        key: row[0] - amount for (key, amount), row in zip(additions.items(), after, strict=True)
    }
    return Loaded(
        usage,
        settings(found, report),
        None if lease is None else lease_row(lease),
    )


def lease_row(found: Sequence[Row]) -> LeaseRow:
    """Read the row of er_lease; a number that it can't have is 0, as for the statements that move it."""
    for holder, beat, seen_change in found:
        return LeaseRow(as_text(holder), as_count(beat), as_count(seen_change))
    return FREE


def keys_params(keys: Iterable[CounterKey]) -> list[str]:
    """Write several keys as parameters, one after the other."""
    return [param for key in keys for param in key_params(key)]


def usage_query(keys: Collection[CounterKey]) -> str:
    """Return the statement that reads counters, for keys_params()."""
    return sql.USAGE.format(keys=" OR ".join([sql.ONE_KEY] * len(keys)))


def chunk_params(name: LimitName, period_start: int, after: str | None, count: int) -> Row:
    """Write what a chunk of a period's counters is asked with; no subject is empty."""
    scope, unit, window = name
    return str(window), to_sql(period_start), str(scope), str(unit), after or "", count


def usage_of(
    keys: Iterable[CounterKey], found: Iterable[Row], report: Report
) -> dict[CounterKey, int]:
    """Read the counters of keys from rows with their key and what is used; 0 without a row."""
    used = dict(readable("er_counter", found, lambda row: (tuple(row[:5]), whole(row[5])), report))
    return {key: used.get(key_params(key), 0) for key in keys}


def steps_query(running: Collection[CounterKey]) -> str:
    """Return the statement that reads all steps of rolling windows, for steps_params()."""
    return sql.USAGE.format(keys=" OR ".join([sql.ONE_SPAN] * len(running)))


def steps_params(running: Iterable[CounterKey]) -> list[str]:
    """Write the windows of running steps as parameters, one after the other."""
    params: list[str] = []
    for key in running:
        starts = step_starts(key.window, key.period_start)
        params += (*key_params(key)[:-1], to_sql(starts[0]), to_sql(starts[-1]))
    return params


def steps_of(
    running: Iterable[CounterKey], found: Iterable[Row], report: Report
) -> dict[CounterKey, int]:
    """Read all steps of rolling windows from rows with their key and what is used."""
    return usage_of([key for one in running for key in step_keys(one)], found, report)


def setting(row: Row) -> Setting:
    """Read (subject, scope, unit, window, max, valid_until, ...).

    Raises:
        ValueError, LookupError, TypeError: a column has what no limit has.
    """
    if not isinstance(row[0], str) or not row[0]:
        raise ValueError(f"{row[0]!r} is not a subject")
    most = None if row[4] is None else whole(row[4])
    if most is not None and most < 0:
        raise ValueError(f"{most} is not a limit")
    return Setting(row[0], _NAMES[row[1], row[2], row[3]], most, until_from_sql(row[5]))


def settings(found: Iterable[Row], report: Report) -> list[Setting]:
    """Read rows of er_limit; those that can't be read are left out and reported."""
    return readable("er_limit", found, loaded_setting, report)


def names(found: Iterable[Row], report: Report) -> frozenset[LimitName]:
    """Read the names of limits; those that this release does not know are reported."""
    return frozenset(readable("er_limit", found, limit_name, report))


def amounts(found: Iterable[Row], report: Report) -> list[tuple[str, int]]:
    """Read (subject, used); what is no number counts as 0 and is reported."""

    def amount(row: Row) -> tuple[str, int]:
        (used,) = readable("er_counter", [row], lambda one: whole(one[1]), report) or [0]
        return str(row[0]), used

    return [amount(row) for row in found]


def loaded_setting(row: Row) -> Setting:
    """Read what SETTINGS and LIMITS return: with learned_from behind it."""
    return setting(row)._replace(learned_from=until_from_sql(row[6]))


def limit_name(row: Row) -> LimitName:
    """Read (scope, unit, window)."""
    return _NAMES[row[0], row[1], row[2]]


def addition_params(additions: Mapping[CounterKey, int]) -> list[Row]:
    """Write additions as rows of er_counter."""
    return [(*key_params(key), amount) for key, amount in additions.items()]


def split(
    corrections: Mapping[CounterKey, int],
) -> tuple[dict[CounterKey, int], dict[CounterKey, int]]:
    """Part corrections into what is to be added, and what is to be given back (as amounts > 0).

    What is given back must not make a row, nor take one below 0, so it is an update.
    """
    more = {key: amount for key, amount in corrections.items() if amount > 0}
    back = {key: -amount for key, amount in corrections.items() if amount < 0}
    return more, back


def episode_params(episode: Episode) -> Row:
    """Write an episode as a row of er_refusal; over-long texts are cut to the column."""
    return (
        *key_params(episode.key),
        episode.limit,
        to_sql(episode.first_at),
        to_sql(episode.last_at),
        episode.attempts,
        episode.last_client_addr[:_TEXT_MAX],
        episode.last_sender[:_TEXT_MAX],
        episode.last_mailbox[:_TEXT_MAX],
    )


def published_limits(publication: Publication) -> list[Row]:
    """Write the file's limits as rows of er_file_limit."""
    return sorted(
        (
            setting.subject,
            *(str(word) for word in setting.name),
            setting.max,
            int(setting.learn is not None),
        )
        for setting in publication.settings
    )


def published_days(publication: Publication) -> list[Row]:
    """Write the days as rows of er_day."""
    return [(to_sql(start), to_sql(end)) for start, end in publication.days]


def check_version(found: int | None, where: object) -> None:
    """Compare the schema's version with the one this release needs.

    Raises:
        SchemaError: with what to do.
    """
    if found is None:
        raise no_tables(where)
    if found < SCHEMA_VERSION:
        raise SchemaError(
            f"{where}: the tables have version {found}, this release needs {SCHEMA_VERSION}: run 'sendlimit db upgrade'"
        )
    if found > SCHEMA_VERSION:
        raise SchemaError(
            f"{where}: the tables have version {found}, newer than the {SCHEMA_VERSION} this release knows: upgrade sendlimit"
        )


def no_tables(where: object) -> SchemaError:
    """Return the error for a database without tables."""
    return SchemaError(f"{where}: the tables are missing: run 'sendlimit db init'")


def placeholders(values: Sequence[object]) -> str:
    """Return "%s, %s, ..." for a list."""
    return ", ".join(["%s"] * len(values))


def contains(text: str) -> str:
    """Return the pattern of LIKE ... ESCAPE '!' for what has a text in it."""
    for sign in "!%_":
        text = text.replace(sign, f"!{sign}")
    return f"%{text}%"
