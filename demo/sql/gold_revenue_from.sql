-- gold_revenue_from.sql: the first day whose revenue must be made: events come late, so that the last days are made anew.
SELECT CAST(coalesce(max(event_date) - {{late}}, DATE '{{first}}') AS VARCHAR) FROM gold.daily_revenue;
