-- query_airlines.sql: The airlines that are late most often
SELECT airline, format('{:,}', count(*)) AS flights, format('{:.1f} %', 100.0 * count(*) FILTER (arr_delay > 15) / count(arr_delay)) AS over_15_minutes_late
FROM gold.flight_features
GROUP BY airline
HAVING count(*) >= 1000 AND count(arr_delay) > 0
ORDER BY count(*) FILTER (arr_delay > 15) / count(arr_delay) DESC
LIMIT 5;
