-- probe.sql: a selective query.
SELECT * FROM {{table}} WHERE {{probe}};
