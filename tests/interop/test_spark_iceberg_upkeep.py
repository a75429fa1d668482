"""Spark, PyIceberg, DuckDB and Tarn keep the same Iceberg tables: their order, keys, files, manifests and snapshots, staged rows, and several in one transaction."""
import datetime
import json
import os
import time

import pyarrow.parquet
import pytest
from engines import SparkError, duckdb_rows, duckdb_with, same_rows
from pyiceberg.table import StaticTable
from tables import MARKED_ROWS, MERGE_ON_READ
from tarnlib import TarnError

BOTH = [("ours", "theirs"), ("theirs", "ours")]


@pytest.fixture
def table(iceberg_table):
    return iceberg_table


@pytest.mark.parametrize("maker, other", BOTH)
def test_sort_order(table, maker, other):
    """The order that one sets is that of the files which both write."""
    table.ours("CREATE TABLE $t (id INT, k STRING) PARTITIONED BY (k)")
    rows = {"ours": "INSERT INTO $t SELECT CASE WHEN range % 50 > 0 THEN range * 7919 % 1009 + {} END, 'k' || range % 2 FROM range(200)",
            "theirs": "INSERT INTO $t SELECT CASE WHEN id % 50 > 0 THEN id * 7919 % 1009 + {} END, concat('k', id % 2) FROM range(200)"}
    orders = {"WRITE DISTRIBUTED BY PARTITION LOCALLY ORDERED BY id DESC NULLS LAST": (["1 DESC NULLS LAST"], lambda id: (id is None, -(id or 0))),
              "WRITE LOCALLY ORDERED BY k, id": (["2 ASC NULLS FIRST", "1 ASC NULLS FIRST"], lambda id: (id is not None, id)), "WRITE UNORDERED": ([], None)}
    seen = set()
    for number, (order, (fields, key)) in enumerate(orders.items()):
        getattr(table, maker)(f"ALTER TABLE $t {order}")
        now = StaticTable.from_metadata(table.metadata())
        assert [str(field) for field in now.sort_order().fields] == fields
        for who in (maker, other):
            getattr(table, who)(rows[who].format(number * 1000))
            table.same("pyiceberg", "duckdb")
            files = {row["file_path"].removeprefix("file:") for row in table.theirs("SELECT file_path FROM $t.files")} - seen
            seen |= files
            assert len(files) == 2, who
            for file in files if key else ():
                ids = pyarrow.parquet.ParquetFile(file).read(["id"])["id"].to_pylist()
                assert ids == sorted(ids, key=key), who
    table.same_history()


@pytest.mark.parametrize("maker, other", BOTH)
def test_identifier_fields(table, maker, other):
    """The columns that say which row it is, set by one, hold for the other: it keeps them through its changes, and cannot drop them."""
    def keys():
        return sorted(StaticTable.from_metadata(table.metadata()).schema().identifier_field_names())

    table.ours("CREATE TABLE $t (id INT NOT NULL, k STRING NOT NULL, v INT)")
    table.ours("INSERT INTO $t VALUES (1, 'a', 1)")
    getattr(table, maker)("ALTER TABLE $t SET IDENTIFIER FIELDS k, id")
    assert keys() == ["id", "k"]
    for sql in ("ALTER TABLE $t ADD COLUMN w INT", "ALTER TABLE $t RENAME COLUMN k TO kk", "INSERT INTO $t VALUES (2, 'b', 2, 2)"):
        getattr(table, other)(sql)
        assert len(keys()) == 2
        table.same("pyiceberg", "duckdb")
    assert keys() == ["id", "kk"]
    with pytest.raises((TarnError, SparkError), match="(?i)identifier"):
        getattr(table, other)("ALTER TABLE $t DROP COLUMN kk")
    getattr(table, other)("ALTER TABLE $t DROP IDENTIFIER FIELDS kk")
    assert keys() == ["id"]
    getattr(table, maker)("ALTER TABLE $t DROP COLUMN kk")
    table.same("pyiceberg", "duckdb")


