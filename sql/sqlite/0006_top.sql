-- sendlimit, schema version 6: who has sent most in a period is read from the index alone.
-- The same shape as sql/mariadb.

DROP INDEX er_counter_by_period;
CREATE INDEX er_counter_by_period ON er_counter ("window", period_start, scope, subject, unit, used);

INSERT INTO er_schema_version (version) VALUES (6);
