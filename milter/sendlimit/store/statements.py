"""Every SQL text of the ledger, by purpose. Both databases read backticks and the same shape.

Placeholders are %s; SQLite's are made from them. Only the number of placeholders varies,
never a text from outside.
"""

from __future__ import annotations

from sendlimit.store import OLD_RELEASE, OLD_RELEASE_SEEN_S

COUNT_MAX = 10**18
"""From this on a row written by hand counts as this: adding to it must not pass the column's end."""
_KNOWN = f"CASE WHEN {{0}} BETWEEN 0 AND {COUNT_MAX - 1} THEN CAST({{0}} AS INTEGER) ELSE 0 END"
_NEXT_BEAT, _NEXT_FENCE = f"{_KNOWN.format('beat')} + 1", f"{_KNOWN.format('fences')} + 1"
_BATCH_KNOWN = f"batch = {_KNOWN.format('batch')}"

LATCH = """
SELECT used FROM er_counter
 WHERE scope = 'global' AND subject = '*' AND unit = 'messages' AND `window` = 'ever'
   AND period_start = '1970-01-01 00:00:00'
"""

KEEP_LATCH = """
INSERT INTO er_counter (scope, subject, unit, `window`, period_start, used)
SELECT 'global', '*', 'messages', 'ever', '1970-01-01 00:00:00', 0
 WHERE NOT EXISTS (SELECT 1 FROM er_counter WHERE scope = 'global' AND subject = '*'
                      AND unit = 'messages' AND `window` = 'ever')
"""


SETTINGS = """
SELECT subject, scope, unit, `window`, max, valid_until, learned_from FROM er_limit
 WHERE subject IN ({subjects})
"""

LIMITS = "SELECT subject, scope, unit, `window`, max, valid_until, learned_from FROM er_limit"

NAMES_IN_FORCE = """
SELECT DISTINCT scope, unit, `window` FROM er_limit
 WHERE max IS NOT NULL AND learned_from IS NULL AND (valid_until IS NULL OR valid_until > %s)
"""

VERSION = "SELECT MAX(version) FROM er_schema_version"

OWN_BATCH = "SELECT batch, fences FROM er_committer WHERE id = %s"
BOOKED_RECORD = "SELECT journal FROM er_committer WHERE id = %s"
BOOKED_ENTRIES = "SELECT id FROM er_committer WHERE id IN ({ids})"

PUBLISHED_LIMITS = "SELECT subject, scope, unit, `window`, max, is_learned FROM er_file_limit"
FORGET_LIMITS = "DELETE FROM er_file_limit"
PUBLISH_LIMIT = """
INSERT INTO er_file_limit (subject, scope, unit, `window`, max, is_learned) VALUES (%s, %s, %s, %s, %s, %s)"""
PUBLISHED_DAYS = "SELECT period_start, period_end FROM er_day"
FORGET_DAYS = "DELETE FROM er_day"
PUBLISH_DAY = "INSERT INTO er_day (period_start, period_end) VALUES (%s, %s)"

LEASE = "SELECT holder, beat, seen_change FROM er_lease WHERE one = 1"
SET_LEASE = f"UPDATE er_lease SET holder = %s, beat = {_NEXT_BEAT}, seen_change = %s WHERE one = 1"
FREE_LEASE = f"""
UPDATE er_lease SET holder = '', beat = {_NEXT_BEAT}, seen_change = {_KNOWN.format("seen_change")}
 WHERE one = 1"""
MOVE_LEASE = f"""
UPDATE er_lease SET holder = %s, beat = {_NEXT_BEAT}, seen_change = %s
 WHERE one = 1 AND holder = %s AND beat = %s"""
_BEATS = "SELECT id, beat FROM er_daemon"
# Who writes batches and never beats is of a release that knows no lease; batch 1 may be an entry
# of an unbooked file.
_OLD_RELEASES = """
SELECT {name}, batch FROM er_committer
 WHERE batch > 1 AND last_at > {since} AND id NOT IN (SELECT id FROM er_daemon)"""
_HAS_LEFT = "UPDATE er_committer SET last_at = {earlier} WHERE id = %s"
FORGET_DAEMONS = "DELETE FROM er_daemon WHERE id IN ({ids})"
LAST_CHANGE = f"SELECT COALESCE(MAX(id), 0) FROM er_change WHERE id <= {COUNT_MAX}"
CHANGES = f"SELECT id, subject FROM er_change WHERE id > %s AND id <= {COUNT_MAX} ORDER BY id"
FLUSHED = """
UPDATE er_committer SET batch = %s, journal = {journal}, last_at = {now}
 WHERE id = %s AND fences = %s"""

