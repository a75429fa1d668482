-- quality_events.sql: what became of the lines, and what is missing in the rows that were taken.
WITH b AS (SELECT count(*) AS n, count(_corrupt_record) AS broken FROM bronze.events),
    c AS (SELECT count(*) AS n FROM silver.events_checked WHERE reason IS NULL),
    s AS (
        SELECT count(*) AS n, count(*) FILTER (category IS NULL) AS no_category, count(*) FILTER (amount IS NULL) AS no_amount,
            count(*) FILTER (days_late > 0) AS late, avg(_quality_score) AS score
        FROM silver.events
    ),
    q AS (SELECT reason, count(*) AS n FROM silver.events_quarantine GROUP BY reason)
SELECT what, format('{:,}', found) AS lines, format('{:.2f} %', 100.0 * found / nullif(b.n, 0)) AS share
FROM (
    SELECT 1 AS place, 'received' AS what, n AS found FROM b
    UNION ALL SELECT 2, 'in silver.events', n FROM s
    UNION ALL SELECT 3, 'duplicates', c.n - s.n FROM c, s
    UNION ALL SELECT 4, 'rejected: ' || reason, n FROM q
    UNION ALL SELECT 5, 'in silver, late', late FROM s
    UNION ALL SELECT 6, 'in silver, category NULL (searches)', no_category FROM s
    UNION ALL SELECT 7, 'in silver, amount NULL (views, searches)', no_amount FROM s
), b
ORDER BY place, found DESC, what;
