"""Spark, PyIceberg, DuckDB and Tarn on the same Iceberg tables: each reads what the others wrote, after every step."""
import pyarrow
import pyiceberg.table
import pytest
from engines import SparkError, same_rows
from pyiceberg.catalog.noop import NoopCatalog
from pyiceberg.serializers import ToOutputFile
from pyiceberg.table import CommitTableResponse, StaticTable
from pyiceberg.table.update import update_table_metadata
from pyiceberg.types import DoubleType
from tables import FEW_CELLS, MARKED_ROWS, MARKING_IN_TURN, MERGE_ON_READ, TYPED_ROWS, TYPES
from tarnlib import TarnError


@pytest.fixture
def table(iceberg_table):
    return iceberg_table


@pytest.mark.parametrize("version", [1, 2, 3])
def test_types(table, version):
    table.ours(f"CREATE TABLE $t ({TYPES}) TBLPROPERTIES ('format-version' = '{version}')")
    table.ours(f"INSERT INTO $t {TYPED_ROWS} FROM range(5)")
    table.ours(FEW_CELLS)
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
    table.ours(MARKED_ROWS)
    # PyIceberg reads no vectors' Puffin files; DuckDB does.
    table.in_turn(MARKING_IN_TURN, *(["pyiceberg", "duckdb"] if version == 2 else ["duckdb"]))
    assert table.same_history() >= len(MARKING_IN_TURN)
    deleted = table.theirs("SELECT content, file_format, record_count FROM $t.all_delete_files")
    assert {row["file_format"] for row in deleted} == {"PUFFIN" if version == 3 else "PARQUET"}


@pytest.mark.parametrize("who", ["ours", "theirs"])
@pytest.mark.parametrize("version", [1, 2, 3])
def test_schema_evolution(table, version, who):
    """A column is its field id: renamed, moved, promoted, dropped and added again, at the top and inside of structs, lists and maps."""
    table.ours(f"CREATE TABLE $t (a INT, b STRING, f FLOAT, p DECIMAL(5,2), st STRUCT<x: INT, y: STRING>, gone INT, l ARRAY<STRUCT<x: INT, y: INT>>, m MAP<STRING, STRUCT<x: INT>>)"
               f" TBLPROPERTIES ('format-version' = '{version}')")
    table.ours("INSERT INTO $t SELECT range, 'b' || range, range / 2, range, {'x': range, 'y': 'y'}, 5, [{'x': range, 'y': 1}, NULL], MAP {'k': {'x': range}} FROM range(3)")
    steps = ["ALTER TABLE $t RENAME COLUMN b TO renamed", "ALTER TABLE $t ADD COLUMN c DOUBLE", "ALTER TABLE $t ADD COLUMN st.z INT",
             "ALTER TABLE $t RENAME COLUMN st.x TO xx", "ALTER TABLE $t DROP COLUMN gone", "ALTER TABLE $t ADD COLUMN gone STRING AFTER a",
             "ALTER TABLE $t ALTER COLUMN a TYPE BIGINT", "ALTER TABLE $t ALTER COLUMN f TYPE DOUBLE", "ALTER TABLE $t ALTER COLUMN p TYPE DECIMAL(10,2)",
             "ALTER TABLE $t ALTER COLUMN c FIRST", "ALTER TABLE $t DROP COLUMN st.y",
             "ALTER TABLE $t RENAME COLUMN l.element.x TO xx", "ALTER TABLE $t DROP COLUMN l.element.y", "ALTER TABLE $t ADD COLUMN l.element.x STRING",
             "ALTER TABLE $t RENAME COLUMN m.value.x TO xx", "ALTER TABLE $t ADD COLUMN m.value.x STRING"]
    for sql in steps:
        getattr(table, who)(sql)
        table.same("pyiceberg", "duckdb")
    row = "1.5, 1099511627776, 'gone', 'new', 2.25, 12345.67"
    table.ours(f"INSERT INTO $t VALUES ({row}, {{'xx': 7, 'z': 8}}, [{{'xx': 1, 'x': 'new'}}], MAP {{'k': {{'xx': 1, 'x': 'new'}}}})")
    table.theirs(f"INSERT INTO $t VALUES ({row}, named_struct('xx', 7, 'z', 8), array(named_struct('xx', 1, 'x', 'new')), map('k', named_struct('xx', 1, 'x', 'new')))")
    assert len(table.same("pyiceberg", "duckdb")) == 5
    table.ours("UPDATE $t SET gone = 'u' WHERE renamed = 'b1'")
    table.same("pyiceberg", "duckdb")
    table.same_history()


