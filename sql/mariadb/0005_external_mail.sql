-- sendlimit, schema version 5: external messages and external recipients as units of their own.
-- MariaDB commits each statement by itself: each can be run again after a stop half way.

ALTER TABLE er_limit MODIFY unit
  ENUM('messages', 'recipients', 'external_messages', 'external_recipients') NOT NULL;
ALTER TABLE er_counter MODIFY unit
  ENUM('messages', 'recipients', 'external_messages', 'external_recipients') NOT NULL;
ALTER TABLE er_refusal MODIFY unit
  ENUM('messages', 'recipients', 'external_messages', 'external_recipients') NOT NULL;
ALTER TABLE er_file_limit MODIFY unit
  ENUM('messages', 'recipients', 'external_messages', 'external_recipients') NOT NULL;

INSERT IGNORE INTO er_schema_version (version) VALUES (5);
