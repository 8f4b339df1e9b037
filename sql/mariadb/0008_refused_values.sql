-- sendlimit, schema version 8: the tables refuse what no limit and no counter is.
-- MariaDB commits each statement by itself: each can be run again after a stop half way.

-- Rows that are there stay, and are named by doctor: they are not looked at here.
SET SESSION check_constraint_checks = 0;

ALTER TABLE er_limit
  ADD CONSTRAINT IF NOT EXISTS max_is_a_limit CHECK (max <= 1000000000000000),
  ADD CONSTRAINT IF NOT EXISTS valid_until_is_a_moment CHECK (valid_until IS NULL OR valid_until >= '1970-01-01'),
  ADD CONSTRAINT IF NOT EXISTS learned_from_is_a_moment CHECK (learned_from IS NULL OR learned_from >= '1970-01-01'),
  ADD CONSTRAINT IF NOT EXISTS set_at_is_a_moment CHECK (set_at >= '1970-01-01'),
  ADD CONSTRAINT IF NOT EXISTS words_are_known CHECK (subject <> '' AND scope <> '' AND unit <> '' AND `window` <> '');

-- A daemon adds 1 to these: at the end of the column's range it could not any more.
ALTER TABLE er_lease
  ADD CONSTRAINT IF NOT EXISTS lease_can_go_on CHECK (beat <= 1000000000000000000 AND seen_change <= 1000000000000000000);
ALTER TABLE er_daemon
  ADD CONSTRAINT IF NOT EXISTS beat_can_go_on CHECK (beat <= 1000000000000000000);
ALTER TABLE er_committer
  ADD CONSTRAINT IF NOT EXISTS batch_can_go_on
      CHECK (batch <= 1000000000000000000 AND fences <= 1000000000000000000 AND journal <= 1000000000000000000);

SET SESSION check_constraint_checks = 1;

INSERT IGNORE INTO er_schema_version (version) VALUES (8);