@pytest.mark.parametrize("version", [2, 3])
def test_equality_deletes_of_others(table, version):
    """Deletes by key, as streaming writers leave them: read, and the tables that have them changed, by both."""
    def by_key(columns, *keys):
        table.spark.ask(table=table.spark_name, columns=columns, keys=keys)
        assert table.same("duckdb")

    table.ours(f"CREATE TABLE $t (id INT, k STRING, v INT) TBLPROPERTIES ('format-version' = '{version}', {MERGE_ON_READ})")
    table.ours("INSERT INTO $t SELECT range, CASE WHEN range % 5 > 0 THEN 'k' || range % 5 END, range FROM range(50)")
    by_key(["id"], [1], [2], [7000])
    table.ours("INSERT INTO $t VALUES (1, 'again', 0), (2, 'again', 0)")  # newer than the deletes
    assert len(table.same("duckdb")) == 50
    by_key(["k", "v"], [None, 5], ["k1", 6], ["k1", None])
    by_key(["id"], [2], [3])
    assert len(table.same("duckdb")) == 46
    table.theirs("DELETE FROM $t WHERE id = 10")
    table.ours("DELETE FROM $t WHERE id = 11")
    table.ours("UPDATE $t SET v = -1 WHERE id IN (1, 12)")
    table.same("duckdb")
    table.ours("ALTER TABLE $t RENAME COLUMN k TO kk")
    table.spark.ask(table=table.spark_name, columns=["kk"], keys=[["k4"]])
    table.same()  # DuckDB takes rows without a value for deleted by any key
    table.ours("OPTIMIZE $t")
    assert len(table.same("duckdb")) == 34
    table.same_history()


TRANSFORMS = ["bucket(4, id)", "truncate(10, id)", "truncate(2, s)", "bucket(3, s)", "years(ts)", "months(ts)", "days(ts)", "hours(ts)", "s", "days(day), bucket(2, s)"]


@pytest.mark.parametrize("maker", ["ours", "theirs"])
def test_partition_transforms(table, maker):
    """One table whose spec changes from transform to transform, by both; rows of each spec stay where they are, and all are found and changed."""
    table.ours(f"CREATE TABLE $t (id INT, s STRING, ts TIMESTAMP, day DATE) TBLPROPERTIES ('format-version' = '2', {MERGE_ON_READ})")
    rows = ("INSERT INTO $t SELECT {0} + id, CASE WHEN id % 4 > 0 THEN concat('ab', id) END, TIMESTAMP '1969-12-31 22:00:00' + make_interval(0, 0, 0, 0, int(5 * id)),"
            " date_add(DATE '1969-12-28', int(id)) FROM range(8)")
    ours = ("INSERT INTO $t SELECT {0} + range, CASE WHEN range % 4 > 0 THEN 'ab' || range END, TIMESTAMPTZ '1969-12-31 22:00:00+00' + to_hours(5 * range),"
            " DATE '1969-12-28' + range::INT FROM range(8)")
    for number, transforms in enumerate(TRANSFORMS):
        fields = [field.strip() + (")" if "(" in field and not field.endswith(")") else "") for field in transforms.split("), ")]
        for place, field in enumerate(fields):
            getattr(table, maker)(f"ALTER TABLE $t ADD PARTITION FIELD {field} AS p{number}_{place}")
        table.ours(ours.format(number * 100))
        table.theirs(rows.format(number * 100 + 50))
        table.ours(f"DELETE FROM $t WHERE id = {number * 100 + 51}")
        table.theirs(f"UPDATE $t SET s = 'new' WHERE id = {number * 100 + 3}")
        assert len(table.same("pyiceberg", "duckdb")) == 15 * (number + 1), transforms
        for place, _ in enumerate(fields):
            getattr(table, maker)(f"ALTER TABLE $t DROP PARTITION FIELD p{number}_{place}")
    for condition in ("id = 103", "s = 'ab5'", "s IS NULL", "ts < TIMESTAMP '1970-01-01 01:00:00'", "day = DATE '1970-01-01'", "id BETWEEN 305 AND 452 AND s > 'ab2'"):
        table.session.sql("SET prune.files_min = 1")
        same_rows(Tarn=table.ours(f"SELECT * FROM $t WHERE {condition}"), Spark=table.theirs(f"SELECT * FROM $t WHERE {condition}"))
    table.same_history()


