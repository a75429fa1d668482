-- gates_flights_gold.sql: whether gold has every flight, none with weather from after it was due.
WITH g AS (
    SELECT count(*) AS n, count(*) FILTER (weather_at > scheduled_at) AS ahead, count(weather_at) AS with_weather FROM gold.flight_features
), s AS (
    SELECT count(*) AS n FROM silver.flights
)
SELECT 'gold.flight_features: rows' AS gate, format('{:,}', g.n) AS found, format('{:,}, as silver', s.n) AS wanted, g.n = s.n AS passed FROM g, s
UNION ALL SELECT 'gold.flight_features: weather from the future', format('{:,}', ahead), 'none', ahead = 0 FROM g
UNION ALL SELECT 'gold.flight_features: flights with weather', format('{:.2f} %', 100.0 * with_weather / n), 'at least 90 %', with_weather >= 0.9 * n FROM g;
