-- quality_flights.sql: what became of the flights' rows, and what is missing in those that were taken.
WITH b AS (SELECT count(*) AS n FROM bronze.flights),
    c AS (SELECT count(*) AS n FROM silver.flights_checked WHERE reason IS NULL),
    s AS (
        SELECT count(*) AS n, count(*) FILTER (tailnum IS NULL) AS no_tailnum, count(*) FILTER (cancelled) AS cancelled,
            count(*) FILTER (NOT cancelled AND arr_delay IS NULL) AS no_delay
        FROM silver.flights
    ),
    g AS (SELECT count(*) FILTER (weather_at IS NULL) AS no_weather FROM gold.flight_features),
    q AS (SELECT reason, count(*) AS n FROM silver.flights_quarantine GROUP BY reason)
SELECT what, format('{:,}', found) AS rows, format('{:.2f} %', 100.0 * found / nullif(b.n, 0)) AS share
FROM (
    SELECT 1 AS place, 'received' AS what, n AS found FROM b
    UNION ALL SELECT 2, 'in silver.flights', n FROM s
    UNION ALL SELECT 3, 'duplicates', c.n - s.n FROM c, s
    UNION ALL SELECT 4, 'rejected: ' || reason, n FROM q
    UNION ALL SELECT 5, 'in silver, cancelled', cancelled FROM s
    UNION ALL SELECT 6, 'in silver, tailnum NULL', no_tailnum FROM s
    UNION ALL SELECT 7, 'in silver, flown, arr_delay NULL', no_delay FROM s
    UNION ALL SELECT 8, 'in gold, no weather', no_weather FROM g
), b
ORDER BY place, found DESC, what;
