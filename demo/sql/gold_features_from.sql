-- gold_features_from.sql: the first day whose features must be made: events come late, so that the last days are made anew.
SELECT CAST(coalesce(max(feature_date) - {{late}}, DATE '{{first}}') AS VARCHAR) FROM gold.user_features;
