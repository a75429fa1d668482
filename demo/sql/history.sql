-- history.sql: how many versions a table has.
SELECT count(*) FROM {{table}}.history;
