-- sendlimit, schema version 1: limits, counters, episodes, and what keeps them exact.
-- The same shape as sql/mariadb. SQLite 3.31 and newer. Moments are UTC, 'YYYY-MM-DD HH:MM:SS'.

-- Overrides of the config file. Subject: '*', a domain or a mailbox, in lower case.
CREATE TABLE er_limit (
  id          INTEGER PRIMARY KEY AUTOINCREMENT,
  subject     TEXT NOT NULL CHECK (subject = lower(subject)),
  scope       TEXT NOT NULL CHECK (scope IN ('global', 'domain', 'mailbox')),
  unit        TEXT NOT NULL CHECK (unit IN ('messages', 'recipients')),
  "window"    TEXT NOT NULL CHECK ("window" IN ('minute', 'hour', 'day', 'month', 'message')),
  max         INTEGER NULL CHECK (max >= 0), -- NULL: unlimited; 0: nothing may be sent
  valid_until TEXT NULL,                     -- NULL: lasting, otherwise a boost that ends by itself
  reason      TEXT NOT NULL DEFAULT '',
  set_by      TEXT NOT NULL DEFAULT '',
  set_at      TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  -- one lasting override and one boost of the same limit stand side by side
  is_boost    INTEGER GENERATED ALWAYS AS (valid_until IS NOT NULL) STORED,
  UNIQUE (subject, scope, unit, "window", is_boost),
  CONSTRAINT global_is_for_everyone CHECK (scope <> 'global' OR subject = '*'),
  CONSTRAINT message_is_recipients_of_a_mailbox
    CHECK ("window" <> 'message' OR (scope = 'mailbox' AND unit = 'recipients'))
);

-- One row a counter and period: the running numbers and the history.
CREATE TABLE er_counter (
  scope        TEXT NOT NULL,
  subject      TEXT NOT NULL,
  unit         TEXT NOT NULL,
  "window"     TEXT NOT NULL,
  period_start TEXT NOT NULL,
  used         INTEGER NOT NULL DEFAULT 0,
  PRIMARY KEY (scope, subject, unit, "window", period_start)
) WITHOUT ROWID;
CREATE INDEX er_counter_by_period ON er_counter ("window", period_start);

-- The latch: the counter of all mail ever. Every batch writes it.
INSERT INTO er_counter (scope, subject, unit, "window", period_start, used)
VALUES ('global', '*', 'messages', 'ever', '1970-01-01 00:00:00', 0);

-- Repeats of a refusal, merged: one episode a counter and period.
CREATE TABLE er_refusal (
  scope            TEXT NOT NULL,
  subject          TEXT NOT NULL,
  unit             TEXT NOT NULL,
  "window"         TEXT NOT NULL,
  period_start     TEXT NOT NULL,
  "limit"          INTEGER NOT NULL, -- its value at the last attempt
  first_at         TEXT NOT NULL,
  last_at          TEXT NOT NULL,
  attempts         INTEGER NOT NULL,
  last_client_addr TEXT NOT NULL DEFAULT '',
  last_sender      TEXT NOT NULL DEFAULT '',
  last_mailbox     TEXT NOT NULL DEFAULT '',
  PRIMARY KEY (scope, subject, unit, "window", period_start)
) WITHOUT ROWID;
CREATE INDEX er_refusal_by_time ON er_refusal (last_at);

-- The last batch of each daemon start: what makes a lost answer count once.
-- An entry of unbooked.json (counts saved at a stop without the database) is a row with batch 1.
CREATE TABLE er_committer (
  id      TEXT NOT NULL PRIMARY KEY,
  batch   INTEGER NOT NULL,
  fences  INTEGER NOT NULL DEFAULT 0,
  last_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID;

-- What the daemon tells the views: the limits of its config file, and the days of its calendar.
CREATE TABLE er_file_limit (
  subject  TEXT NOT NULL,
  scope    TEXT NOT NULL,
  unit     TEXT NOT NULL,
  "window" TEXT NOT NULL,
  max      INTEGER NULL,
  PRIMARY KEY (subject, scope, unit, "window")
) WITHOUT ROWID;

CREATE TABLE er_day (
  period_start TEXT NOT NULL PRIMARY KEY,
  period_end   TEXT NOT NULL
) WITHOUT ROWID;

-- Messages a day, every setting that holds now; place: a boost before a row before the file.
CREATE VIEW er_daily_setting AS
  SELECT subject, scope, max, iif(valid_until IS NULL, 2, 1) AS place
    FROM er_limit
   WHERE unit = 'messages' AND "window" = 'day'
     AND (valid_until IS NULL OR valid_until > CURRENT_TIMESTAMP)
  UNION ALL
  SELECT subject, scope, max, 3
    FROM er_file_limit
   WHERE unit = 'messages' AND "window" = 'day';

-- Messages a day, the running day; limit NULL: unlimited. The domain is what follows the last '@'.
CREATE VIEW er_daily_usage AS
  SELECT c.scope, c.subject, d.period_start, d.period_end, c.used,
         (SELECT s.max FROM er_daily_setting s
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

CREATE TABLE er_schema_version (
  version    INTEGER NOT NULL PRIMARY KEY,
  applied_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
);

INSERT INTO er_schema_version (version) VALUES (1);