@pytest.mark.parametrize("version", [2, 3])
def test_staged_rows(table, version):
    """What one stages under a wap.id is nobody's until the other publishes it, and is published once."""
    table.ours(f"CREATE TABLE $t (id INT) TBLPROPERTIES ('format-version' = '{version}', 'write.wap.enabled' = 'true')")
    table.ours("INSERT INTO $t VALUES (1)")
    table.session.sql("SET write.wap_id = 'of-tarn'")
    table.ours("INSERT INTO $t VALUES (2)")
    table.session.sql("RESET write.wap_id")
    table.spark.sql("SET spark.wap.id = of-spark")
    try:
        table.theirs("INSERT INTO $t VALUES (3)")
    finally:
        table.spark.sql("RESET spark.wap.id")
    assert [row["id"] for row in table.same("pyiceberg", "duckdb")] == [1]
    table.call("theirs", "publish_changes", "of-tarn")
    assert [row["id"] for row in table.same("pyiceberg", "duckdb")] == [1, 2]
    table.call("ours", "publish_changes", "of-spark")
    assert [row["id"] for row in table.same("pyiceberg", "duckdb")] == [1, 2, 3]
    for who, staged in (("ours", "of-tarn"), ("theirs", "of-spark")):
        with pytest.raises((TarnError, SparkError), match="already"):
            table.call(who, "publish_changes", staged)
    table.theirs("ALTER TABLE $t UNSET TBLPROPERTIES ('write.wap.enabled')")
    table.ours("DELETE FROM $t WHERE id = 2")
    assert [row["id"] for row in table.same("pyiceberg", "duckdb")] == [1, 3]
    table.same_history()


METADATA_TABLES = {"files": "content, file_path, spec_id, record_count, file_size_in_bytes", "manifests": "content, path, length, partition_spec_id, added_snapshot_id",
                   "snapshots": "snapshot_id, parent_id, operation, manifest_list", "history": "snapshot_id, parent_id, is_current_ancestor",
                   "partitions": "record_count, file_count, position_delete_record_count", "position_deletes": "file_path, pos, delete_file_path",
                   "entries": "status, snapshot_id, sequence_number, file_sequence_number", "all_data_files": "file_path, record_count", "refs": "*"}


