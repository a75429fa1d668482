-- gates_silver.sql: whether silver.events is what gold may be made of.
WITH s AS (
    SELECT count(*) AS n, count(DISTINCT event_id) AS keys, count(*) FILTER (event_id IS NULL OR user_id IS NULL OR event_time IS NULL) AS nulls,
        median(amount_usd) FILTER (event_type = 'purchase') AS middle
    FROM silver.events
), b AS (
    SELECT count(DISTINCT event_id) AS n FROM bronze.events
), strangers AS (
    SELECT count(*) AS n FROM silver.events s ANTI JOIN bronze.users u ON u.user_id = s.user_id
), accounts AS (
    SELECT (SELECT count(*) FROM bronze.events) - (SELECT count(*) FROM silver.events_quarantine)
        - (SELECT count(*) FROM silver.events_checked WHERE reason IS NULL) AS n
)
SELECT 'silver.events: rows' AS gate, format('{:,}', s.n) AS found, format('at least 90 % of {:,}', b.n) AS wanted, s.n >= 0.9 * b.n AS passed FROM s, b
UNION ALL SELECT 'silver.events: null keys', format('{:,}', nulls), 'none', nulls = 0 FROM s
UNION ALL SELECT 'silver.events: rows per event_id', format('{:.4f}', n / keys), '1', n = keys FROM s
UNION ALL SELECT 'silver.events: median order', format('{:.2f} USD', middle), '5 to 500 USD', coalesce(middle BETWEEN 5 AND 500, false) FROM s
UNION ALL SELECT 'silver.events: unknown users', format('{:,}', n), 'none', n = 0 FROM strangers
UNION ALL SELECT 'silver.events: lines unaccounted for', format('{:,}', n), 'none', n = 0 FROM accounts;
