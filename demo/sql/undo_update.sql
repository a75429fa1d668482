-- undo_update.sql: the mistake: somebody forgot the WHERE.
UPDATE {{table}} SET {{update}};
