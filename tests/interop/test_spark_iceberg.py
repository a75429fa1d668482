"""Spark, PyIceberg, DuckDB and Tarn on the same Iceberg tables: each reads what the others wrote, after every step."""
import itertools
import pathlib

import pytest
from engines import SparkError, duckdb_rows, duckdb_with, same_rows
from pyiceberg.table import StaticTable
from tarnlib import Session, TarnError

NAMES = itertools.count()
MERGE_ON_READ = "'write.delete.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read', 'write.merge.mode' = 'merge-on-read'"


class Table:
    """A table that is found by its folder, under the names each engine has for it."""

    def __init__(self, spark, tmp_path):
        self.name, self.session = f"t{next(NAMES)}", Session(tmp_path / "lake")
        self.path = spark.folder / "hadoop/ns" / self.name
        self.tarn, self.hadoop, self.spark = f"iceberg.`{self.path}`", f"hadoop.ns.{self.name}", spark

    def ours(self, sql):
        return self.session.sql(sql.replace("$t", self.tarn))

    def theirs(self, sql):
        return self.spark.sql(sql.replace("$t", self.hadoop))

    def metadata(self):
        number = max(int(file.name[1:].split(".")[0]) for file in (self.path / "metadata").glob("v*.metadata.json"))
        return str(self.path / f"metadata/v{number}.metadata.json")

    def pyiceberg(self):
        return StaticTable.from_metadata(self.metadata()).scan().to_arrow().to_pylist()

    def duckdb(self):
        return duckdb_rows(duckdb_with("avro", "iceberg"), f"SELECT * FROM iceberg_scan('{self.metadata()}')")

    def same(self, *others, columns="*"):
        """What Tarn reads, Spark does, and so do these others."""
        sides = {"Tarn": self.ours(f"SELECT {columns} FROM $t").to_pylist(), "Spark": self.theirs(f"SELECT {columns} FROM $t")}
        return same_rows(**sides, **{other: getattr(self, other)() for other in others})

    def same_history(self):
        ids = [row["snapshot_id"] for row in self.theirs("SELECT snapshot_id FROM $t.snapshots")]
        for snapshot in ids:
            same_rows(Tarn=self.ours(f"SELECT * FROM $t VERSION AS OF {snapshot}").to_pylist(), Spark=self.theirs(f"SELECT * FROM $t VERSION AS OF {snapshot}"))
        return len(ids)


@pytest.fixture
def table(spark, tmp_path):
    made = Table(spark, tmp_path)
    yield made
    made.session.close()


TYPES = ("id BIGINT NOT NULL, i INT, f FLOAT, d DOUBLE, p DECIMAL(20,3), day DATE, ts TIMESTAMP, tn TIMESTAMP_NTZ, s STRING, b BINARY, ok BOOLEAN,"
         " l ARRAY<INT>, m MAP<STRING, DOUBLE>, st STRUCT<a: INT, b: STRING, deep: ARRAY<STRUCT<x: INT, y: MAP<STRING, INT>>>>")


@pytest.mark.parametrize("version", [1, 2, 3])
def test_types(table, version):
    table.ours(f"CREATE TABLE $t ({TYPES}) TBLPROPERTIES ('format-version' = '{version}')")
    table.ours("INSERT INTO $t SELECT range, range - 2, range / 4, -0.0, range * 1.5, DATE '1969-12-30' + range::INT,"
               " TIMESTAMPTZ '1969-12-31 23:59:58.123456+00' + to_seconds(range), TIMESTAMP '2026-01-02 03:04:05.000006', 'é' || range, 'ab'::BLOB, range % 2 = 0,"
               " [range, NULL], MAP {'k' || range: 1.5, 'l': NULL}, {'a': range, 'b': NULL, 'deep': [{'x': 1, 'y': MAP {'q': 2}}, NULL]} FROM range(5)")
    table.ours("INSERT INTO $t (id, f, d, s, l, m) VALUES (99, 'NaN', 'inf', '', [], MAP {})")
    assert len(table.same("pyiceberg", "duckdb")) == 6
    table.theirs("INSERT INTO $t SELECT id + 100, i, f, d, p, day, ts, tn, s, b, ok, l, m, st FROM $t")
    assert len(table.same("pyiceberg", "duckdb")) == 12
    table.theirs("DELETE FROM $t WHERE id = 101")
    table.ours("UPDATE $t SET s = 'ours' WHERE id = 102")
    assert len(table.same("pyiceberg", "duckdb")) == 11
    table.same_history()


