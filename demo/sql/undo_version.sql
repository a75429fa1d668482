-- undo_version.sql: the version before the mistake.
SELECT max(version) FROM {{table}}.history;
