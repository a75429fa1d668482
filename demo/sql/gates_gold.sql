-- gates_gold.sql: whether gold says the same as silver.
WITH r AS (
    SELECT sum(revenue_usd) AS total, count(*) AS n, count(DISTINCT (event_date, region, category)) AS keys FROM gold.daily_revenue
), s AS (
    SELECT sum(amount_usd) AS total FROM silver.events WHERE event_type = 'purchase'
), f AS (
    SELECT count(*) AS n, count(DISTINCT (feature_date, user_id)) AS keys, count(*) FILTER (days_since_last NOT BETWEEN 0 AND 89) AS outside
    FROM gold.user_features
)
SELECT 'gold.daily_revenue: revenue' AS gate, format('{:.2f} USD', r.total) AS found, format('{:.2f} USD, as silver', s.total) AS wanted, r.total = s.total AS passed FROM r, s
UNION ALL SELECT 'gold.daily_revenue: keys', format('{:,}', keys), 'one a row', n > 0 AND n = keys FROM r
UNION ALL SELECT 'gold.user_features: keys', format('{:,}', keys), 'one a row', n > 0 AND n = keys FROM f
UNION ALL SELECT 'gold.user_features: days out of the window', format('{:,}', outside), 'none', outside = 0 FROM f;
