-- events_silver.sql: what is valid of a batch goes into silver.events, the newest word on an event wins; the rest goes into quarantine.
-- Euros are counted at 1.08 dollars. Restated events are at most some days late, so that older partitions need not be looked at.
MERGE INTO silver.events AS t
USING (
    SELECT event_id, user_id, event_type, category, region, CAST(price AS DECIMAL(12,2)) AS amount, currency,
        CAST(CASE WHEN currency = 'EUR' THEN price * 1.08 ELSE price END AS DECIMAL(12,2)) AS amount_usd,
        event_time, event_date, CAST(_ingestion_date - event_date AS INT) AS days_late,
        round(1.0
            - CASE WHEN amount LIKE '$%' OR amount LIKE '€%' THEN 0.1 ELSE 0 END
            - CASE WHEN ts LIKE '____/%' THEN 0.1 ELSE 0 END
            - CASE WHEN _ingestion_date > event_date THEN 0.2 ELSE 0 END, 1) AS _quality_score,
        _ingested_at, _ingestion_date, _batch_id
    FROM silver.events_checked
    WHERE _ingestion_date BETWEEN DATE '{{from}}' AND DATE '{{to}}' AND reason IS NULL
    QUALIFY row_number() OVER (PARTITION BY event_id ORDER BY event_time DESC, _ingested_at) = 1
) AS s
ON t.event_id = s.event_id AND t.event_date BETWEEN DATE '{{from}}' - 7 AND DATE '{{to}}'
WHEN MATCHED AND s.event_time > t.event_time THEN UPDATE SET *
WHEN NOT MATCHED THEN INSERT *;

INSERT INTO silver.events_quarantine REPLACE WHERE _ingestion_date BETWEEN DATE '{{from}}' AND DATE '{{to}}'
SELECT reason, event_id, _raw_payload, _source, _ingested_at, _ingestion_date, _batch_id
FROM silver.events_checked
WHERE _ingestion_date BETWEEN DATE '{{from}}' AND DATE '{{to}}' AND reason IS NOT NULL;
