-- query_weather.sql: Delays by the visibility known at the scheduled departure
SELECT CASE WHEN visib >= 10 THEN '10 miles' WHEN visib >= 5 THEN '5 to 10' WHEN visib >= 1 THEN '1 to 5' ELSE 'below 1' END AS visibility,
    format('{:,}', count(*)) AS flights, format('{:.1f} min', avg(dep_delay)) AS departure_delay,
    format('{:.1f} %', 100.0 * count(*) FILTER (cancelled) / count(*)) AS cancelled
FROM gold.flight_features
WHERE weather_at IS NOT NULL
GROUP BY visibility
ORDER BY min(visib) DESC;
