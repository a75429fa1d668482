"""DuckDB's own delta extension reads what Tarn wrote."""
import pytest
from engines import duckdb_with
from tarnlib import Session


@pytest.fixture
def reader():
    return duckdb_with("delta")


def test_they_read_ours(reader, tmp_path):
    s, path = Session(tmp_path / "lake"), tmp_path / "lake/lake/main/t"
    s.sql("CREATE TABLE t (id BIGINT, part STRING, p DECIMAL(9,2), ts TIMESTAMP, st STRUCT<a: INT>, l ARRAY<STRING>) PARTITIONED BY (part)"
          " TBLPROPERTIES ('delta.checkpointInterval' = '4')")
    columns = "id, part, p::VARCHAR, epoch_us(ts), st::VARCHAR, l::VARCHAR"
    steps = ["INSERT INTO t SELECT range, 'a b/' || range % 3, range / 3, TIMESTAMPTZ '2026-01-01 00:00:00.123456+00', {'a': range}, ['x', NULL] FROM range(50)",
             "DELETE FROM t WHERE id % 7 = 0", "UPDATE t SET part = NULL WHERE id > 45", "OPTIMIZE t", "ALTER TABLE t ADD CONSTRAINT c CHECK (id >= 0)",
             "MERGE INTO t USING (SELECT 1 AS id, 9.5 AS p) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET p = s.p"]
    for step in steps:
        s.sql(step)
        ours = sorted(s.rows(f"SELECT {columns} FROM t"), key=str)
        theirs = sorted(reader.execute(f"SELECT {columns} FROM delta_scan('{path}')").fetchall(), key=str)
        assert ours == theirs and ours
    s.close()
