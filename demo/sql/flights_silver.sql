-- flights_silver.sql: flights and weather, typed and one row per key; what breaks a rule goes into quarantine.
MERGE INTO silver.flights AS t
USING (
    SELECT flight_date, CAST(date_trunc('month', flight_date) AS DATE) AS flight_month, scheduled_at, carrier, flight, origin, dest, tailnum,
        dep_delay, arr_delay, air_time, distance, cancelled, _quality_score
    FROM silver.flights_checked
    WHERE reason IS NULL
    QUALIFY row_number() OVER (PARTITION BY scheduled_at, carrier, flight, origin ORDER BY _quality_score DESC, dest) = 1
) AS s
ON t.scheduled_at = s.scheduled_at AND t.carrier = s.carrier AND t.flight = s.flight AND t.origin = s.origin
WHEN MATCHED AND (t.dest, t.tailnum, t.dep_delay, t.arr_delay, t.air_time, t.distance, t.cancelled)
    IS DISTINCT FROM (s.dest, s.tailnum, s.dep_delay, s.arr_delay, s.air_time, s.distance, s.cancelled) THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *
WHEN NOT MATCHED BY SOURCE THEN DELETE;

INSERT OVERWRITE silver.flights_quarantine
SELECT reason, CAST(flight_date AS VARCHAR), carrier, CAST(flight AS VARCHAR), origin, dest, time_hour, _source
FROM silver.flights_checked
WHERE reason IS NOT NULL;

INSERT OVERWRITE silver.weather
SELECT origin, CAST(time_hour AS TIMESTAMP), TRY_CAST(temp AS DOUBLE), TRY_CAST(dewp AS DOUBLE), TRY_CAST(humid AS DOUBLE), TRY_CAST(wind_dir AS INT),
    TRY_CAST(wind_speed AS DOUBLE), TRY_CAST(wind_gust AS DOUBLE), TRY_CAST(precip AS DOUBLE), TRY_CAST(pressure AS DOUBLE), TRY_CAST(visib AS DOUBLE)
FROM bronze.weather
WHERE TRY_CAST(time_hour AS TIMESTAMP) IS NOT NULL AND origin <> 'NA'
QUALIFY row_number() OVER (PARTITION BY origin, time_hour ORDER BY temp) = 1;
