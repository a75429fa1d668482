-- history_newest.sql: what was done to a table, newest first.
SELECT version, strftime(timestamp::TIMESTAMP, '%Y-%m-%d %H:%M:%S') AS time, operation
FROM {{table}}.history
ORDER BY version DESC
LIMIT 6;
