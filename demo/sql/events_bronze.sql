-- events_bronze.sql: the lines of some days, whatever they hold, in place of what was loaded of these days before.
-- ISO 8859-1 gives every byte a character, so that no line is lost; JSON writes what is beyond ASCII as \u escapes.
INSERT INTO bronze.events REPLACE WHERE _ingestion_date BETWEEN DATE '{{from}}' AND DATE '{{to}}'
SELECT line, e.event_id, e.user_id, e.event_type, e.category, e.amount, e.ts,
    CAST(day + INTERVAL 1 DAY AS TIMESTAMPTZ), day, file, '{{batch}}',
    CASE WHEN e IS NULL THEN line END
FROM (
    SELECT line, parse_filename(filename) AS file, CAST(filename[-16:-7] AS DATE) AS day,
        CASE WHEN json_valid(line) THEN json_transform(line, '{"event_id": "VARCHAR", "user_id": "VARCHAR", "event_type": "VARCHAR",
            "category": "VARCHAR", "amount": "VARCHAR", "ts": "VARCHAR"}') END AS e
    FROM read_csv([{{files}}], columns = {'line': 'VARCHAR'}, header = false, auto_detect = false, filename = true,
        delim = '{{no_delimiter}}', quote = '', escape = '', new_line = '\n', encoding = 'latin-1', hive_partitioning = false)
);
