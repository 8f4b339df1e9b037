-- sendlimit, schema version 6: the last 60 minutes and the last 24 hours as windows.
-- MariaDB commits each statement by itself: each can be run again after a stop half way.
-- A row of er_counter with such a window is one step: a minute of an hour, an hour of a day.

ALTER TABLE er_limit MODIFY `window`
  ENUM('minute', 'hour', 'day', 'month', 'message', 'rolling_hour', 'rolling_day') NOT NULL;
ALTER TABLE er_counter MODIFY `window`
  ENUM('minute', 'hour', 'day', 'month', 'ever', 'rolling_hour', 'rolling_day') NOT NULL;
ALTER TABLE er_refusal MODIFY `window`
  ENUM('minute', 'hour', 'day', 'month', 'message', 'rolling_hour', 'rolling_day') NOT NULL;
ALTER TABLE er_file_limit MODIFY `window`
  ENUM('minute', 'hour', 'day', 'month', 'message', 'rolling_hour', 'rolling_day') NOT NULL;

INSERT IGNORE INTO er_schema_version (version) VALUES (6);