# Without the hint, which SQLite takes for a comment, MariaDB may read all counters of the period.
USAGE = """
SELECT scope, subject, unit, `window`, period_start, used
  FROM er_counter /*! FORCE INDEX (PRIMARY) */ WHERE {keys}"""
ONE_KEY = "(scope = %s AND subject = %s AND unit = %s AND `window` = %s AND period_start = %s)"

ONE_SPAN = """
(scope = %s AND subject = %s AND unit = %s AND `window` = %s AND period_start BETWEEN %s AND %s)"""

_COUNTERS = """
SELECT subject, used FROM er_counter{index}
 WHERE `window` = %s AND period_start = %s AND scope = %s AND unit = %s AND subject > %s
 ORDER BY subject LIMIT %s"""

_COUNTER_ROW = "INSERT INTO er_counter (scope, subject, unit, `window`, period_start, used) VALUES "
_EPISODE_ROW = """
INSERT INTO er_refusal (scope, subject, unit, `window`, period_start, `limit`, first_at, last_at,
                        attempts, last_client_addr, last_sender, last_mailbox) VALUES """
SIX = "(%s, %s, %s, %s, %s, %s)"
TWELVE = "(%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"

GIVE_BACK = """
UPDATE er_counter SET used = {greatest}({used} - %s, 0)
 WHERE scope = %s AND subject = %s AND unit = %s AND `window` = %s AND period_start = %s"""


class MariaDB:
    """The statements that differ, as MariaDB wants them."""

    _USED = f"GREATEST(LEAST(used, {COUNT_MAX}), -{COUNT_MAX})"
    _JOURNAL = f"GREATEST(LEAST(journal, {COUNT_MAX}), {{}})"
    AS_ONE = "BEGIN NOT ATOMIC {statements}; END"
    LATCH = LATCH + " FOR UPDATE"
    PACKET_MAX = "SELECT @@max_allowed_packet"
    IS_NODE = "SHOW VARIABLES LIKE 'wsrep_on'"
    ADD = (
        _COUNTER_ROW
        + f"{{rows}} ON DUPLICATE KEY UPDATE used = {_USED} + VALUES(used) RETURNING used"
    )
    GIVE_BACK = GIVE_BACK.format(greatest="GREATEST", used=_USED)
    EPISODES = (
        _EPISODE_ROW
        + f"""{{rows}} ON DUPLICATE KEY UPDATE `limit` = VALUES(`limit`),
  first_at = LEAST(first_at, VALUES(first_at)), last_at = GREATEST(last_at, VALUES(last_at)),
  attempts = LEAST(attempts, {COUNT_MAX}) + VALUES(attempts), last_client_addr = VALUES(last_client_addr),
  last_sender = VALUES(last_sender), last_mailbox = VALUES(last_mailbox)"""
    )
    BATCH = f"""
INSERT INTO er_committer (id, batch, journal) VALUES (%s, %s, %s)
    ON DUPLICATE KEY UPDATE batch = VALUES(batch), journal = {_JOURNAL.format("VALUES(journal)")},
  last_at = UTC_TIMESTAMP()"""
    REPLAYED = f"""
INSERT INTO er_committer (id, batch, journal) VALUES (%s, 0, %s)
    ON DUPLICATE KEY UPDATE journal = {_JOURNAL.format("VALUES(journal)")}, last_at = UTC_TIMESTAMP()"""
    KEEP_LEASE = "INSERT IGNORE INTO er_lease (one) VALUES (1)"
    # A locking read: not of the snapshot that an earlier read of the transaction made.
    LEASE = LEASE + " LOCK IN SHARE MODE"
    OLD_RELEASES = _OLD_RELEASES.format(
        name=f"CONCAT('{OLD_RELEASE}', id)",
        since=f"UTC_TIMESTAMP() - INTERVAL {OLD_RELEASE_SEEN_S} SECOND",
    )
    BEATS = f"{_BEATS} UNION ALL {OLD_RELEASES}"
    LOCKED_BEATS = f"({_BEATS} LOCK IN SHARE MODE) UNION ALL ({OLD_RELEASES} LOCK IN SHARE MODE)"
    HAS_LEFT = _HAS_LEFT.format(earlier=f"last_at - INTERVAL {OLD_RELEASE_SEEN_S} SECOND")
    BEAT = f"""
INSERT INTO er_daemon (id, beat, host) VALUES (%s, 1, %s)
    ON DUPLICATE KEY UPDATE beat = {_NEXT_BEAT}, last_at = UTC_TIMESTAMP()"""
    TAKE_LATCH = f"""
UPDATE er_counter SET used = GREATEST({_USED} + %s, 0)
 WHERE scope = 'global' AND subject = '*' AND unit = 'messages' AND `window` = 'ever'
   AND period_start = '1970-01-01 00:00:00'"""
    FLUSHED = FLUSHED.format(journal=_JOURNAL.format("%s"), now="UTC_TIMESTAMP()")
    # Without the handler a failure would leave the transaction open, and the latch taken.
    FLUSH = """
BEGIN NOT ATOMIC
DECLARE EXIT HANDLER FOR SQLEXCEPTION BEGIN ROLLBACK; RESIGNAL; END;
START TRANSACTION; {statements}; COMMIT;
END"""
    IF_NONE = (
        "IF ROW_COUNT() = 0 THEN SIGNAL SQLSTATE '45000' SET MESSAGE_TEXT = '{message}'; END IF"
    )
    LIMITS_MARK = """
SELECT COUNT(*), COALESCE(BIT_XOR(CRC32(CONCAT_WS('|', id, subject, scope, unit, `window`,
       COALESCE(max, '-'), COALESCE(valid_until, '-')))), 0) FROM er_limit"""
    COUNTERS = _COUNTERS.format(index=" FORCE INDEX (by_period)")
    FENCE = f"""
INSERT INTO er_committer (id, batch, fences) VALUES (%s, 0, 1)
    ON DUPLICATE KEY UPDATE fences = {_NEXT_FENCE}, {_BATCH_KNOWN}, journal = {_JOURNAL.format(0)}"""