@pytest.mark.parametrize("partitioned", ["", "PARTITIONED BY (bucket(2, id))"])
@pytest.mark.parametrize("version", [2, 3])
def test_upkeep_in_turn(table, version, partitioned):
    """Files, manifests and snapshots that one made are made anew, and expired, by the other; all that is left is read by all, and nothing is left over."""
    # PyIceberg reads no vectors; DuckDB takes one for another where those of one Puffin file do not lie beside each other in a manifest, as they
    # do not when manifests are sorted by partition.
    others = ["pyiceberg", "duckdb"] if version == 2 else [] if partitioned else ["duckdb"]
    old = time.time() - 10 * 86400

    def same():
        assert table.same(*others)

    def same_metadata():
        same()
        for name, columns in METADATA_TABLES.items():
            same_rows(**{who: [{key: cell.removeprefix("file:") if isinstance(cell, str) else cell for key, cell in row.items()}
                               for row in getattr(table, method)(f"SELECT {columns} FROM $t.{name}")] for who, method in (("Tarn", "ours"), ("Spark", "theirs"))})

    def orphans(who):
        for file in table.path.rglob("*"):
            os.utime(file, (old, old))
        return [row["orphan_file_location"] for row in table.call(who, "remove_orphan_files", dry_run="true")]

    def write(number):
        first = 1000 * (number + 1)
        table.in_turn([
            ("ours", f"INSERT INTO $t SELECT range, 'o', 0 FROM range({first}, {first + 20})"),
            ("theirs", f"INSERT INTO $t SELECT id, 't', 0 FROM range({first + 100}, {first + 120})"),
            ("ours", f"DELETE FROM $t WHERE id % 10 = {number}"), ("theirs", f"DELETE FROM $t WHERE id % 10 = {9 - number}"),
            ("ours", f"UPDATE $t SET v = v + 1 WHERE id % 10 = 4 AND id < {10 * number}"), ("theirs", "UPDATE $t SET v = v + 2 WHERE id IN (14, 15, 24)")])
        same_metadata()

    table.ours(f"CREATE TABLE $t (id INT, k STRING, v INT) {partitioned} TBLPROPERTIES ('format-version' = '{version}', {MERGE_ON_READ})")
    table.ours(MARKED_ROWS)
    for number, (who, other) in enumerate(BOTH):
        write(number)
        table.call(who, "rewrite_position_delete_files", options="map('rewrite-all', 'true')")
        same()
        table.call(other, "rewrite_manifests")
        same_metadata()
        getattr(table, who)(f"ALTER TABLE $t CREATE TAG kept{number}")
        table.call(who, "rewrite_data_files", options="map('min-input-files', '2', 'delete-file-threshold', '1')")
        same()
        assert not [row for row in table.ours("SELECT content FROM $t.files") if row["content"]]
        write(number + 2)
        table.call("theirs", "compute_table_stats")
        table.call(other, "expire_snapshots", older_than="TIMESTAMP '2100-01-01 00:00:00'", retain_last="2")
        same_metadata()
        assert orphans("ours") == [] == orphans("theirs")
        for place in range(number + 1):
            table.same(tail=f"VERSION AS OF 'kept{place}'")
        table.same_history()
    statistics = json.load(open(table.metadata()))["statistics"]
    table.ours("INSERT INTO $t VALUES (1, 'last', 1)")
    assert statistics and json.load(open(table.metadata()))["statistics"] == statistics
    stray = table.path / "data/stray.parquet"
    stray.write_bytes(b"nobody's")
    for who in ("ours", "theirs"):
        assert [path.removeprefix("file:") for path in orphans(who)] == [str(stray)]


class CatalogTable:
    """A table of Tarn's catalog, as the others find it: by its metadata file."""

    def __init__(self, table, name):
        self.table, self.name = table, name

    def same(self, vectors):
        detail, = self.table.ours(f"DESCRIBE DETAIL {self.name}")
        file = detail["metadataFile"] if detail["metadataFile"].startswith("/") else f"{detail['location']}/{detail['metadataFile']}"
        others = {} if vectors else {"PyIceberg": StaticTable.from_metadata(file).scan().to_arrow().to_pylist()}
        return same_rows(Tarn=self.table.ours(f"SELECT * FROM {self.name}"), Spark=self.table.spark.rows(load=file),
                         DuckDB=duckdb_rows(duckdb_with("avro", "iceberg"), f"SELECT * FROM iceberg_scan('{file}')"), **others)


