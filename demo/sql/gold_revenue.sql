-- gold_revenue.sql: the revenue of the days that may have changed.
INSERT INTO gold.daily_revenue REPLACE WHERE event_date >= DATE '{{from}}'
SELECT event_date, region, category, count(*), count(DISTINCT user_id), sum(amount_usd), round(avg(amount_usd), 4)
FROM silver.events
WHERE event_type = 'purchase' AND event_date >= DATE '{{from}}'
GROUP BY event_date, region, category;