class SQLite:
    """The same, as SQLite wants them."""

    # Its columns hold anything: what is no number is 0.
    _USED = f"max(min(CAST(used AS INTEGER), {COUNT_MAX}), -{COUNT_MAX})"
    _JOURNAL = f"max(min(CAST(journal AS INTEGER), {COUNT_MAX}), {{}})"
    ADD = (
        _COUNTER_ROW
        + SIX
        + f" ON CONFLICT DO UPDATE SET used = {_USED} + excluded.used RETURNING used"
    )
    GIVE_BACK = GIVE_BACK.format(greatest="max", used=_USED)
    EPISODES = (
        _EPISODE_ROW
        + TWELVE
        + f""" ON CONFLICT DO UPDATE SET `limit` = excluded.`limit`,
  first_at = min(first_at, excluded.first_at), last_at = max(last_at, excluded.last_at),
  attempts = min(CAST(attempts AS INTEGER), {COUNT_MAX}) + excluded.attempts, last_client_addr = excluded.last_client_addr,
  last_sender = excluded.last_sender, last_mailbox = excluded.last_mailbox"""
    )
    BATCH = f"""
INSERT INTO er_committer (id, batch, journal) VALUES (%s, %s, %s)
    ON CONFLICT DO UPDATE SET batch = excluded.batch, journal = {_JOURNAL.format("excluded.journal")},
  last_at = CURRENT_TIMESTAMP"""
    REPLAYED = f"""
INSERT INTO er_committer (id, batch, journal) VALUES (%s, 0, %s)
    ON CONFLICT DO UPDATE SET journal = {_JOURNAL.format("excluded.journal")}, last_at = CURRENT_TIMESTAMP"""
    KEEP_LEASE = "INSERT OR IGNORE INTO er_lease (one) VALUES (1)"
    BEAT = f"""
INSERT INTO er_daemon (id, beat, host) VALUES (%s, 1, %s)
    ON CONFLICT DO UPDATE SET beat = {_NEXT_BEAT}, last_at = CURRENT_TIMESTAMP"""
    FLUSHED = FLUSHED.format(journal=_JOURNAL.format("%s"), now="CURRENT_TIMESTAMP")
    BEATS = f"{_BEATS} UNION ALL " + _OLD_RELEASES.format(
        name=f"'{OLD_RELEASE}' || id", since=f"datetime('now', '-{OLD_RELEASE_SEEN_S} seconds')"
    )
    HAS_LEFT = _HAS_LEFT.format(earlier=f"datetime(last_at, '-{OLD_RELEASE_SEEN_S} seconds')")
    COUNTERS = _COUNTERS.format(index="")
    FENCE = f"""
INSERT INTO er_committer (id, batch, fences) VALUES (%s, 0, 1)
    ON CONFLICT DO UPDATE SET fences = {_NEXT_FENCE}, {_BATCH_KNOWN}, journal = {_JOURNAL.format(0)}"""