@pytest.mark.parametrize("version", [2, 3])
@pytest.mark.parametrize("partitioned", ["", "PARTITIONED BY (k)"])
def test_row_deletes_in_turn(table, version, partitioned):
    """Position deletes (version 2) and vectors in Puffin files (version 3) of either engine, on the same files in turn."""
    table.ours(f"CREATE TABLE $t (id INT, k STRING, v INT) {partitioned} TBLPROPERTIES ('format-version' = '{version}', {MERGE_ON_READ})")
    table.ours("INSERT INTO $t SELECT range, 'k' || range % 3, 0 FROM range(300)")
    # PyIceberg reads no vectors' Puffin files; DuckDB does.
    others = ["pyiceberg", "duckdb"] if version == 2 else ["duckdb"]
    steps = [
        ("ours", "DELETE FROM $t WHERE id % 10 = 3"), ("theirs", "DELETE FROM $t WHERE id % 10 = 4"),
        ("ours", "UPDATE $t SET v = v + 1 WHERE id BETWEEN 20 AND 29"), ("theirs", "UPDATE $t SET v = v + 10 WHERE id BETWEEN 25 AND 35"),
        ("ours", "MERGE INTO $t AS t USING (VALUES (1, 'm'), (900, 'k0')) AS s(id, k) ON t.id = s.id WHEN MATCHED THEN UPDATE SET k = s.k"
                 " WHEN NOT MATCHED THEN INSERT (id, k) VALUES (s.id, s.k)"),
        ("theirs", "MERGE INTO $t AS t USING (SELECT 2 AS id, 'n' AS k UNION ALL SELECT 901, 'k1') AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET k = s.k"
                   " WHEN NOT MATCHED THEN INSERT (id, k, v) VALUES (s.id, s.k, 5)"),
        ("ours", "DELETE FROM $t WHERE k = 'k2' AND id < 100"), ("ours", "OPTIMIZE $t"), ("theirs", "DELETE FROM $t WHERE id = 120"),
        ("ours", "DELETE FROM $t WHERE id IN (121, 122)"), ("ours", "RESTORE TABLE $t TO VERSION AS OF 5"), ("theirs", "INSERT INTO $t VALUES (77777, 'k0', 7)")]
    for who, sql in steps:
        getattr(table, who)(sql)
        assert table.same(*others), sql
    assert table.same_history() >= len(steps)
    deleted = table.theirs("SELECT content, file_format, record_count FROM $t.all_delete_files")
    assert {row["file_format"] for row in deleted} == {"PUFFIN" if version == 3 else "PARQUET"}


@pytest.mark.parametrize("who", ["ours", "theirs"])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_schema_evolution(table, version, who):
    """A column is its field id: renamed, moved, promoted, dropped and added again, at the top and inside of structs."""
    table.ours(f"CREATE TABLE $t (a INT, b STRING, f FLOAT, p DECIMAL(5,2), st STRUCT<x: INT, y: STRING>, gone INT) TBLPROPERTIES ('format-version' = '{version}')")
    table.ours("INSERT INTO $t SELECT range, 'b' || range, range / 2, range, {'x': range, 'y': 'y'}, 5 FROM range(3)")
    steps = ["ALTER TABLE $t RENAME COLUMN b TO renamed", "ALTER TABLE $t ADD COLUMN c DOUBLE", "ALTER TABLE $t ADD COLUMN st.z INT",
             "ALTER TABLE $t RENAME COLUMN st.x TO xx", "ALTER TABLE $t DROP COLUMN gone", "ALTER TABLE $t ADD COLUMN gone STRING AFTER a",
             "ALTER TABLE $t ALTER COLUMN a TYPE BIGINT", "ALTER TABLE $t ALTER COLUMN f TYPE DOUBLE", "ALTER TABLE $t ALTER COLUMN p TYPE DECIMAL(10,2)",
             "ALTER TABLE $t ALTER COLUMN c FIRST", "ALTER TABLE $t DROP COLUMN st.y"]
    for sql in steps:
        getattr(table, who)(sql)
        table.same("pyiceberg", "duckdb")
    row = "1.5, 1099511627776, 'gone', 'new', 2.25, 12345.67"
    table.ours(f"INSERT INTO $t VALUES ({row}, {{'xx': 7, 'z': 8}})")
    table.theirs(f"INSERT INTO $t VALUES ({row}, named_struct('xx', 7, 'z', 8))")
    assert len(table.same("pyiceberg", "duckdb")) == 5
    table.ours("UPDATE $t SET gone = 'u' WHERE renamed = 'b1'")
    table.same("pyiceberg", "duckdb")
    table.same_history()


