-- flights_loaded.sql: the contents' name of a file, and whether bronze has loaded it under this name.
SELECT '{{table}}-' || sha[:16], (SELECT count(*) FROM bronze.{{table}} WHERE _batch_id = '{{table}}-' || sha[:16])
FROM (SELECT sha256(content) AS sha FROM read_blob('{{input}}/{{table}}.csv'));
