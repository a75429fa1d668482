-- undo_travel.sql: the sum as it was.
SELECT {{measure}} FROM {{table}} VERSION AS OF {{version}};
