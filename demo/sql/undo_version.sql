-- undo_version.sql: the version before the mistake.
DESCRIBE HISTORY {{table}} LIMIT 1;
