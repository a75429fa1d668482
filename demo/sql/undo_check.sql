-- undo_check.sql: the sum again, and the rows that are not what they were.
SELECT {{measure}}, (SELECT count(*) FROM (
    (FROM {{table}} EXCEPT ALL FROM {{table}} VERSION AS OF {{version}})
    UNION ALL (FROM {{table}} VERSION AS OF {{version}} EXCEPT ALL FROM {{table}})))
FROM {{table}};
