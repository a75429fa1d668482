"""Spark with delta-spark and Tarn on the same Delta tables: each reads and changes what the other wrote, every version read by both."""
import itertools

import pytest
from engines import SparkError, duckdb_rows, duckdb_with, same_rows
from tarnlib import Session, TarnError

NAMES = itertools.count()


class Table:
    """A table by its path, under the name that both engines have for it."""

    def __init__(self, spark, tmp_path):
        self.path, self.spark = tmp_path / f"t{next(NAMES)}", spark
        self.settings, self.lake = {}, tmp_path / "lake"
        self.session, self.name = Session(self.lake), f"delta.`{self.path}`"

    def ours(self, sql):
        return self.session.sql(sql.replace("$t", self.name)).to_pylist()

    def theirs(self, sql):
        return self.spark.sql(sql.replace("$t", self.name))

    def same(self, columns="*", at=""):
        query = f"SELECT {columns} FROM $t{at}"
        return same_rows(Tarn=self.ours(query), Spark=self.theirs(query))

    def duckdb(self):
        same_rows(Tarn=self.ours("SELECT * FROM $t"), DuckDB=duckdb_rows(duckdb_with("delta"), f"SELECT * FROM delta_scan('{self.path}')"))

    def same_history(self):
        versions = [row["version"] for row in self.theirs("DESCRIBE HISTORY $t")]
        for version in versions[::3]:
            self.same(at=f" VERSION AS OF {version}")
        return len(versions)

    def in_turn(self, steps):
        for who, sql in steps:
            getattr(self, who)(sql)
            assert self.same(), sql
        return self.same_history()

    def reopen(self, settings):
        self.session.close()
        self.session = Session(self.lake, settings)

    def detail(self):
        return self.theirs("DESCRIBE DETAIL $t")[0]


@pytest.fixture
def table(spark, tmp_path):
    made = Table(spark, tmp_path)
    yield made
    made.session.close()


def test_types(table):
    table.ours("CREATE TABLE $t (id BIGINT NOT NULL, y TINYINT, h SMALLINT, i INT, f FLOAT, d DOUBLE, p DECIMAL(20,3), day DATE, ts TIMESTAMP, tn TIMESTAMP_NTZ, s STRING,"
               " v VARCHAR(9), b BINARY, ok BOOLEAN, l ARRAY<INT>, m MAP<STRING, DOUBLE>, st STRUCT<a: INT, b: STRING, deep: ARRAY<STRUCT<x: INT, y: MAP<STRING, INT>>>>)")
    table.ours("INSERT INTO $t SELECT range, range, -range, range - 2, range / 4, -0.0, range * 1.5, DATE '1969-12-30' + range::INT,"
               " TIMESTAMPTZ '1969-12-31 23:59:58.123456+00' + to_seconds(range), TIMESTAMP '2026-01-02 03:04:05.000006', 'é' || range, 'v', 'ab'::BLOB, range % 2 = 0,"
               " [range, NULL], MAP {'k' || range: 1.5, 'l': NULL}, {'a': range, 'b': NULL, 'deep': [{'x': 1, 'y': MAP {'q': 2}}, NULL]} FROM range(5)")
    table.ours("INSERT INTO $t (id, f, d, s, l, m) VALUES (99, 'NaN', 'inf', '', [], MAP {})")
    assert len(table.same()) == 6
    table.theirs("INSERT INTO $t SELECT id + 100, y, h, i, f, d, p, day, ts, tn, s, v, b, ok, l, m, st FROM $t")
    table.theirs("DELETE FROM $t WHERE id = 101")
    table.ours("UPDATE $t SET s = 'ours' WHERE id = 102")
    assert len(table.same()) == 11
    table.duckdb()
    assert table.same_history() == 6


