"""deltalake reads what Tarn wrote, and Tarn reads and changes what deltalake wrote, in turn on one table."""
import datetime
import decimal
import pathlib
import sys

import pyarrow
import pytest

deltalake = pytest.importorskip("deltalake")

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tarnlib import Session, TarnError  # noqa: E402


def theirs(path, version=None):
    """By its query engine, which knows deletion vectors; its way over PyArrow refuses tables that may have them."""
    table = deltalake.DeltaTable(str(path), version=version)
    rows = pyarrow.table(deltalake.QueryBuilder().register("t", table).execute("SELECT * FROM t"))
    return sorted(rows.to_pylist(), key=str)


def ours(session, path, version=None):
    at = "" if version is None else f" VERSION AS OF {version}"
    return sorted(session.sql(f"SELECT * FROM delta.`{path}`{at}").to_pylist(), key=str)


def same(session, path, versions=()):
    for version in (None, *versions):
        assert ours(session, path, version) == theirs(path, version)


def test_they_read_ours(tmp_path):
    s = Session(tmp_path / "lake")
    path = tmp_path / "lake/lake/main/t"
    s.sql("CREATE TABLE t (id BIGINT NOT NULL, part STRING, d DATE, p DECIMAL(12,3), ts TIMESTAMP, l ARRAY<INT>, st STRUCT<a: INT, b: STRING>, ok BOOLEAN, f FLOAT)"
          " PARTITIONED BY (part)")
    s.sql("INSERT INTO t SELECT range, CASE range % 3 WHEN 0 THEN 'a b' WHEN 1 THEN 'x/y%=' END, DATE '2026-01-01' + range::INT, range * 1.5,"
          " TIMESTAMPTZ '2026-01-01 00:00:00+00' + to_seconds(range), [range, NULL], {'a': range, 'b': 'é' || range}, range % 2 = 0, range / 4 FROM range(30)")
    same(s, path)
    s.sql("UPDATE t SET p = p + 1 WHERE id > 20")
    s.sql("DELETE FROM t WHERE id = 3 OR part IS NULL")
    s.sql("MERGE INTO t USING (SELECT 1000 + range AS id, 'new' AS part FROM range(3)) AS n ON t.id = n.id WHEN NOT MATCHED THEN INSERT (id, part) VALUES (n.id, n.part)")
    same(s, path, range(1, 5))
    s.sql("OPTIMIZE t")
    s.sql("ALTER TABLE t ADD COLUMN note STRING")
    s.sql("INSERT INTO t (id, part, note) VALUES (2000, 'a b', 'noted')")
    same(s, path)
    s.sql("RESTORE TABLE t TO VERSION AS OF 2")
    same(s, path)
    s.close()


@pytest.mark.parametrize("inline", ["0", "1MB"])
def test_they_read_our_deletion_vectors(tmp_path, inline):
    s = Session(tmp_path / "lake", {"delta.inline_vector_bytes": inline})
    path = tmp_path / "lake/lake/main/t"
    s.sql("CREATE TABLE t (id BIGINT, p INT) PARTITIONED BY (p) TBLPROPERTIES ('delta.checkpointInterval' = '4')")
    s.sql("INSERT INTO t SELECT range, range % 3 FROM range(1000)")
    s.sql("DELETE FROM t WHERE id % 7 = 0")
    s.sql("UPDATE t SET id = -id WHERE id IN (5, 600)")
    s.sql("DELETE FROM t WHERE id BETWEEN 400 AND 500")
    s.sql("DELETE FROM t WHERE id = 8")
    assert bool(list(path.glob("deletion_vector_*.bin"))) == (inline == "0")
    same(s, path, range(1, 6))
    s.sql("REORG TABLE t APPLY (PURGE)")
    same(s, path, range(1, 6))
    s.close()


def test_they_read_our_checkpoints(tmp_path):
    s = Session(tmp_path / "lake")
    path = tmp_path / "lake/lake/main/t"
    s.sql("CREATE TABLE t (a INT, k STRING) PARTITIONED BY (k) TBLPROPERTIES ('delta.checkpointInterval' = '5')")
    for i in range(12):
        s.sql(f"INSERT INTO t VALUES ({i}, 'k{i % 2}')")
    s.sql("DELETE FROM t WHERE a = 4")
    assert (path / "_delta_log/00000000000000000010.checkpoint.parquet").exists()
    for version in range(11):  # only the checkpoint says what they held
        (path / f"_delta_log/{version:020}.json").unlink()
    same(s, path)
    fresh = Session(tmp_path / "lake")
    same(fresh, path)
    assert len(ours(fresh, path)) == 11
    fresh.close()
    s.close()


