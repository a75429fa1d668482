"""Spark with delta-spark and Tarn on the same Delta tables: each reads and changes what the other wrote, every version read by both."""
import pytest
from engines import SparkError, same_rows
from tables import FEW_CELLS, MARKED_ROWS, MARKING_IN_TURN, TYPED_ROWS, TYPES
from tarnlib import TarnError


@pytest.fixture
def table(delta_table):
    return delta_table


def test_types(table):
    table.ours(f"CREATE TABLE $t ({TYPES}, y TINYINT, h SMALLINT, v VARCHAR(9))")
    table.ours(f"INSERT INTO $t {TYPED_ROWS}, range, -range, 'v' FROM range(5)")
    table.ours(FEW_CELLS)
    assert len(table.same()) == 6
    table.theirs("INSERT INTO $t SELECT id + 100, i, f, d, p, day, ts, tn, s, b, ok, l, m, st, y, h, v FROM $t")
    table.theirs("DELETE FROM $t WHERE id = 101")
    table.ours("UPDATE $t SET s = 'ours' WHERE id = 102")
    assert len(table.same()) == 11
    table.same("duckdb")
    assert table.same_history(3) == 6


@pytest.mark.parametrize("inline, partitioned", [("0", "PARTITIONED BY (k)"), ("1MB", "")])
def test_deletion_vectors_in_turn(table, inline, partitioned):
    """Vectors of either engine on the same files in turn; ours in files of their own and in the log, across a checkpoint of each."""
    table.reopen({"delta.inline_vector_bytes": inline})
    table.ours(f"CREATE TABLE $t (id INT, k STRING, v INT) {partitioned} TBLPROPERTIES ('delta.enableDeletionVectors' = 'true', 'delta.checkpointInterval' = '7')")
    table.ours(MARKED_ROWS)
    steps = MARKING_IN_TURN + [
        ("theirs", "RESTORE TABLE $t TO VERSION AS OF 8"), ("theirs", "DELETE FROM $t WHERE id = 120"), ("ours", "REORG TABLE $t APPLY (PURGE)"),
        ("ours", "DELETE FROM $t WHERE id = 125"), ("theirs", "REORG TABLE $t APPLY (PURGE)"), ("theirs", "INSERT INTO $t VALUES (88888, 'k0', 7)")]
    table.in_turn(steps)
    assert table.same_history(3) >= len(steps)
    table.same("duckdb")
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
        table.in_turn(steps)
    table.same_history(3)


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
    table.same_history(3)
    changes = ["INSERT INTO $t VALUES (200, 'ours')", "UPDATE $t SET k = 'u' WHERE id = 5", "DELETE FROM $t WHERE id = 6",
               "MERGE INTO $t AS t USING (VALUES (7, 'm'), (300, 'n')) AS s(id, k) ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *", "OPTIMIZE $t"]
    for sql in changes[:1] if feature == "appendOnly" else changes:
        try:
            table.ours(sql)
        except TarnError as error:
            assert error.code == "UNSUPPORTED" and feature in error.message
        table.theirs("INSERT INTO $t VALUES (400, 'theirs')")
        assert table.same(), sql
    table.same_history(3)


def test_change_feed(table):
    table.theirs("CREATE TABLE $t (id INT, k STRING) USING delta TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true')")
    for sql in ("INSERT INTO $t SELECT id, 'a' FROM range(10)", "UPDATE $t SET k = 'b' WHERE id < 3", "DELETE FROM $t WHERE id = 9", "INSERT INTO $t VALUES (20, 'c')",
                "MERGE INTO $t AS t USING (SELECT 1 AS id, 'm' AS k UNION ALL SELECT 50, 'n') AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"):
        table.theirs(sql)
    feed = "SELECT id, k, _change_type, _commit_version FROM"
    same_rows(Spark=table.theirs(f"{feed} table_changes_by_path('{table.path}', 0)"), Tarn=table.ours(f"{feed} table_changes('{table.tarn_name}', 0)"))


@pytest.mark.parametrize("vectors", ["true", "false"])
def test_change_feed_of_ours(table, vectors):
    table.ours(f"CREATE TABLE $t (id INT, k STRING) PARTITIONED BY (k) TBLPROPERTIES ('delta.enableChangeDataFeed' = 'true', 'delta.enableDeletionVectors' = '{vectors}')")
    for sql in ("INSERT INTO $t SELECT id, CASE WHEN id % 2 = 0 THEN 'a b' END FROM range(10) AS r(id)", "UPDATE $t SET k = 'x/y%' WHERE id < 3", "DELETE FROM $t WHERE id = 9", "DELETE FROM $t WHERE k = 'x/y%'",
                "MERGE INTO $t AS t USING (SELECT 4 AS id, 'm' AS k UNION ALL SELECT 50, 'n') AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
                "BEGIN", "INSERT INTO $t VALUES (60, 'in')", "UPDATE $t SET k = 'up' WHERE id IN (60, 5)", "COMMIT"):
        table.ours(sql)
    table.theirs("UPDATE $t SET k = 'theirs' WHERE id = 50")
    feed = "SELECT id, k, _change_type, _commit_version FROM"
    same_rows(Spark=table.theirs(f"{feed} table_changes_by_path('{table.path}', 0)"), Tarn=table.ours(f"{feed} table_changes('{table.tarn_name}', 0)"))
