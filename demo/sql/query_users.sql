-- query_users.sql: Users by their spending, as of the last day
SELECT tenth, format('{:,}', count(*)) AS users, format('{:,.2f}', CAST(avg(spend_usd_90d) AS DOUBLE)) AS spend_usd,
    format('{:.1f}', avg(active_days_90d)) AS active_days, format('{:.2f}', avg(weekend_ratio_90d)) AS weekend_ratio,
    format('{:.1f}', avg(days_since_last)) AS days_since_last
FROM (
    SELECT *, ntile(10) OVER (ORDER BY spend_usd_90d DESC, user_id) AS tenth FROM gold.user_features WHERE feature_date = DATE '{{last}}'
)
WHERE tenth IN (1, 2, 5, 10)
GROUP BY tenth
ORDER BY tenth;