def test_in_turn(tmp_path):
    s, path = Session(tmp_path / "lake"), tmp_path / "shared table"
    rows = pyarrow.table({"id": pyarrow.array([1, 2, 3], pyarrow.int64()), "s": ["a", None, "c"],
                          "d": [datetime.date(2026, 1, 1)] * 3, "n": [decimal.Decimal("1.50")] * 3})
    deltalake.write_deltalake(str(path), rows, partition_by=["s"])
    same(s, path)
    s.sql(f"INSERT INTO delta.`{path}` VALUES (4, 'a', NULL, 7)")
    same(s, path)
    deltalake.DeltaTable(str(path)).delete("id = 1")
    same(s, path)
    s.sql(f"MERGE INTO delta.`{path}` AS t USING (VALUES (2, 'z'), (9, 'q')) AS x(id, s) ON t.id = x.id"
          " WHEN MATCHED THEN UPDATE SET s = x.s WHEN NOT MATCHED THEN INSERT (id, s) VALUES (x.id, x.s)")
    same(s, path)
    deltalake.DeltaTable(str(path)).optimize.compact()
    deltalake.DeltaTable(str(path)).create_checkpoint()
    same(s, path, range(4))
    s.sql(f"DELETE FROM delta.`{path}` WHERE s = 'z'")
    same(s, path)
    s.close()


@pytest.mark.parametrize("by", ["", " PARTITIONED BY (k)"])
def test_they_read_our_change_feed(tmp_path, by):
    """Its feed finds no file in a folder whose name is encoded ("a b"): partitions are plain here."""
    s, path = Session(tmp_path / "lake"), tmp_path / "lake/lake/main/t"
    s.sql(f"CREATE TABLE t (id INT, k STRING, v DOUBLE){by} TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true', 'delta.enableDeletionVectors' = 'false')")
    for sql in ("INSERT INTO t SELECT range, CASE range % 3 WHEN 0 THEN 'a' WHEN 1 THEN 'b' END, range / 4 FROM range(30)",
                "UPDATE t SET v = v + 1, k = 'moved' WHERE id IN (1, 2, 3)", "DELETE FROM t WHERE id = 4", "DELETE FROM t WHERE k = 'a'",
                "MERGE INTO t USING (VALUES (5, 'm'), (300, 'n')) AS s(id, k) ON t.id = s.id WHEN MATCHED THEN UPDATE SET k = s.k WHEN NOT MATCHED THEN INSERT (id, k) VALUES (s.id, s.k)",
                "INSERT INTO t REPLACE WHERE id = 300 VALUES (300, 'again', 1)"):
        s.sql(sql)
    names = ["id", "k", "v", "_change_type", "_commit_version"]
    got = pyarrow.table(deltalake.DeltaTable(str(path)).load_cdf(starting_version=1).read_all()).select(names).to_pylist()
    assert sorted(got, key=str) == sorted(s.sql(f"SELECT {', '.join(names)} FROM table_changes('t', 1)").to_pylist(), key=str)
    s.close()


def test_a_change_feed_in_turn(tmp_path):
    s, path = Session(tmp_path / "lake"), tmp_path / "feed"
    deltalake.write_deltalake(str(path), pyarrow.table({"a": [1, 2]}), configuration={"delta.enableChangeDataFeed": "true"})
    same(s, path)
    s.sql(f"UPDATE delta.`{path}` SET a = 3 WHERE a = 1")
    same(s, path)
    deltalake.DeltaTable(str(path)).update(updates={"a": "4"}, predicate="a = 2")
    feed = s.sql(f"SELECT a, _change_type FROM table_changes('delta.`{path}`', 1) ORDER BY _commit_version, a").to_pylist()
    assert [tuple(row.values()) for row in feed] == [(1, "update_preimage"), (3, "update_postimage"), (2, "update_preimage"), (4, "update_postimage")]
    files = path / "_change_data"
    assert len(list(files.rglob("*.parquet"))) == 2
    s.sql("SET vacuum.retention_check = false")
    s.sql(f"VACUUM delta.`{path}` RETAIN 1 HOURS")
    assert len(list(files.rglob("*.parquet"))) == 2
    s.sql(f"VACUUM delta.`{path}` RETAIN 0 HOURS")
    assert not list(files.rglob("*.parquet"))
    same(s, path)
    s.close()


def test_changes_that_are_not_committed_leave_no_files(tmp_path):
    lake, path = tmp_path / "lake", tmp_path / "lake/lake/main/t"
    s, other = Session(lake), Session(lake)
    s.sql("CREATE TABLE t (a INT, CHECK (a < 100)) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true', 'delta.enableDeletionVectors' = 'false')")
    s.sql("INSERT INTO t SELECT range FROM range(10)")
    before = set(path.rglob("*.parquet"))
    with pytest.raises(TarnError):
        s.sql("UPDATE t SET a = a + 95")
    s.sql("BEGIN")
    s.sql("UPDATE t SET a = 20 WHERE a = 1")
    assert list(path.glob("_change_data/*.parquet"))
    s.sql("ROLLBACK")
    assert set(path.rglob("*.parquet")) == before
    s.sql("BEGIN")
    s.sql("INSERT INTO t VALUES (10)")
    s.sql("UPDATE t SET a = 20 WHERE a = 1")
    other.sql("DELETE FROM t WHERE true")
    with pytest.raises(TarnError) as failed:
        s.sql("COMMIT")
    assert failed.value.code == "CONFLICT"
    assert set(path.rglob("*.parquet")) == before
    s.close()
    other.close()
