-- flights_gold.sql: each flight with the last weather observed at its airport before it was due, never a later one.
INSERT OVERWRITE gold.flight_features
SELECT f.flight_date, f.scheduled_at, f.carrier, f.flight, f.origin, f.dest, a.name, CAST(hour(f.scheduled_at::TIMESTAMP) AS INT),
    CAST(isodow(f.flight_date) AS INT), f.distance, TRY_CAST(p.seats AS INT), CAST(year(f.flight_date) - TRY_CAST(p.year AS INT) AS INT),
    w.observed_at, w.temp, w.humid, w.wind_speed, w.wind_gust, w.precip, w.pressure, w.visib, f.dep_delay, f.arr_delay, f.cancelled
FROM silver.flights f
ASOF LEFT JOIN silver.weather w ON w.origin = f.origin AND w.observed_at <= f.scheduled_at
LEFT JOIN bronze.airlines a ON a.carrier = f.carrier
LEFT JOIN bronze.planes p ON p.tailnum = f.tailnum;