@pytest.mark.parametrize("version", [2, 3])
def test_branches_in_turn(table, version):
    """Both engines name versions, write to branches, and move the table between its versions; each sees what the other has done."""
    def same():
        refs = "SELECT name, type, snapshot_id, max_reference_age_in_ms, min_snapshots_to_keep, max_snapshot_age_in_ms FROM $t.refs"
        named = same_rows(Tarn=table.ours(refs).to_pylist(), Spark=table.theirs(refs))
        return {ref["name"]: sorted(row["id"] for row in same_rows(Tarn=table.ours(read).to_pylist(), Spark=table.theirs(read)))
                for ref in named for read in [f"SELECT * FROM $t VERSION AS OF '{ref['name']}'"]}

    def call(who, procedure, *arguments):
        values = "".join(f", {argument!r}" for argument in arguments)
        if who == "theirs":
            return table.theirs(f"CALL hadoop.system.{procedure}('ns.{table.name}'{values})")
        return table.ours(f"CALL system.{procedure}($t{values})").to_pylist()

    table.ours(f"CREATE TABLE $t (id INT, v INT) TBLPROPERTIES ('format-version' = '{version}', {MERGE_ON_READ})")
    table.ours("INSERT INTO $t VALUES (1, 1), (2, 2), (3, 3)")
    steps = [
        ("ours", "ALTER TABLE $t CREATE TAG start RETAIN 7 DAYS"),
        ("theirs", "ALTER TABLE $t CREATE BRANCH work RETAIN 2 DAYS WITH SNAPSHOT RETENTION 3 SNAPSHOTS 4 HOURS"),
        ("ours", "INSERT INTO $t.branch_work VALUES (4, 4)"), ("theirs", "INSERT INTO $t.branch_work VALUES (5, 5)"),
        ("theirs", "DELETE FROM $t.branch_work WHERE id = 1"), ("ours", "DELETE FROM $t.branch_work WHERE id = 2"),
        ("ours", "UPDATE $t.branch_work SET id = 50 WHERE id = 5"), ("theirs", "INSERT INTO $t VALUES (6, 6)"),
        ("theirs", "ALTER TABLE $t CREATE OR REPLACE TAG start"), ("ours", "ALTER TABLE $t CREATE BRANCH IF NOT EXISTS more"),
        ("ours", "INSERT INTO $t.branch_more VALUES (7, 7)"), ("theirs", "INSERT INTO $t VALUES (8, 8)")]
    for who, sql in steps:
        getattr(table, who)(sql)
        rows = same()
    assert rows == {"main": [1, 2, 3, 6, 8], "start": [1, 2, 3, 6], "work": [3, 4, 50], "more": [1, 2, 3, 6, 7]}
    heads = {row["name"]: row["snapshot_id"] for row in table.theirs("SELECT * FROM $t.refs")}
    picked, = call("ours", "cherrypick_snapshot", heads["more"])
    assert picked["source_snapshot_id"] == heads["more"] and same()["main"] == [1, 2, 3, 6, 7, 8]
    with pytest.raises(SparkError, match="already picked|already"):
        call("theirs", "cherrypick_snapshot", heads["more"])
    moved, = call("theirs", "rollback_to_snapshot", heads["main"])
    assert moved == {"previous_snapshot_id": picked["current_snapshot_id"], "current_snapshot_id": heads["main"]} and same()["main"] == [1, 2, 3, 6, 8]
    again, = call("theirs", "cherrypick_snapshot", heads["more"])
    with pytest.raises(TarnError, match="was picked already"):
        call("ours", "cherrypick_snapshot", heads["more"])
    assert call("ours", "ancestors_of") == call("theirs", "ancestors_of")
    assert call("ours", "rollback_to_snapshot", heads["main"]) == [{"previous_snapshot_id": again["current_snapshot_id"], "current_snapshot_id": heads["main"]}]
    call("ours", "set_current_snapshot", heads["work"])
    assert same()["main"] == [3, 4, 50]
    table.theirs("ALTER TABLE $t CREATE BRANCH onward")
    table.theirs("INSERT INTO $t.branch_onward VALUES (9, 9)")
    forward, = call("ours", "fast_forward", "main", "onward")
    assert forward["previous_ref"] == heads["work"] and same()["main"] == [3, 4, 9, 50]
    table.ours("ALTER TABLE $t DROP BRANCH onward")
    table.theirs("ALTER TABLE $t DROP TAG start")
    assert sorted(same()) == ["main", "more", "work"]
    table.same_history()


