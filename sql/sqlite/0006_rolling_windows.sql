-- sendlimit, schema version 6: the last 60 minutes and the last 24 hours as windows.
-- The same shape as sql/mariadb. SQLite changes no constraint: the table is made again, and with
-- it the views that read it. A row of er_counter with such a window is one step: a minute of an
-- hour, an hour of a day.

DROP VIEW er_mail_user_ratelimit;
DROP VIEW er_global_ratelimit;
DROP VIEW er_daily_usage;
DROP VIEW er_daily_setting;

CREATE TABLE er_limit_new (
  id           INTEGER PRIMARY KEY AUTOINCREMENT,
  subject      TEXT NOT NULL CHECK (subject = lower(subject)),
  scope        TEXT NOT NULL CHECK (scope IN ('global', 'domain', 'mailbox')),
  unit         TEXT NOT NULL
    CHECK (unit IN ('messages', 'recipients', 'external_messages', 'external_recipients')),
  "window"     TEXT NOT NULL
    CHECK ("window" IN ('minute', 'hour', 'day', 'month', 'message', 'rolling_hour', 'rolling_day')),
  max          INTEGER NULL CHECK (max >= 0), -- NULL: unlimited; 0: nothing may be sent
  valid_until  TEXT NULL,                     -- NULL: lasting, otherwise a boost that ends by itself
  learned_from TEXT NULL,                     -- start of the period whose count it comes from; NULL: set by a person or program
  reason       TEXT NOT NULL DEFAULT '',
  set_by       TEXT NOT NULL DEFAULT '',
  set_at       TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  -- one lasting override, one boost and one learned limit of the same name stand side by side
  is_boost     INTEGER GENERATED ALWAYS AS (valid_until IS NOT NULL) STORED,
  is_learned   INTEGER GENERATED ALWAYS AS (learned_from IS NOT NULL) STORED,
  UNIQUE (subject, scope, unit, "window", is_boost, is_learned),
  CONSTRAINT global_is_for_everyone CHECK (scope <> 'global' OR subject = '*'),
  CONSTRAINT message_is_recipients_or_a_suspension
    CHECK ("window" <> 'message' OR (scope = 'mailbox' AND (unit = 'recipients' OR coalesce(max, 1) = 0)))
);
INSERT INTO er_limit_new (id, subject, scope, unit, "window", max, valid_until, learned_from, reason, set_by, set_at)
SELECT id, subject, scope, unit, "window", max, valid_until, learned_from, reason, set_by, set_at FROM er_limit;
DROP TABLE er_limit;
ALTER TABLE er_limit_new RENAME TO er_limit;

-- Messages a day, every setting that holds now; place: a boost before a row before the file.
CREATE VIEW er_daily_setting AS
  SELECT subject, scope, max, iif(valid_until IS NULL, 2, 1) AS place, 0 AS is_learned
    FROM er_limit
   WHERE unit = 'messages' AND "window" = 'day' AND learned_from IS NULL
     AND (valid_until IS NULL OR valid_until > CURRENT_TIMESTAMP)
  UNION ALL
  SELECT subject, scope, max, 3, is_learned
    FROM er_file_limit
   WHERE unit = 'messages' AND "window" = 'day';

-- Messages a day, the running day; limit NULL: unlimited. The domain is what follows the last '@'.
CREATE VIEW er_daily_usage AS
  SELECT c.scope, c.subject, d.period_start, d.period_end, c.used,
         (SELECT iif(s.is_learned, coalesce((SELECT l.max FROM er_limit l
                      WHERE l.subject = c.subject AND l.scope = c.scope AND l.unit = 'messages'
                        AND l."window" = 'day' AND l.learned_from IS NOT NULL), s.max), s.max)
            FROM er_daily_setting s
           WHERE s.scope = c.scope
             AND s.subject IN (c.subject, replace(c.subject, rtrim(c.subject, replace(c.subject, '@', '')), ''), '*')
           ORDER BY INSTR(s.subject, '@') > 0 DESC, s.subject <> '*' DESC, s.place LIMIT 1) AS "limit"
    FROM er_day d
    JOIN er_counter c ON c.unit = 'messages' AND c."window" = 'day' AND c.period_start = d.period_start
   WHERE d.period_start <= CURRENT_TIMESTAMP AND d.period_end > CURRENT_TIMESTAMP;

-- The server today: limit, used, remaining. A row also before the first mail of the day.
CREATE VIEW er_global_ratelimit AS
  SELECT g."limit", g.used, max(g."limit" - g.used, 0) AS remaining, g.period_start, g.period_end
    FROM (SELECT d.period_start, d.period_end,
                 coalesce((SELECT c.used FROM er_counter c
                            WHERE c.scope = 'global' AND c.subject = '*' AND c.unit = 'messages'
                              AND c."window" = 'day' AND c.period_start = d.period_start), 0) AS used,
                 (SELECT s.max FROM er_daily_setting s
                   WHERE s.scope = 'global' ORDER BY s.place LIMIT 1) AS "limit"
            FROM er_day d
           WHERE d.period_start <= CURRENT_TIMESTAMP AND d.period_end > CURRENT_TIMESTAMP) g;

-- Every mailbox that sent today: limit, used, remaining.
CREATE VIEW er_mail_user_ratelimit AS
  SELECT u.subject AS mailbox, u."limit", u.used, max(u."limit" - u.used, 0) AS remaining,
         u.period_start, u.period_end
    FROM er_daily_usage u
   WHERE u.scope = 'mailbox';

INSERT INTO er_schema_version (version) VALUES (6);
