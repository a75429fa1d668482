-- gates_flights_silver.sql: whether silver.flights is what gold may be made of.
WITH s AS (
    SELECT count(*) AS n, count(*) FILTER (carrier IS NULL OR origin IS NULL OR dest IS NULL) AS nulls, median(distance) AS middle,
        count(DISTINCT (scheduled_at, carrier, flight, origin)) AS keys
    FROM silver.flights
), b AS (
    SELECT count(*) AS n FROM bronze.flights
), strangers AS (
    SELECT count(*) AS n FROM silver.flights f ANTI JOIN bronze.airlines a ON a.carrier = f.carrier
)
SELECT 'silver.flights: rows' AS gate, format('{:,}', s.n) AS found, format('at least 90 % of {:,}', b.n) AS wanted, s.n >= 0.9 * b.n AS passed FROM s, b
UNION ALL SELECT 'silver.flights: null keys', format('{:,}', nulls), 'none', nulls = 0 FROM s
UNION ALL SELECT 'silver.flights: keys', format('{:,}', keys), 'one a row', n = keys FROM s
UNION ALL SELECT 'silver.flights: median distance', format('{:.0f} miles', middle), '50 to 3000 miles', coalesce(middle BETWEEN 50 AND 3000, false) FROM s
UNION ALL SELECT 'silver.flights: unknown carriers', format('{:,}', n), 'none', n = 0 FROM strangers;
