-- flights_bronze.sql: a file as it is, in place of what was loaded before; columns go by their names in the header.
INSERT OVERWRITE bronze.{{table}} BY NAME
SELECT * EXCLUDE (filename), now() AS _ingested_at, current_date AS _ingestion_date, parse_filename(filename) AS _source, '{{batch}}' AS _batch_id
FROM read_csv('{{input}}/{{table}}.csv', header = true, delim = ',', quote = '"', all_varchar = true, filename = true);
