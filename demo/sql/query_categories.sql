-- query_categories.sql: The best categories of each month
SELECT strftime(month, '%Y-%m') AS month, category, format('{:,.2f}', CAST(revenue AS DOUBLE)) AS revenue_usd
FROM (
    SELECT date_trunc('month', event_date) AS month, category, sum(revenue_usd) AS revenue FROM gold.daily_revenue GROUP BY ALL
)
QUALIFY row_number() OVER (PARTITION BY month ORDER BY revenue DESC) <= 1
ORDER BY month;
