-- sendlimit, schema version 6: who has sent most in a period is read from the index alone.
-- MariaDB commits each statement by itself: each can be run again after a stop half way.

-- The same order as before, with what was used behind it: rows of a period lie far apart in the
-- table, and together in the index.
ALTER TABLE er_counter
  DROP INDEX IF EXISTS by_period,
  ADD KEY by_period (`window`, period_start, scope, subject, unit, used);

INSERT IGNORE INTO er_schema_version (version) VALUES (6);
