-- sendlimit, schema version 1: limits, counters, episodes, and what keeps them exact.
-- MariaDB 10.5 and newer. Moments are UTC. `nopad`: a key that ends in a blank is its own key.
-- MariaDB commits each statement by itself: each can be run again after a stop half way.

-- Overrides of the config file. Subject: '*', a domain or a mailbox, in lower case.
CREATE TABLE IF NOT EXISTS er_limit (
  id          BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  subject     VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  scope       ENUM('global', 'domain', 'mailbox') NOT NULL,
  unit        ENUM('messages', 'recipients') NOT NULL,
  `window`    ENUM('minute', 'hour', 'day', 'month', 'message') NOT NULL,
  max         BIGINT UNSIGNED NULL COMMENT 'NULL: unlimited; 0: nothing may be sent',
  valid_until DATETIME NULL COMMENT 'UTC; NULL: lasting, otherwise a boost that ends by itself',
  reason      VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '',
  set_by      VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '',
  set_at      DATETIME NOT NULL DEFAULT UTC_TIMESTAMP(),
  -- one lasting override and one boost of the same limit stand side by side
  is_boost    BOOLEAN GENERATED ALWAYS AS (valid_until IS NOT NULL) PERSISTENT,
  PRIMARY KEY (id),
  UNIQUE KEY one_of_each (subject, scope, unit, `window`, is_boost),
  CONSTRAINT subject_in_lower_case CHECK (subject = LOWER(subject)),
  CONSTRAINT global_is_for_everyone CHECK (scope <> 'global' OR subject = '*'),
  CONSTRAINT message_is_recipients_of_a_mailbox
    CHECK (`window` <> 'message' OR (scope = 'mailbox' AND unit = 'recipients'))
) ENGINE = InnoDB;

-- One row a counter and period: the running numbers and the history.
CREATE TABLE IF NOT EXISTS er_counter (
  scope        ENUM('global', 'domain', 'mailbox') NOT NULL,
  subject      VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  unit         ENUM('messages', 'recipients') NOT NULL,
  `window`     ENUM('minute', 'hour', 'day', 'month', 'ever') NOT NULL,
  period_start DATETIME NOT NULL COMMENT 'UTC',
  used         BIGINT NOT NULL DEFAULT 0,
  PRIMARY KEY (scope, subject, unit, `window`, period_start),
  KEY by_period (`window`, period_start)
) ENGINE = InnoDB;

-- The latch: the counter of all mail ever. Every batch locks it first and writes it.
INSERT IGNORE INTO er_counter (scope, subject, unit, `window`, period_start, used)
VALUES ('global', '*', 'messages', 'ever', '1970-01-01 00:00:00', 0);

-- Repeats of a refusal, merged: one episode a counter and period.
CREATE TABLE IF NOT EXISTS er_refusal (
  scope            ENUM('global', 'domain', 'mailbox') NOT NULL,
  subject          VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  unit             ENUM('messages', 'recipients') NOT NULL,
  `window`         ENUM('minute', 'hour', 'day', 'month', 'message') NOT NULL,
  period_start     DATETIME NOT NULL COMMENT 'UTC',
  `limit`          BIGINT UNSIGNED NOT NULL COMMENT 'its value at the last attempt',
  first_at         DATETIME NOT NULL COMMENT 'UTC',
  last_at          DATETIME NOT NULL COMMENT 'UTC',
  attempts         BIGINT UNSIGNED NOT NULL,
  last_client_addr VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '',
  last_sender      VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '',
  last_mailbox     VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT '',
  PRIMARY KEY (scope, subject, unit, `window`, period_start),
  KEY by_time (last_at)
) ENGINE = InnoDB;

-- The last batch of each daemon start: what makes a lost connection count once.
-- An entry of unbooked.json (counts saved at a stop without the database) is a row with batch 1.
CREATE TABLE IF NOT EXISTS er_committer (
  id      VARCHAR(64) CHARACTER SET ascii NOT NULL,
  batch   BIGINT UNSIGNED NOT NULL,
  fences  BIGINT UNSIGNED NOT NULL DEFAULT 0,
  last_at DATETIME NOT NULL DEFAULT UTC_TIMESTAMP(),
  PRIMARY KEY (id)
) ENGINE = InnoDB;

