-- query_regions.sql: Revenue of the last 30 days by region
SELECT region, format('{:,}', CAST(sum(orders) AS BIGINT)) AS orders, format('{:,.2f}', CAST(sum(revenue_usd) AS DOUBLE)) AS revenue_usd
FROM gold.daily_revenue
WHERE event_date > DATE '{{last}}' - 30
GROUP BY region
ORDER BY sum(revenue_usd) DESC;