@pytest.mark.parametrize("inline, partitioned", [("0", "PARTITIONED BY (k)"), ("1MB", "")])
def test_deletion_vectors_in_turn(table, inline, partitioned):
    """Vectors of either engine on the same files in turn; ours in files of their own and in the log, across a checkpoint of each."""
    table.reopen({"delta.inline_vector_bytes": inline})
    table.ours(f"CREATE TABLE $t (id INT, k STRING, v INT) {partitioned} TBLPROPERTIES ('delta.enableDeletionVectors' = 'true', 'delta.checkpointInterval' = '7')")
    table.ours("INSERT INTO $t SELECT range, 'k' || range % 3, 0 FROM range(300)")
    steps = [
        ("ours", "DELETE FROM $t WHERE id % 10 = 3"), ("theirs", "DELETE FROM $t WHERE id % 10 = 4"),
        ("ours", "UPDATE $t SET v = v + 1 WHERE id BETWEEN 20 AND 29"), ("theirs", "UPDATE $t SET v = v + 10 WHERE id BETWEEN 25 AND 35"),
        ("ours", "MERGE INTO $t AS t USING (VALUES (1, 'm'), (900, 'k0')) AS s(id, k) ON t.id = s.id WHEN MATCHED THEN UPDATE SET k = s.k"
                 " WHEN NOT MATCHED THEN INSERT (id, k) VALUES (s.id, s.k)"),
        ("theirs", "MERGE INTO $t AS t USING (SELECT 2 AS id, 'n' AS k UNION ALL SELECT 901, 'k1') AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET k = s.k"
                   " WHEN NOT MATCHED THEN INSERT (id, k, v) VALUES (s.id, s.k, 5)"),
        ("ours", "DELETE FROM $t WHERE k = 'k2' AND id < 100"), ("theirs", "DELETE FROM $t WHERE k = 'k2' AND id < 130"),
        ("ours", "DELETE FROM $t WHERE k = 'k2' AND id BETWEEN 130 AND 140"), ("ours", "RESTORE TABLE $t TO VERSION AS OF 5"),
        ("theirs", "RESTORE TABLE $t TO VERSION AS OF 8"), ("theirs", "DELETE FROM $t WHERE id = 120"), ("ours", "OPTIMIZE $t"),
        ("theirs", "DELETE FROM $t WHERE id = 122"), ("ours", "REORG TABLE $t APPLY (PURGE)"), ("ours", "DELETE FROM $t WHERE id = 125"),
        ("theirs", "REORG TABLE $t APPLY (PURGE)"), ("theirs", "INSERT INTO $t VALUES (77777, 'k0', 7)")]
    assert table.in_turn(steps) >= len(steps)
    table.duckdb()
    assert bool(list(table.path.glob("deletion_vector_*.bin"))) and "deletionVectors" in table.detail()["tableFeatures"]


@pytest.mark.parametrize("maker, mode", [("ours", "name"), ("theirs", "id")])
def test_column_mapping(table, maker, mode):
    """DuckDB's extension is not asked: under column mapping it reads NULL from partition columns, whoever wrote them."""
    table_of = "CREATE TABLE $t (id INT, `a b` STRING, st STRUCT<x: INT, y: STRING>, k STRING) "
    getattr(table, maker)(table_of + f"USING delta PARTITIONED BY (k) TBLPROPERTIES ('delta.columnMapping.mode' = '{mode}')")
    table.ours("INSERT INTO $t SELECT range, 'v' || range, {'x': range, 'y': 'y'}, 'k' || range % 2 FROM range(10)")
    table.theirs("INSERT INTO $t SELECT id + 10, `a b`, st, k FROM $t")
    for who, other in (("ours", "theirs"), ("theirs", "ours")):
        a, b = (0, 1) if who == "ours" else (2, 3)
        old = "a b" if who == "ours" else "c2"
        steps = [(who, f"ALTER TABLE $t RENAME COLUMN `{old}` TO c{b + 1}"), (who, f"ALTER TABLE $t ADD COLUMN n{b} INT"),
                 (other, f"UPDATE $t SET n{b} = id, c{b + 1} = 'new' WHERE id % 4 = {a}"), (who, f"ALTER TABLE $t ADD COLUMN st.z{b} INT"),
                 (other, f"DELETE FROM $t WHERE id % 7 = {b}"), (who, f"ALTER TABLE $t DROP COLUMN n{b}"), (other, f"ALTER TABLE $t ADD COLUMN n{b} STRING"),
                 (who, f"INSERT INTO $t (id, n{b}, k) VALUES (1000, 'again', 'k0')")]
        for step_of, sql in steps:
            getattr(table, step_of)(sql)
            assert table.same(), sql
    table.same_history()


def test_rules(table):
    """What we declare binds Spark, and what Spark declares binds us."""
    table.ours("CREATE TABLE $t (id INT NOT NULL, v INT, w INT GENERATED ALWAYS AS (v * 2), d INT DEFAULT 7, CONSTRAINT few CHECK (v < 100))")
    table.theirs("ALTER TABLE $t ADD CONSTRAINT positive CHECK (v > 0)")
    table.ours("INSERT INTO $t (id, v) VALUES (1, 10)")
    table.theirs("INSERT INTO $t (id, v) VALUES (2, 20)")
    assert [(row["w"], row["d"]) for row in table.same()] == [(20, 7), (40, 7)]
    for bad, rule in (("(3, -1)", "positive"), ("(3, 100)", "few"), ("(NULL, 5)", "(?i)null")):
        for who, kind in ((table.ours, TarnError), (table.theirs, SparkError)):
            with pytest.raises(kind, match=rule):
                who(f"INSERT INTO $t (id, v) VALUES {bad}")
    assert len(table.same()) == 2