-- What the daemon tells the views: the limits of its config file, and the days of its calendar.
CREATE TABLE IF NOT EXISTS er_file_limit (
  subject  VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  scope    ENUM('global', 'domain', 'mailbox') NOT NULL,
  unit     ENUM('messages', 'recipients') NOT NULL,
  `window` ENUM('minute', 'hour', 'day', 'month', 'message') NOT NULL,
  max      BIGINT UNSIGNED NULL,
  PRIMARY KEY (subject, scope, unit, `window`)
) ENGINE = InnoDB;

CREATE TABLE IF NOT EXISTS er_day (
  period_start DATETIME NOT NULL COMMENT 'UTC',
  period_end   DATETIME NOT NULL COMMENT 'UTC',
  PRIMARY KEY (period_start)
) ENGINE = InnoDB;

-- Messages a day, every setting that holds now; place: a boost before a row before the file.
CREATE SQL SECURITY INVOKER VIEW IF NOT EXISTS er_daily_setting AS
  SELECT subject, scope, max, IF(valid_until IS NULL, 2, 1) AS place
    FROM er_limit
   WHERE unit = 'messages' AND `window` = 'day'
     AND (valid_until IS NULL OR valid_until > UTC_TIMESTAMP())
  UNION ALL
  SELECT subject, scope, max, 3
    FROM er_file_limit
   WHERE unit = 'messages' AND `window` = 'day';

-- Messages a day, the running day; limit NULL: unlimited.
CREATE SQL SECURITY INVOKER VIEW IF NOT EXISTS er_daily_usage AS
  SELECT c.scope, c.subject, d.period_start, d.period_end, c.used,
         (SELECT s.max FROM er_daily_setting s
           WHERE s.scope = c.scope
             AND s.subject IN (c.subject, SUBSTRING_INDEX(c.subject, '@', -1), '*')
           ORDER BY INSTR(s.subject, '@') > 0 DESC, s.subject <> '*' DESC, s.place LIMIT 1) AS `limit`
    FROM er_day d
    JOIN er_counter c ON c.unit = 'messages' AND c.`window` = 'day' AND c.period_start = d.period_start
   WHERE d.period_start <= UTC_TIMESTAMP() AND d.period_end > UTC_TIMESTAMP();

-- The server today: limit, used, remaining. A row also before the first mail of the day.
CREATE SQL SECURITY INVOKER VIEW IF NOT EXISTS er_global_ratelimit AS
  SELECT g.`limit`, g.used, GREATEST(CAST(g.`limit` AS SIGNED) - g.used, 0) AS remaining,
         g.period_start, g.period_end
    FROM (SELECT d.period_start, d.period_end,
                 COALESCE((SELECT c.used FROM er_counter c
                            WHERE c.scope = 'global' AND c.subject = '*' AND c.unit = 'messages'
                              AND c.`window` = 'day' AND c.period_start = d.period_start), 0) AS used,
                 (SELECT s.max FROM er_daily_setting s
                   WHERE s.scope = 'global' ORDER BY s.place LIMIT 1) AS `limit`
            FROM er_day d
           WHERE d.period_start <= UTC_TIMESTAMP() AND d.period_end > UTC_TIMESTAMP()) g;

-- Every mailbox that sent today: limit, used, remaining.
CREATE SQL SECURITY INVOKER VIEW IF NOT EXISTS er_mail_user_ratelimit AS
  SELECT u.subject AS mailbox, u.`limit`, u.used,
         GREATEST(CAST(u.`limit` AS SIGNED) - u.used, 0) AS remaining,
         u.period_start, u.period_end
    FROM er_daily_usage u
   WHERE u.scope = 'mailbox';

CREATE TABLE IF NOT EXISTS er_schema_version (
  version    INT UNSIGNED NOT NULL,
  applied_at DATETIME NOT NULL DEFAULT UTC_TIMESTAMP(),
  PRIMARY KEY (version)
) ENGINE = InnoDB;

INSERT IGNORE INTO er_schema_version (version) VALUES (1);
