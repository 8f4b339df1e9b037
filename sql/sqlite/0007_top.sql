-- sendlimit, schema version 7: who has sent most in a period, and the server's day hour by hour.
-- The same shape as sql/mariadb, but for the column magnitude there: here the index has the number itself.

DROP INDEX er_counter_by_period;
CREATE INDEX er_counter_by_period ON er_counter ("window", period_start, scope, subject, unit, used);

-- What the web process saw of the server's day, last in each hour.
CREATE TABLE er_hour (
  hour      TEXT NOT NULL,    -- UTC; start of the hour
  day_start TEXT NOT NULL,    -- UTC; start of the day
  used      INTEGER NOT NULL, -- messages since the start of the day
  PRIMARY KEY (day_start, hour)
);

INSERT INTO er_schema_version (version) VALUES (7);
