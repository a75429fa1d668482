-- history.sql: what was done to a table, newest first.
DESCRIBE HISTORY {{table}};
