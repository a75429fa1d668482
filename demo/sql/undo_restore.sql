-- undo_restore.sql: the way back.
RESTORE TABLE {{table}} TO VERSION AS OF {{version}};