@pytest.mark.parametrize("version", [2, 3])
def test_catalog_tables(table, version):
    """Transactions over tables of Tarn's own catalog, one of which Spark made: each is all or nothing, as all engines read both tables."""
    table.theirs(f"CREATE TABLE $t (id INT, k STRING) USING iceberg TBLPROPERTIES ('format-version' = '{version}', {MERGE_ON_READ})")
    table.theirs("INSERT INTO $t SELECT id, 's' FROM range(20)")
    ours = table.session.sql
    ours(f"CALL system.register_table('b', '{table.metadata()}')")
    ours(f"CREATE TABLE a (id INT, k STRING) USING iceberg PARTITIONED BY (k) TBLPROPERTIES ('format-version' = '{version}', {MERGE_ON_READ})")
    a, b = CatalogTable(table, "a"), CatalogTable(table, "b")
    sums = lambda: [sum(row["id"] for row in side.same(version == 3)) for side in (a, b)]
    total = sum(sums())
    transactions = [
        ["INSERT INTO a SELECT * FROM b WHERE id < 10", "DELETE FROM b WHERE id < 10"], ["DELETE FROM a WHERE id = 3", "INSERT INTO b VALUES (3, 'back')"],
        ["UPDATE a SET id = id - 1 WHERE id = 5", "UPDATE b SET id = id + 1 WHERE id = 15"],
        ["MERGE INTO b USING a ON a.id = b.id + 9 WHEN MATCHED THEN UPDATE SET k = a.k WHEN NOT MATCHED THEN INSERT *", "DELETE FROM a WHERE true"]]
    for statements in transactions:
        for end in ("ROLLBACK", "COMMIT"):
            before = sums()
            for sql in ("BEGIN", *statements, end):
                ours(sql)
            assert sum(sums()) == total and (sums() == before) == (end == "ROLLBACK"), statements
    ours("OPTIMIZE b")
    ours("ALTER TABLE a RENAME COLUMN k TO kk")
    assert sums() == [0, total]


NEW_TYPES = {  # of Iceberg's version 3, and those that only some engines have: a value as Tarn's SQL, and who reads it
    "TIMESTAMP_NS": ("TIMESTAMP_NS '1969-12-31 23:59:59.123456789'", ["duckdb"]), "UUID": ("md5('x')::UUID", ["spark", "duckdb", "pyiceberg"]),
    "TIME": ("TIME '01:02:03.000004'", ["duckdb", "pyiceberg"])}


@pytest.mark.parametrize("kind", NEW_TYPES)
def test_types_of_some(table, kind):
    value, readers = NEW_TYPES[kind]
    table.ours(f"CREATE TABLE $t (id INT, c {kind}) TBLPROPERTIES ('format-version' = '3')")
    table.ours(f"INSERT INTO $t VALUES (1, {value}), (2, NULL)")
    rows = [{**row, "c": row["c"] and str(row["c"])} for row in table.ours("SELECT * FROM $t")]
    for reader in readers:
        got = table.theirs("SELECT * FROM $t") if reader == "spark" else getattr(table, reader)()
        same_rows(Tarn=rows, **{reader: [{**row, "c": row["c"] and str(row["c"])} for row in got]})


@pytest.mark.parametrize("who, other", BOTH)
def test_variants(table, who, other):
    """Spark and Tarn write them and read each other's; rows that hold them are updated and deleted by both."""
    def same():
        sides = {"Tarn": table.ours("SELECT id, v::JSON::VARCHAR AS v FROM $t"), "Spark": table.theirs("SELECT id, to_json(v) AS v FROM $t")}
        return same_rows(**{side: [{"id": row["id"], "v": json.loads(row["v"] or "null")} for row in rows] for side, rows in sides.items()})

    table.ours(f"CREATE TABLE $t (id INT, v VARIANT) TBLPROPERTIES ('format-version' = '3', {MERGE_ON_READ})")
    insert = {"ours": "INSERT INTO $t SELECT {0} + range, {{'a': range, 'b': [1, NULL], 'c': {{'d': 'é'}}}}::VARIANT FROM range(3) UNION ALL SELECT {0} + 9, NULL",
              "theirs": """INSERT INTO $t SELECT {0} + id, parse_json('{{"a": 1, "b": [true, null, 1.5], "c": {{"d": "é"}}}}') FROM range(3) UNION ALL SELECT {0} + 9, NULL"""}
    for number, writer in enumerate((who, other)):
        getattr(table, writer)(insert[writer].format(100 * number))
        assert len(same()) == 4 * (number + 1)
    getattr(table, other)("DELETE FROM $t WHERE id = 1")
    same()
    getattr(table, who)("UPDATE $t SET id = 50 WHERE id = 101")
    same()
    table.ours("OPTIMIZE $t")
    assert len(same()) == 7
