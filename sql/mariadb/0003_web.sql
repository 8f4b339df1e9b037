-- sendlimit, schema version 3: who may use the web pages and the API, what the doctor last found.
-- MariaDB commits each statement by itself: each can be run again after a stop half way.

-- Admins who log in to the web pages.
CREATE TABLE IF NOT EXISTS er_web_user (
  name     VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  password VARCHAR(255) CHARACTER SET ascii NOT NULL COMMENT 'argon2 hash',
  added_at DATETIME NOT NULL DEFAULT UTC_TIMESTAMP(),
  PRIMARY KEY (name)
) ENGINE = InnoDB;

-- Programs that use the API over TCP.
CREATE TABLE IF NOT EXISTS er_web_token (
  name     VARCHAR(64) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  role     ENUM('read', 'admin') NOT NULL,
  digest   CHAR(64) CHARACTER SET ascii NOT NULL COMMENT 'SHA-256 of the token, hexadecimal',
  added_at DATETIME NOT NULL DEFAULT UTC_TIMESTAMP(),
  PRIMARY KEY (name),
  UNIQUE KEY by_digest (digest)
) ENGINE = InnoDB;

-- Who is logged in to the web pages.
CREATE TABLE IF NOT EXISTS er_web_session (
  digest   CHAR(64) CHARACTER SET ascii NOT NULL COMMENT 'SHA-256 of the cookie, hexadecimal',
  kind     ENUM('user', 'owner') NOT NULL COMMENT 'user: an admin of er_web_user; owner: of a mailbox',
  name     VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL,
  added_at DATETIME NOT NULL DEFAULT UTC_TIMESTAMP(),
  used_at  DATETIME NOT NULL DEFAULT UTC_TIMESTAMP(),
  PRIMARY KEY (digest),
  KEY by_name (name),
  KEY by_time (used_at)
) ENGINE = InnoDB;

-- What the doctor found at its last run; when that was is the row of the check 'run'.
CREATE TABLE IF NOT EXISTS er_finding (
  `check`  VARCHAR(32) CHARACTER SET ascii NOT NULL COMMENT 'what was looked at',
  code     VARCHAR(32) CHARACTER SET ascii NOT NULL,
  subject  VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT '',
  level    ENUM('ok', 'warning', 'error') NOT NULL,
  text     TEXT CHARACTER SET utf8mb4 NOT NULL,
  first_at DATETIME NOT NULL DEFAULT UTC_TIMESTAMP() COMMENT 'first run in a row that found it',
  last_at  DATETIME NOT NULL DEFAULT UTC_TIMESTAMP(),
  PRIMARY KEY (`check`, code, subject)
) ENGINE = InnoDB;

INSERT IGNORE INTO er_schema_version (version) VALUES (3);