@pytest.mark.parametrize("modes", ["", ", " + MERGE_ON_READ])
def test_row_lineage_in_turn(table, modes):
    """Rows keep their ids, and say which commit wrote them last, whichever engine moves them."""
    table.ours(f"CREATE TABLE $t (id INT, k STRING, v INT) PARTITIONED BY (k) TBLPROPERTIES ('format-version' = '3'{modes})")
    table.ours("INSERT INTO $t SELECT range, 'k' || range % 3, 0 FROM range(60)")
    steps = [
        ("theirs", "INSERT INTO $t SELECT id + 100, k, 1 FROM $t WHERE id < 10"), ("ours", "UPDATE $t SET v = v + 1 WHERE id BETWEEN 5 AND 12"),
        ("theirs", "UPDATE $t SET v = v + 10, k = 'k9' WHERE id BETWEEN 10 AND 15"), ("ours", "DELETE FROM $t WHERE id = 0"),
        ("theirs", "DELETE FROM $t WHERE id = 1"),
        ("ours", "MERGE INTO $t AS t USING (VALUES (2, 7), (900, 8)) AS s(id, v) ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v"
                 " WHEN NOT MATCHED THEN INSERT (id, k, v) VALUES (s.id, 'k0', s.v)"),
        ("theirs", "MERGE INTO $t AS t USING (SELECT 3 AS id, 7 AS v UNION ALL SELECT 901, 8) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = s.v"
                   " WHEN NOT MATCHED THEN INSERT (id, k, v) VALUES (s.id, 'k0', s.v)"),
        ("ours", "OPTIMIZE $t"), ("ours", "UPDATE $t SET v = 99 WHERE id = 20"), ("theirs", "UPDATE $t SET v = 98 WHERE id = 21")]
    ids = {}
    for who, sql in steps:
        getattr(table, who)(sql)
        rows = table.same(columns="id, k, v, _row_id, _last_updated_sequence_number")
        now = {row["id"]: row["_row_id"] for row in rows}
        assert len(set(now.values())) == len(rows) and None not in now.values(), sql
        assert all(now[i] == ids[i] for i in now.keys() & ids.keys()), sql
        ids = now
    written = {row["id"]: row["_last_updated_sequence_number"] for row in rows}
    assert (written[4], written[5], written[15], written[20], written[21]) == (1, 3, 4, 10, 11)


def test_changes(table):
    """What a commit did to rows, by our change feed and by Spark's, for files that are written anew."""
    table.ours("CREATE TABLE $t (id INT, k STRING) PARTITIONED BY (k)")
    table.ours("INSERT INTO $t SELECT range, 'k' || range % 3 FROM range(30)")
    table.theirs("UPDATE $t SET k = 'k1' WHERE id = 3")
    table.ours("DELETE FROM $t WHERE id < 5")
    table.ours("MERGE INTO $t AS t USING (VALUES (7, 'm'), (50, 'k0')) AS s(id, k) ON t.id = s.id WHEN MATCHED THEN UPDATE SET k = s.k"
               " WHEN NOT MATCHED THEN INSERT *")
    table.ours("OPTIMIZE $t")
    table.theirs("DELETE FROM $t WHERE k = 'k2'")
    table.theirs(f"CALL hadoop.system.create_changelog_view(table => 'ns.{table.name}', changelog_view => 'v_{table.name}')")
    ids = {row["snapshot_id"]: row["n"] for row in table.theirs("SELECT snapshot_id, row_number() OVER (ORDER BY committed_at) AS n FROM $t.snapshots")}
    theirs = [(ids[row["_commit_snapshot_id"]], row["_change_type"].lower(), row["id"], row["k"])
              for row in table.theirs(f"SELECT * FROM v_{table.name}")]
    ours = table.ours(f"SELECT * FROM table_changes('{table.tarn}', 0)").to_pylist()
    assert sorted(theirs) == sorted((row["_commit_version"], row["_change_type"], row["id"], row["k"]) for row in ours)
