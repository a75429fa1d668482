-- gates_bronze.sql: whether enough arrived, and whole enough, to go on.
WITH b AS (
    SELECT count(*) AS n, count(_corrupt_record) AS broken, count(DISTINCT _ingestion_date) AS days FROM bronze.events
), u AS (
    SELECT count(*) AS n, count(DISTINCT user_id) AS keys FROM bronze.users
)
SELECT 'bronze.events: rows' AS gate, format('{:,}', n) AS found, format('at least 90 % of {:,}', {{lines}}) AS wanted, n >= 0.9 * {{lines}} AS passed FROM b
UNION ALL SELECT 'bronze.events: broken lines', format('{:.2f} %', 100.0 * broken / n), 'at most 2 %', broken <= 0.02 * n FROM b
UNION ALL SELECT 'bronze.events: days', CAST(days AS VARCHAR), 'at least {{days}}', days >= {{days}} FROM b
UNION ALL SELECT 'bronze.users: keys', format('{:,}', keys), 'one a row', n > 0 AND keys = n FROM u;