def test_defaults(table):
    """Version 3: what rows written before a column was there have in it."""
    table.ours("CREATE TABLE $t (id INT) TBLPROPERTIES ('format-version' = '3')")
    table.ours("INSERT INTO $t VALUES (1), (2)")
    # No decimal among them: Iceberg 1.11 cannot read files that have such a column ("Cannot cast default value to fixed").
    defaults = {"i": ("INT", "7"), "s": ("STRING", "'é'"), "d": ("DATE", "DATE '1969-12-30'"), "f": ("DOUBLE", "0.25"), "b": ("BOOLEAN", "true"),
                "ts": ("TIMESTAMP_NTZ", "TIMESTAMP '2026-01-02 03:04:05.000006'")}
    for name, (kind, value) in defaults.items():
        table.ours(f"ALTER TABLE $t ADD COLUMN {name} {kind} DEFAULT {value}")
        table.same("duckdb")
    table.ours("INSERT INTO $t (id, i) VALUES (3, NULL)")
    table.theirs("INSERT INTO $t SELECT id + 3, i, s, d, f, b, ts FROM $t WHERE id = 1")
    assert {row["s"] for row in table.same("duckdb")} == {"é"}
    table.ours("UPDATE $t SET i = 8 WHERE id = 1")
    table.theirs("DELETE FROM $t WHERE id = 2")
    table.same("duckdb")


