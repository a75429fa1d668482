-- flights_tables.sql: the tables of the flights out of New York, 2013: bronze as the files have it, silver typed, gold for training.
CREATE SCHEMA IF NOT EXISTS bronze;
CREATE SCHEMA IF NOT EXISTS silver;
CREATE SCHEMA IF NOT EXISTS gold;

CREATE TABLE IF NOT EXISTS bronze.flights (
    year STRING, month STRING, day STRING, dep_time STRING, sched_dep_time STRING, dep_delay STRING, arr_time STRING, sched_arr_time STRING,
    arr_delay STRING, carrier STRING, flight STRING, tailnum STRING, origin STRING, dest STRING, air_time STRING, distance STRING,
    hour STRING, minute STRING, time_hour STRING, _ingested_at TIMESTAMP, _ingestion_date DATE, _source STRING, _batch_id STRING
) USING {{format}};
CREATE TABLE IF NOT EXISTS bronze.weather (
    origin STRING, year STRING, month STRING, day STRING, hour STRING, temp STRING, dewp STRING, humid STRING, wind_dir STRING,
    wind_speed STRING, wind_gust STRING, precip STRING, pressure STRING, visib STRING, time_hour STRING,
    _ingested_at TIMESTAMP, _ingestion_date DATE, _source STRING, _batch_id STRING
) USING {{format}};
CREATE TABLE IF NOT EXISTS bronze.airlines (
    carrier STRING, name STRING, _ingested_at TIMESTAMP, _ingestion_date DATE, _source STRING, _batch_id STRING
) USING {{format}};
CREATE TABLE IF NOT EXISTS bronze.airports (
    faa STRING, name STRING, lat STRING, lon STRING, alt STRING, tz STRING, dst STRING, tzone STRING,
    _ingested_at TIMESTAMP, _ingestion_date DATE, _source STRING, _batch_id STRING
) USING {{format}};
CREATE TABLE IF NOT EXISTS bronze.planes (
    tailnum STRING, year STRING, type STRING, manufacturer STRING, model STRING, engines STRING, seats STRING, speed STRING, engine STRING,
    _ingested_at TIMESTAMP, _ingestion_date DATE, _source STRING, _batch_id STRING
) USING {{format}};

CREATE TABLE IF NOT EXISTS silver.flights (
    flight_date DATE NOT NULL,
    flight_month DATE NOT NULL,
    scheduled_at TIMESTAMP NOT NULL,
    carrier STRING NOT NULL,
    flight INT NOT NULL,
    origin STRING NOT NULL,
    dest STRING NOT NULL,
    tailnum STRING,
    dep_delay INT,
    arr_delay INT,
    air_time INT,
    distance INT,
    cancelled BOOLEAN,
    _quality_score DOUBLE
) USING {{format}} PARTITIONED BY (flight_month) COMMENT 'One row per scheduled flight';
CREATE TABLE IF NOT EXISTS silver.flights_quarantine (
    reason STRING NOT NULL, flight_date STRING, carrier STRING, flight STRING, origin STRING, dest STRING, time_hour STRING, _source STRING
) USING {{format}};
CREATE TABLE IF NOT EXISTS silver.weather (
    origin STRING NOT NULL,
    observed_at TIMESTAMP NOT NULL,
    temp DOUBLE, dewp DOUBLE, humid DOUBLE, wind_dir INT, wind_speed DOUBLE, wind_gust DOUBLE, precip DOUBLE, pressure DOUBLE, visib DOUBLE
) USING {{format}};

CREATE TABLE IF NOT EXISTS gold.flight_features (
    flight_date DATE NOT NULL,
    scheduled_at TIMESTAMP NOT NULL,
    carrier STRING NOT NULL,
    flight INT NOT NULL,
    origin STRING NOT NULL,
    dest STRING NOT NULL,
    airline STRING,
    scheduled_hour INT,
    weekday INT,
    distance INT,
    plane_seats INT,
    plane_age INT,
    weather_at TIMESTAMP,
    temp DOUBLE, humid DOUBLE, wind_speed DOUBLE, wind_gust DOUBLE, precip DOUBLE, pressure DOUBLE, visib DOUBLE,
    dep_delay INT,
    arr_delay INT,
    cancelled BOOLEAN
) USING {{format}} COMMENT 'Flights with the weather known at their scheduled departure; the delays are the labels';

-- Bronze, typed, with the first rule that a row breaks as its reason. The hour of the file is the instant the scheduled hour began.
CREATE OR REPLACE VIEW silver.flights_checked AS
WITH typed AS (
    SELECT make_date(TRY_CAST(year AS INT), TRY_CAST(month AS INT), TRY_CAST(day AS INT)) AS flight_date,
        TRY_CAST(time_hour AS TIMESTAMP) + to_minutes(TRY_CAST(minute AS INT)) AS scheduled,
        nullif(b.carrier, 'NA') AS carrier, TRY_CAST(flight AS INT) AS flight, nullif(origin, 'NA') AS origin, nullif(dest, 'NA') AS dest,
        nullif(tailnum, 'NA') AS tailnum, TRY_CAST(dep_delay AS INT) AS dep_delay, TRY_CAST(arr_delay AS INT) AS arr_delay,
        TRY_CAST(air_time AS INT) AS air_time, TRY_CAST(distance AS INT) AS distance, dep_time = 'NA' OR dep_time IS NULL AS cancelled,
        a.carrier AS known_carrier, o.faa AS known_origin, d.faa AS known_dest, time_hour, b._source AS _source
    FROM bronze.flights b
    LEFT JOIN bronze.airlines a ON a.carrier = b.carrier
    LEFT JOIN bronze.airports o ON o.faa = b.origin
    LEFT JOIN bronze.airports d ON d.faa = b.dest
)
SELECT * EXCLUDE (scheduled, known_carrier, known_origin, known_dest), scheduled::TIMESTAMPTZ AS scheduled_at,
    round(1.0
        - CASE WHEN tailnum IS NULL THEN 0.2 ELSE 0 END
        - CASE WHEN known_dest IS NULL THEN 0.1 ELSE 0 END
        - CASE WHEN NOT cancelled AND arr_delay IS NULL THEN 0.2 ELSE 0 END, 1) AS _quality_score,
    CASE
        WHEN flight_date IS NULL OR scheduled IS NULL THEN 'unreadable date'
        WHEN carrier IS NULL OR flight IS NULL THEN 'no carrier or flight number'
        WHEN origin IS NULL OR dest IS NULL THEN 'no origin or destination'
        WHEN known_carrier IS NULL THEN 'unknown carrier'
        WHEN known_origin IS NULL THEN 'unknown origin'
        WHEN distance <= 0 THEN 'distance not positive'
    END AS reason
FROM typed;
