"""tables.py: one table as Tarn, Spark and the other engines see it, and the rows and steps that the tests of both formats share."""
import itertools

from engines import duckdb_rows, duckdb_with, same_rows
from pyiceberg.table import StaticTable
from tarnlib import Session

MERGE_ON_READ = "'write.delete.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read', 'write.merge.mode' = 'merge-on-read'"


class Table:
    """A table that all engines find by its folder, under the name each has for it: $t in statements. Steps are (who, statement) pairs."""
    numbers = itertools.count()

    def __init__(self, spark, lake, path, tarn_name, spark_name):
        self.spark, self.lake, self.path = spark, lake, path
        self.tarn_name, self.spark_name = tarn_name, spark_name
        self.session = Session(lake)

    def ours(self, sql):
        return self.session.sql(sql.replace("$t", self.tarn_name)).to_pylist()

    def theirs(self, sql):
        return self.spark.sql(sql.replace("$t", self.spark_name))

    def same(self, *others, columns="*", tail=""):
        """What Tarn reads, Spark does, and so do these others (methods that give rows)."""
        query = f"SELECT {columns} FROM $t {tail}"
        return same_rows(Tarn=self.ours(query), Spark=self.theirs(query), **{other: getattr(self, other)() for other in others})

    def same_history(self, step=1):
        """Each version, or each so many; how many there are."""
        versions = self.versions()
        for version in versions[::step]:
            self.same(tail=f"VERSION AS OF {version}")
        return len(versions)

    def in_turn(self, steps, *others):
        for who, statement in steps:
            getattr(self, who)(statement)
            assert self.same(*others), statement

    def reopen(self, settings):
        self.session.close()
        self.session = Session(self.lake, settings)


class DeltaTable(Table):
    def __init__(self, spark, tmp_path):
        path = tmp_path / f"t{next(self.numbers)}"
        super().__init__(spark, tmp_path / "lake", path, f"delta.`{path}`", f"delta.`{path}`")

    def duckdb(self):
        return duckdb_rows(duckdb_with("delta"), f"SELECT * FROM delta_scan('{self.path}')")

    def versions(self):
        return [row["version"] for row in self.theirs("DESCRIBE HISTORY $t")]

    def detail(self):
        return self.theirs("DESCRIBE DETAIL $t")[0]


class IcebergTable(Table):
    def __init__(self, spark, tmp_path):
        self.name = f"t{next(self.numbers)}"
        path = spark.folder / "hadoop/ns" / self.name
        super().__init__(spark, tmp_path / "lake", path, f"iceberg.`{path}`", f"hadoop.ns.{self.name}")

    def metadata(self):
        number = max(int(file.name[1:].split(".")[0]) for file in (self.path / "metadata").glob("v*.metadata.json"))
        return str(self.path / f"metadata/v{number}.metadata.json")

    def pyiceberg(self, snapshot=None):
        return StaticTable.from_metadata(self.metadata()).scan(snapshot_id=snapshot).to_arrow().to_pylist()

    def duckdb(self, snapshot=None):
        at = f", snapshot_from_id = {snapshot}" if snapshot else ""
        return duckdb_rows(duckdb_with("avro", "iceberg"), f"SELECT * FROM iceberg_scan('{self.metadata()}'{at})")

    def call(self, who, procedure, *arguments, **named):
        """A procedure by one of both, on this table."""
        catalog, table = ("system", "$t") if who == "ours" else ("hadoop.system", f"'ns.{self.name}'")
        values = "".join([f", {value!r}" for value in arguments] + [f", {name} => {value}" for name, value in named.items()])
        return getattr(self, who)(f"CALL {catalog}.{procedure}(table => {table}{values})" if named else f"CALL {catalog}.{procedure}({table}{values})")

    def versions(self):
        return [row["snapshot_id"] for row in self.theirs("SELECT snapshot_id FROM $t.snapshots")]


# One cell of each type that Spark has too, as columns, as rows of Tarn's range(5), and a row of what is left out or no number.
TYPES = ("id BIGINT NOT NULL, i INT, f FLOAT, d DOUBLE, p DECIMAL(20,3), day DATE, ts TIMESTAMP, tn TIMESTAMP_NTZ, s STRING, b BINARY, ok BOOLEAN,"
         " l ARRAY<INT>, m MAP<STRING, DOUBLE>, st STRUCT<a: INT, b: STRING, deep: ARRAY<STRUCT<x: INT, y: MAP<STRING, INT>>>>")
TYPED_ROWS = ("SELECT range, range - 2, range / 4, -0.0, range * 1.5, DATE '1969-12-30' + range::INT,"
              " TIMESTAMPTZ '1969-12-31 23:59:58.123456+00' + to_seconds(range), TIMESTAMP '2026-01-02 03:04:05.000006', 'é' || range, 'ab'::BLOB, range % 2 = 0,"
              " [range, NULL], MAP {'k' || range: 1.5, 'l': NULL}, {'a': range, 'b': NULL, 'deep': [{'x': 1, 'y': MAP {'q': 2}}, NULL]}")
FEW_CELLS = "INSERT INTO $t (id, f, d, s, l, m) VALUES (99, 'NaN', 'inf', '', [], MAP {})"

# Rows of (id, k, v) that both engines mark as deleted on the same files in turn: the steps and the table they begin with.
MARKED_ROWS = "INSERT INTO $t SELECT range, 'k' || range % 3, 0 FROM range(300)"
MARKING_IN_TURN = [
    ("ours", "DELETE FROM $t WHERE id % 10 = 3"), ("theirs", "DELETE FROM $t WHERE id % 10 = 4"),
    ("ours", "UPDATE $t SET v = v + 1 WHERE id BETWEEN 20 AND 29"), ("theirs", "UPDATE $t SET v = v + 10 WHERE id BETWEEN 25 AND 35"),
    ("ours", "MERGE INTO $t AS t USING (VALUES (1, 'm'), (900, 'k0')) AS s(id, k) ON t.id = s.id WHEN MATCHED THEN UPDATE SET k = s.k"
             " WHEN NOT MATCHED THEN INSERT (id, k) VALUES (s.id, s.k)"),
    ("theirs", "MERGE INTO $t AS t USING (SELECT 2 AS id, 'n' AS k UNION ALL SELECT 901, 'k1') AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET k = s.k"
               " WHEN NOT MATCHED THEN INSERT (id, k, v) VALUES (s.id, s.k, 5)"),
    ("ours", "DELETE FROM $t WHERE k = 'k2' AND id < 100"), ("theirs", "DELETE FROM $t WHERE k = 'k2' AND id < 130"),
    ("ours", "DELETE FROM $t WHERE k = 'k2' AND id BETWEEN 130 AND 140"), ("ours", "RESTORE TABLE $t TO VERSION AS OF 5"),
    ("theirs", "DELETE FROM $t WHERE id = 120"), ("ours", "OPTIMIZE $t"), ("theirs", "DELETE FROM $t WHERE id = 122"),
    ("ours", "DELETE FROM $t WHERE id IN (125, 126)"), ("theirs", "INSERT INTO $t VALUES (77777, 'k0', 7)")]