class PathCatalog(NoopCatalog):
    """PyIceberg commits to a table by path: the name of the next version is what two writers cannot both have."""

    def commit_table(self, table, requirements, updates):
        for requirement in requirements:
            requirement.validate(table.metadata)
        metadata = update_table_metadata(table.metadata, updates, False, table.metadata_location)
        folder, name = table.metadata_location.rsplit("/", 1)
        number = int(name[1:].split(".")[0]) + 1
        location = f"{folder}/v{number}.metadata.json"
        ToOutputFile.table_metadata(metadata, table.io.new_output(location), overwrite=False)
        return CommitTableResponse(**{"metadata": metadata, "metadata-location": location})

    def table(self, location):
        static = StaticTable.from_metadata(location)
        return pyiceberg.table.Table(("t",), static.metadata, location, static.io, self)


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("partitioned", ["", "PARTITIONED BY (k)"])
def test_in_turn(table, version, partitioned):
    """Spark, Tarn and PyIceberg write one table by turns; after every step all of them and DuckDB read the same."""
    def pyiceberg_does(act):
        act(PathCatalog("p").table(table.metadata()))

    def appended(first):
        return pyarrow.table({"id": pyarrow.array(range(first, first + 5), pyarrow.int32()), "k": ["k0", "k1", None, "k0", "new"], "v": pyarrow.array([1, 2, 3, 4, None], pyarrow.int64())})

    def evolve(t):
        with t.update_schema() as change:
            change.add_column("w", DoubleType())
            change.rename_column("v", "value")

    table.theirs(f"CREATE TABLE $t (id INT, k STRING, v BIGINT) USING iceberg {partitioned} TBLPROPERTIES ('format-version' = '{version}')")
    steps = [
        ("Spark", "INSERT INTO $t SELECT id, concat('k', id % 2), id FROM range(20)"), ("Tarn", "INSERT INTO $t SELECT range, 'k' || range % 3, -range FROM range(100, 120)"),
        ("PyIceberg", lambda t: t.append(appended(200))), ("Tarn", "UPDATE $t SET v = v + 1000 WHERE k = 'k1'"), ("Spark", "DELETE FROM $t WHERE id % 5 = 1"),
        ("PyIceberg", lambda t: t.delete("id > 110 and k = 'k0'")),
        ("Tarn", "MERGE INTO $t AS t USING (VALUES (2, 'm'), (999, 'n')) AS s(id, k) ON t.id = s.id WHEN MATCHED THEN UPDATE SET k = s.k WHEN NOT MATCHED THEN INSERT (id, k) VALUES (s.id, s.k)"),
        ("Spark", "MERGE INTO $t AS t USING (SELECT 3 AS id) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET v = 33"), ("PyIceberg", evolve),
        ("Tarn", "INSERT INTO $t VALUES (500, 'k0', 5, 0.5)"),
        # Spark's vectorized reader cannot widen integers of files that say what Parquet's INT32 are for, as DuckDB's do (Iceberg issue 16341).
        ("Spark", "ALTER TABLE $t SET TBLPROPERTIES ('read.parquet.vectorization.enabled' = 'false')"), ("Spark", "ALTER TABLE $t ALTER COLUMN id TYPE BIGINT"), ("Tarn", "OPTIMIZE $t"),
        ("PyIceberg", lambda t: t.overwrite(pyarrow.Table.from_pylist([{"id": 4, "k": "over", "value": 4, "w": 4.5}], schema=t.schema().as_arrow()), "id = 4")),
        ("Spark", "UPDATE $t SET w = 1.25 WHERE id < 10"), ("Tarn", "DELETE FROM $t WHERE k IS NULL"),
        ("Spark", f"CALL hadoop.system.rewrite_manifests('ns.{table.name}')"), ("Tarn", "INSERT INTO $t VALUES (501, 'k0', 5, 0.5)")]
    for who, act in steps:
        {"Tarn": table.ours, "Spark": table.theirs, "PyIceberg": pyiceberg_does}[who](act)
        assert table.same("pyiceberg", "duckdb"), act
    assert table.same_history() >= 14


@pytest.mark.parametrize("version", [2, 3])
def test_branches_in_turn(table, version):
    """Both engines name versions, write to branches, and move the table between its versions; each sees what the other has done."""
    def same():
        refs = "SELECT name, type, snapshot_id, max_reference_age_in_ms, min_snapshots_to_keep, max_snapshot_age_in_ms FROM $t.refs"
        rows = {}
        for ref in same_rows(Tarn=table.ours(refs), Spark=table.theirs(refs)):
            others = {"PyIceberg": table.pyiceberg(ref["snapshot_id"])} if version == 2 else {}  # it reads no vectors
            read = f"SELECT * FROM $t VERSION AS OF '{ref['name']}'"
            rows[ref["name"]] = sorted(row["id"] for row in same_rows(
                Tarn=table.ours(read), Spark=table.theirs(read), DuckDB=table.duckdb(ref["snapshot_id"]), **others))
        return rows

    call = table.call
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
    ours = table.ours(f"SELECT * FROM table_changes('{table.tarn_name}', 0)")
    assert sorted(theirs) == sorted((row["_commit_version"], row["_change_type"], row["id"], row["k"]) for row in ours)
