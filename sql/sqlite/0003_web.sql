-- sendlimit, schema version 3: who may use the web pages and the API, what the doctor last found.
-- The same shape as sql/mariadb.

-- Admins who log in to the web pages.
CREATE TABLE er_web_user (
  name     TEXT NOT NULL PRIMARY KEY,
  password TEXT NOT NULL, -- argon2 hash
  added_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID;

-- Programs that use the API over TCP.
CREATE TABLE er_web_token (
  name     TEXT NOT NULL PRIMARY KEY,
  role     TEXT NOT NULL CHECK (role IN ('read', 'admin')),
  digest   TEXT NOT NULL UNIQUE, -- SHA-256 of the token, hexadecimal
  added_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID;

-- Who is logged in to the web pages.
CREATE TABLE er_web_session (
  digest   TEXT NOT NULL PRIMARY KEY, -- SHA-256 of the cookie, hexadecimal
  kind     TEXT NOT NULL CHECK (kind IN ('user', 'owner')), -- user: an admin of er_web_user; owner: of a mailbox
  name     TEXT NOT NULL,
  added_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  used_at  TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID;
CREATE INDEX er_web_session_by_name ON er_web_session (name);
CREATE INDEX er_web_session_by_time ON er_web_session (used_at);

-- What the doctor found at its last run; when that was is the row of the check 'run'.
CREATE TABLE er_finding (
  "check"  TEXT NOT NULL, -- what was looked at
  code     TEXT NOT NULL,
  subject  TEXT NOT NULL DEFAULT '',
  level    TEXT NOT NULL CHECK (level IN ('ok', 'warning', 'error')),
  text     TEXT NOT NULL,
  first_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP, -- first run in a row that found it
  last_at  TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  PRIMARY KEY ("check", code, subject)
) WITHOUT ROWID;

INSERT INTO er_schema_version (version) VALUES (3);
