-- gates_flights_bronze.sql: whether the files arrived whole enough to go on.
WITH lines AS (
    SELECT count(*) - 1 AS n
    FROM read_csv('{{input}}/flights.csv', columns = {'line': 'VARCHAR'}, header = false, auto_detect = false, delim = '{{no_delimiter}}', quote = '', escape = '')
), f AS (
    SELECT count(*) AS n FROM bronze.flights
), w AS (
    SELECT count(*) AS n, count(DISTINCT origin) AS origins FROM bronze.weather
), a AS (
    SELECT count(*) AS n, count(DISTINCT carrier) AS keys FROM bronze.airlines
)
SELECT 'bronze.flights: rows' AS gate, format('{:,}', f.n) AS found, format('at least 90 % of {:,}', lines.n) AS wanted,
    f.n > 0 AND f.n >= 0.9 * lines.n AS passed FROM f, lines
UNION ALL SELECT 'bronze.weather: rows', format('{:,} of {} airports', n, origins), 'some', n > 0 FROM w
UNION ALL SELECT 'bronze.airlines: keys', format('{:,}', keys), 'one a row', n > 0 AND n = keys FROM a;
