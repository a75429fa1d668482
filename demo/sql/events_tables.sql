-- events_tables.sql: the tables of the events, from what arrived (bronze) over what holds (silver) to what is asked for (gold).
CREATE SCHEMA IF NOT EXISTS bronze;
CREATE SCHEMA IF NOT EXISTS silver;
CREATE SCHEMA IF NOT EXISTS gold;

-- Every line as it was received. _ingested_at is when the load was due, not what the clock said: a day that is loaded again gives the same rows.
{{create}} bronze.events (
    _raw_payload STRING,
    event_id STRING,
    user_id STRING,
    event_type STRING,
    category STRING,
    amount STRING,
    ts STRING,
    _ingested_at TIMESTAMP NOT NULL,
    _ingestion_date DATE NOT NULL,
    _source STRING NOT NULL,
    _batch_id STRING NOT NULL,
    _corrupt_record STRING
) USING {{format}} PARTITIONED BY (_ingestion_date) COMMENT 'Clickstream lines as received';

{{create}} bronze.users (
    user_id STRING NOT NULL,
    region STRING,
    plan STRING,
    signup_date DATE,
    _source STRING NOT NULL
) USING {{format}};

{{create}} silver.events (
    event_id STRING NOT NULL,
    user_id STRING NOT NULL,
    event_type STRING NOT NULL,
    category STRING,
    region STRING,
    amount DECIMAL(12,2),
    currency STRING,
    amount_usd DECIMAL(12,2),
    event_time TIMESTAMP NOT NULL,
    event_date DATE NOT NULL,
    days_late INT,
    _quality_score DOUBLE,
    _ingested_at TIMESTAMP NOT NULL,
    _ingestion_date DATE NOT NULL,
    _batch_id STRING NOT NULL
) USING {{format}} PARTITIONED BY (event_date) COMMENT 'One valid row per event, the newest word on it';

{{create}} silver.events_quarantine (
    reason STRING NOT NULL,
    event_id STRING,
    _raw_payload STRING,
    _source STRING NOT NULL,
    _ingested_at TIMESTAMP NOT NULL,
    _ingestion_date DATE NOT NULL,
    _batch_id STRING NOT NULL
) USING {{format}} COMMENT 'Lines that silver.events did not take, and why';

{{create}} gold.daily_revenue (
    event_date DATE NOT NULL,
    region STRING NOT NULL,
    category STRING NOT NULL,
    orders BIGINT,
    buyers BIGINT,
    revenue_usd DECIMAL(18,2),
    average_order_usd DOUBLE
) USING {{format}};

{{create}} gold.user_features (
    feature_date DATE NOT NULL,
    user_id STRING NOT NULL,
    events_90d BIGINT,
    orders_90d BIGINT,
    spend_usd_90d DECIMAL(18,2),
    average_order_usd_90d DOUBLE,
    active_days_90d BIGINT,
    weekend_ratio_90d DOUBLE,
    days_since_last BIGINT
) USING {{format}} COMMENT 'What was known of a user at the end of feature_date';

-- Bronze, typed, with the first rule that a line breaks as its reason; NULL: it is valid.
CREATE OR REPLACE VIEW silver.events_checked AS
WITH typed AS (
    SELECT b.*,
        CASE WHEN amount LIKE '€%' THEN 'EUR' WHEN amount IS NOT NULL THEN 'USD' END AS currency,
        TRY_CAST(replace(ltrim(amount, '$€'), ',', '') AS DECIMAL(18,2)) AS price,
        CASE WHEN ts LIKE '____/%' THEN try_strptime(ts, '%Y/%m/%d %H:%M:%S') ELSE TRY_CAST(ts AS TIMESTAMP) END AS event_time
    FROM bronze.events b
)
SELECT t.* EXCLUDE (event_time), event_time::TIMESTAMPTZ AS event_time, event_time::DATE AS event_date, u.region AS region,
    CASE
        WHEN _corrupt_record IS NOT NULL THEN 'broken line'
        WHEN event_id IS NULL THEN 'no event_id'
        WHEN t.user_id IS NULL THEN 'no user_id'
        WHEN event_type IS NULL OR event_type NOT IN ('page_view', 'search', 'add_to_cart', 'purchase') THEN 'unknown event_type'
        WHEN event_time IS NULL THEN 'unreadable time'
        WHEN event_time::DATE NOT BETWEEN _ingestion_date - 3 AND _ingestion_date THEN 'too late or too early'
        WHEN event_type = 'purchase' AND price IS NULL THEN 'unreadable amount'
        WHEN price <= 0 THEN 'amount not positive'
        WHEN price > 1000000 THEN 'amount absurd'
        WHEN u.user_id IS NULL THEN 'unknown user'
    END AS reason
FROM typed t LEFT JOIN bronze.users u ON u.user_id = t.user_id;
