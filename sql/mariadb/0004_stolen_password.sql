-- sendlimit, schema version 4: suspended mailboxes, and limits that are learned from the history.
-- MariaDB commits each statement by itself: each can be run again after a stop half way.

-- A suspension is a limit of 0 on each single message of a mailbox.
ALTER TABLE er_limit DROP CONSTRAINT IF EXISTS message_is_recipients_of_a_mailbox;
ALTER TABLE er_limit DROP CONSTRAINT IF EXISTS message_is_recipients_or_a_suspension;
ALTER TABLE er_limit ADD CONSTRAINT message_is_recipients_or_a_suspension
  CHECK (`window` <> 'message' OR (scope = 'mailbox' AND (unit = 'recipients' OR COALESCE(max, 1) = 0)));

-- A learned limit stands beside the override and the boost of the same limit; people set none.
ALTER TABLE er_limit
  ADD COLUMN IF NOT EXISTS learned_from DATETIME NULL
      COMMENT 'UTC; start of the period whose count it comes from; NULL: set by a person or program' AFTER valid_until,
  ADD COLUMN IF NOT EXISTS is_learned BOOLEAN GENERATED ALWAYS AS (learned_from IS NOT NULL) PERSISTENT AFTER is_boost;
ALTER TABLE er_limit
  DROP INDEX IF EXISTS one_of_each,
  ADD UNIQUE KEY IF NOT EXISTS one_of_each_kind (subject, scope, unit, `window`, is_boost, is_learned);

ALTER TABLE er_file_limit
  ADD COLUMN IF NOT EXISTS is_learned BOOLEAN NOT NULL DEFAULT FALSE
      COMMENT 'max is what a new mailbox has; the others have rows in er_limit';

-- Messages a day, every setting that holds now; place: a boost before a row before the file.
CREATE OR REPLACE SQL SECURITY INVOKER VIEW er_daily_setting AS
  SELECT subject, scope, max, IF(valid_until IS NULL, 2, 1) AS place, FALSE AS is_learned
    FROM er_limit
   WHERE unit = 'messages' AND `window` = 'day' AND learned_from IS NULL
     AND (valid_until IS NULL OR valid_until > UTC_TIMESTAMP())
  UNION ALL
  SELECT subject, scope, max, 3, is_learned
    FROM er_file_limit
   WHERE unit = 'messages' AND `window` = 'day';

-- Messages a day, the running day; limit NULL: unlimited.
CREATE OR REPLACE SQL SECURITY INVOKER VIEW er_daily_usage AS
  SELECT c.scope, c.subject, d.period_start, d.period_end, c.used,
         (SELECT IF(s.is_learned, COALESCE((SELECT l.max FROM er_limit l
                    WHERE l.subject = c.subject AND l.scope = c.scope AND l.unit = 'messages'
                      AND l.`window` = 'day' AND l.learned_from IS NOT NULL), s.max), s.max)
            FROM er_daily_setting s
           WHERE s.scope = c.scope
             AND s.subject IN (c.subject, SUBSTRING_INDEX(c.subject, '@', -1), '*')
           ORDER BY INSTR(s.subject, '@') > 0 DESC, s.subject <> '*' DESC, s.place LIMIT 1) AS `limit`
    FROM er_day d
    JOIN er_counter c ON c.unit = 'messages' AND c.`window` = 'day' AND c.period_start = d.period_start
   WHERE d.period_start <= UTC_TIMESTAMP() AND d.period_end > UTC_TIMESTAMP();

INSERT IGNORE INTO er_schema_version (version) VALUES (4);
