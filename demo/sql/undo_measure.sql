-- undo_measure.sql: a sum that shows the mistake.
SELECT {{measure}} FROM {{table}};