FEATURES = {
    "v2Checkpoint": ("id INT, k STRING", "'delta.checkpointPolicy' = 'v2', 'delta.checkpointInterval' = '3'"),
    "inCommitTimestamp": ("id INT, k STRING", "'delta.enableInCommitTimestamps' = 'true'"),
    "rowTracking": ("id INT, k STRING", "'delta.enableRowTracking' = 'true'"),
    "changeDataFeed": ("id INT, k STRING", "'delta.enableChangeDataFeed' = 'true'"),
    "typeWidening": ("id INT, k STRING", "'delta.enableTypeWidening' = 'true'"),
    "appendOnly": ("id INT, k STRING", "'delta.appendOnly' = 'true'"),
    "columnDefaults": ("id INT, k STRING DEFAULT 'x'", "'delta.feature.allowColumnDefaults' = 'supported'"),
}


@pytest.mark.parametrize("feature", FEATURES)
def test_features_of_theirs(table, feature):
    """Tables that Spark made with a feature: read as it reads them, and either changed so that it reads that, or refused by the feature's name."""
    columns, properties = FEATURES[feature]
    table.theirs(f"CREATE TABLE $t ({columns}) USING delta TBLPROPERTIES ({properties})")
    table.theirs("INSERT INTO $t SELECT id, concat('k', id % 3) FROM range(40)")
    if feature == "typeWidening":
        table.theirs("ALTER TABLE $t ALTER COLUMN id TYPE BIGINT")
    if feature != "appendOnly":
        table.theirs("DELETE FROM $t WHERE id = 3")
    for _ in range(3):
        table.theirs("INSERT INTO $t VALUES (100, 'more')")
    table.same_history()
    changes = ["INSERT INTO $t VALUES (200, 'ours')", "UPDATE $t SET k = 'u' WHERE id = 5", "DELETE FROM $t WHERE id = 6",
               "MERGE INTO $t AS t USING (VALUES (7, 'm'), (300, 'n')) AS s(id, k) ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *", "OPTIMIZE $t"]
    for sql in changes[:1] if feature == "appendOnly" else changes:
        try:
            table.ours(sql)
        except TarnError as error:
            assert error.code == "UNSUPPORTED" and feature in error.message
        table.theirs("INSERT INTO $t VALUES (400, 'theirs')")
        assert table.same(), sql
    table.same_history()


def test_change_feed(table):
    table.theirs("CREATE TABLE $t (id INT, k STRING) USING delta TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
    for sql in ("INSERT INTO $t SELECT id, 'a' FROM range(10)", "UPDATE $t SET k = 'b' WHERE id < 3", "DELETE FROM $t WHERE id = 9", "INSERT INTO $t VALUES (20, 'c')",
                "MERGE INTO $t AS t USING (SELECT 1 AS id, 'm' AS k UNION ALL SELECT 50, 'n') AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"):
        table.theirs(sql)
    feed = "SELECT id, k, _change_type, _commit_version FROM"
    same_rows(Spark=table.theirs(f"{feed} table_changes_by_path('{table.path}', 0)"), Tarn=table.ours(f"{feed} table_changes('{table.name}', 0)"))


@pytest.mark.parametrize("vectors", ["true", "false"])
def test_change_feed_of_ours(table, vectors):
    table.ours(f"CREATE TABLE $t (id INT, k STRING) PARTITIONED BY (k) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true', 'delta.enableDeletionVectors' = '{vectors}')")
    for sql in ("INSERT INTO $t SELECT id, CASE WHEN id % 2 = 0 THEN 'a b' END FROM range(10) AS r(id)", "UPDATE $t SET k = 'x/y%' WHERE id < 3", "DELETE FROM $t WHERE id = 9", "DELETE FROM $t WHERE k = 'x/y%'",
                "MERGE INTO $t AS t USING (SELECT 4 AS id, 'm' AS k UNION ALL SELECT 50, 'n') AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
                "BEGIN", "INSERT INTO $t VALUES (60, 'in')", "UPDATE $t SET k = 'up' WHERE id IN (60, 5)", "COMMIT"):
        table.ours(sql)
    table.theirs("UPDATE $t SET k = 'theirs' WHERE id = 50")
    feed = "SELECT id, k, _change_type, _commit_version FROM"
    same_rows(Spark=table.theirs(f"{feed} table_changes_by_path('{table.path}', 0)"), Tarn=table.ours(f"{feed} table_changes('{table.name}', 0)"))
