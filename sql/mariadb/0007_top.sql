-- sendlimit, schema version 7: who has sent most in a period, and the server's day hour by hour.
-- MariaDB commits each statement by itself: each can be run again after a stop half way.

-- Rows of a period lie far apart in the table and together in this index. Behind the subject it has
-- how much was used, in steps of an eighth to a whole: so most mails do not change the index.
-- This copies the table: with millions of rows it takes minutes, and mail is accepted and booked later.
ALTER TABLE er_counter
  ADD COLUMN IF NOT EXISTS magnitude SMALLINT GENERATED ALWAYS AS (CASE
    WHEN used < 8 THEN 0
    WHEN used < 64 THEN used >> 3
    WHEN used < 512 THEN 8 + (used >> 6)
    WHEN used < 4096 THEN 16 + (used >> 9)
    WHEN used < 32768 THEN 24 + (used >> 12)
    WHEN used < 262144 THEN 32 + (used >> 15)
    ELSE 40 END) PERSISTENT INVISIBLE,
  DROP INDEX IF EXISTS by_period,
  ADD KEY by_period (`window`, period_start, scope, subject, unit, magnitude);

-- What the web process saw of the server's day, last in each hour.
CREATE TABLE IF NOT EXISTS er_hour (
  hour      DATETIME NOT NULL COMMENT 'UTC; start of the hour',
  day_start DATETIME NOT NULL COMMENT 'UTC; start of the day',
  used      BIGINT NOT NULL COMMENT 'messages since the start of the day',
  PRIMARY KEY (day_start, hour)
) ENGINE = InnoDB;

INSERT IGNORE INTO er_schema_version (version) VALUES (7);
