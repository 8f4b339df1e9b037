-- sendlimit, schema version 8: the tables refuse what no limit and no counter is.
-- The same for er_limit as in sql/mariadb, whose columns refuse the rest by their types. SQLite's hold
-- anything, so triggers look at what is written; rows that are there stay, and are named by doctor.

CREATE TRIGGER IF NOT EXISTS er_limit_new BEFORE INSERT ON er_limit
WHEN (NEW.max IS NOT NULL AND (typeof(NEW.max) <> 'integer' OR NEW.max > 1000000000000000))
  OR (NEW.valid_until IS NOT NULL
      AND (NEW.valid_until IS NOT strftime('%Y-%m-%d %H:%M:%S', NEW.valid_until, '+0 days') OR NEW.valid_until < '1970-01-01'))
  OR (NEW.learned_from IS NOT NULL AND NEW.learned_from IS NOT strftime('%Y-%m-%d %H:%M:%S', NEW.learned_from, '+0 days'))
  OR NEW.set_at IS NOT strftime('%Y-%m-%d %H:%M:%S', NEW.set_at, '+0 days')
  OR NEW.subject = '' OR typeof(NEW.subject) <> 'text'
BEGIN
  SELECT RAISE(ABORT, 'er_limit: max is a whole number up to 10^15, moments are YYYY-MM-DD HH:MM:SS in UTC, subject is a text');
END;

CREATE TRIGGER IF NOT EXISTS er_limit_changed BEFORE UPDATE ON er_limit
WHEN (NEW.max IS NOT NULL AND (typeof(NEW.max) <> 'integer' OR NEW.max > 1000000000000000))
  OR (NEW.valid_until IS NOT NULL
      AND (NEW.valid_until IS NOT strftime('%Y-%m-%d %H:%M:%S', NEW.valid_until, '+0 days') OR NEW.valid_until < '1970-01-01'))
  OR (NEW.learned_from IS NOT NULL AND NEW.learned_from IS NOT strftime('%Y-%m-%d %H:%M:%S', NEW.learned_from, '+0 days'))
  OR NEW.set_at IS NOT strftime('%Y-%m-%d %H:%M:%S', NEW.set_at, '+0 days')
  OR NEW.subject = '' OR typeof(NEW.subject) <> 'text'
BEGIN
  SELECT RAISE(ABORT, 'er_limit: max is a whole number up to 10^15, moments are YYYY-MM-DD HH:MM:SS in UTC, subject is a text');
END;

CREATE TRIGGER IF NOT EXISTS er_counter_new BEFORE INSERT ON er_counter
WHEN typeof(NEW.used) <> 'integer' OR NEW.period_start IS NOT strftime('%Y-%m-%d %H:%M:%S', NEW.period_start, '+0 days')
BEGIN
  SELECT RAISE(ABORT, 'er_counter: used is a whole number, period_start is YYYY-MM-DD HH:MM:SS in UTC');
END;

-- A counter that was odd before may stay so: counting goes on.
CREATE TRIGGER IF NOT EXISTS er_counter_changed BEFORE UPDATE OF used ON er_counter
WHEN typeof(NEW.used) <> 'integer' AND typeof(OLD.used) = 'integer' AND abs(OLD.used) < 1000000000000000
BEGIN
  SELECT RAISE(ABORT, 'er_counter: used is a whole number');
END;

-- The holder adds 1 to the beat with everything that it writes.
CREATE TRIGGER IF NOT EXISTS er_lease_changed BEFORE UPDATE ON er_lease
WHEN typeof(NEW.beat) <> 'integer' OR NEW.beat NOT BETWEEN 0 AND 1000000000000000000
  OR typeof(NEW.seen_change) <> 'integer' OR NEW.seen_change NOT BETWEEN 0 AND 1000000000000000000
  OR typeof(NEW.holder) <> 'text'
BEGIN
  SELECT RAISE(ABORT, 'er_lease: beat and seen_change are whole numbers, holder is a text');
END;

INSERT INTO er_schema_version (version) VALUES (8);
