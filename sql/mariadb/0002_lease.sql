-- sendlimit, schema version 2: who counts in memory, which daemons live, who changed what.
-- MariaDB commits each statement by itself: each can be run again after a stop half way.

-- The lease on this database: the daemon that may decide from its memory. One row.
CREATE TABLE IF NOT EXISTS er_lease (
  one         TINYINT NOT NULL COMMENT 'always 1',
  holder      VARCHAR(64) CHARACTER SET ascii NOT NULL DEFAULT '' COMMENT 'id of a daemon start; empty: free',
  beat        BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'moved by the holder with everything that it writes',
  seen_change BIGINT UNSIGNED NOT NULL DEFAULT 0 COMMENT 'the last er_change.id that the holder has applied',
  PRIMARY KEY (one),
  CONSTRAINT one_row CHECK (one = 1)
) ENGINE = InnoDB;

INSERT IGNORE INTO er_lease (one) VALUES (1);

-- The daemons that live: each moves its beat once a second.
CREATE TABLE IF NOT EXISTS er_daemon (
  id      VARCHAR(64) CHARACTER SET ascii NOT NULL COMMENT 'new with every start',
  beat    BIGINT UNSIGNED NOT NULL DEFAULT 0,
  host    VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '',
  last_at DATETIME NOT NULL DEFAULT UTC_TIMESTAMP(),
  PRIMARY KEY (id)
) ENGINE = InnoDB;

-- The last number of a daemon's journal that is booked: what is replayed after a crash begins behind it.
ALTER TABLE er_committer ADD COLUMN IF NOT EXISTS journal BIGINT UNSIGNED NOT NULL DEFAULT 0;

-- Every change of a limit or counter by a person or program, in the order of their commits.
CREATE TABLE IF NOT EXISTS er_change (
  id       BIGINT UNSIGNED NOT NULL AUTO_INCREMENT,
  at       DATETIME NOT NULL DEFAULT UTC_TIMESTAMP(),
  who      VARCHAR(255) CHARACTER SET utf8mb4 NOT NULL DEFAULT '',
  origin   VARCHAR(32) CHARACTER SET ascii NOT NULL DEFAULT '' COMMENT 'command, api, page, daemon',
  what     VARCHAR(64) CHARACTER SET ascii NOT NULL,
  subject  VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_nopad_bin NOT NULL DEFAULT '',
  `before` TEXT CHARACTER SET utf8mb4 NULL COMMENT 'JSON; NULL: there was nothing',
  `after`  TEXT CHARACTER SET utf8mb4 NULL COMMENT 'JSON; NULL: there is nothing',
  PRIMARY KEY (id),
  KEY by_subject (subject, id),
  KEY by_time (at)
) ENGINE = InnoDB;

INSERT IGNORE INTO er_schema_version (version) VALUES (2);
