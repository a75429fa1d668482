-- gold_features.sql: the features of all users as of one day: the 90 days up to its end, nothing after it.
INSERT INTO gold.user_features REPLACE WHERE feature_date = DATE '{{day}}'
SELECT DATE '{{day}}', user_id,
    CAST(sum(events) AS BIGINT),
    CAST(sum(orders) AS BIGINT),
    coalesce(sum(spend), 0),
    round(CAST(sum(spend) AS DOUBLE) / nullif(sum(orders), 0), 4),
    count(*),
    round(sum(CASE WHEN isodow(event_date) >= 6 THEN events ELSE 0 END) / sum(events), 4),
    DATE '{{day}}' - max(event_date)
FROM (
    SELECT user_id, event_date, count(*) AS events, count(*) FILTER (event_type = 'purchase') AS orders,
        sum(amount_usd) FILTER (event_type = 'purchase') AS spend
    FROM silver.events
    WHERE event_date BETWEEN DATE '{{day}}' - 89 AND DATE '{{day}}'
    GROUP BY user_id, event_date
)
GROUP BY user_id;
