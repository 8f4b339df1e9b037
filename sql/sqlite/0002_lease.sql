-- sendlimit, schema version 2: who counts in memory, which daemons live, who changed what.
-- The same shape as sql/mariadb.

-- The lease on this database: the daemon that may decide from its memory. One row.
CREATE TABLE er_lease (
  one         INTEGER NOT NULL PRIMARY KEY CHECK (one = 1),
  holder      TEXT NOT NULL DEFAULT '',    -- id of a daemon start; empty: free
  beat        INTEGER NOT NULL DEFAULT 0,  -- moved by the holder with everything that it writes
  seen_change INTEGER NOT NULL DEFAULT 0   -- the last er_change.id that the holder has applied
);

INSERT INTO er_lease (one) VALUES (1);

-- The daemons that live: each moves its beat once a second.
CREATE TABLE er_daemon (
  id      TEXT NOT NULL PRIMARY KEY, -- new with every start
  beat    INTEGER NOT NULL DEFAULT 0,
  host    TEXT NOT NULL DEFAULT '',
  last_at TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP
) WITHOUT ROWID;

-- The last number of a daemon's journal that is booked: what is replayed after a crash begins behind it.
ALTER TABLE er_committer ADD COLUMN journal INTEGER NOT NULL DEFAULT 0;

-- Every change of a limit or counter by a person or program, in the order of their commits.
CREATE TABLE er_change (
  id       INTEGER PRIMARY KEY AUTOINCREMENT,
  at       TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
  who      TEXT NOT NULL DEFAULT '',
  origin   TEXT NOT NULL DEFAULT '', -- command, api, page, daemon
  what     TEXT NOT NULL,
  subject  TEXT NOT NULL DEFAULT '',
  "before" TEXT NULL,                -- JSON; NULL: there was nothing
  "after"  TEXT NULL                 -- JSON; NULL: there is nothing
);
CREATE INDEX er_change_by_subject ON er_change (subject, id);
CREATE INDEX er_change_by_time ON er_change (at);

INSERT INTO er_schema_version (version) VALUES (2);
