-- probe_explain.sql: what a selective query reads.
EXPLAIN ANALYZE SELECT * FROM {{table}} WHERE {{probe}};
