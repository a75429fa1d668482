"""Trino and Tarn on the same tables in turn: each reads and changes what the other wrote. Cells are compared as text."""
import pytest
from engines import same_rows
from tables import MERGE_ON_READ
from tarnlib import Session

COLUMNS = "id, k, v, CAST(d AS VARCHAR) AS d, CAST(p AS VARCHAR) AS p"
STEPS = [
    ("ours", "INSERT INTO $t SELECT range, 'k' || range % 3, range / 4, DATE '1969-12-30' + range::INT, range * 1.25 FROM range(60)"),
    ("theirs", "INSERT INTO $t SELECT CAST(100 + n AS INTEGER), IF(n % 4 > 0, 'a b/' || CAST(n % 2 AS VARCHAR)), n, DATE '2026-01-01', DECIMAL '0.50' FROM UNNEST(sequence(0, 9)) AS r(n)"),
    ("ours", "DELETE FROM $t WHERE id % 10 = 3"), ("theirs", "DELETE FROM $t WHERE id % 10 = 4"),
    ("ours", "UPDATE $t SET v = v + 1 WHERE id BETWEEN 20 AND 29"), ("theirs", "UPDATE $t SET v = v + 10 WHERE id BETWEEN 25 AND 35"),
    ("ours", "MERGE INTO $t AS t USING (VALUES (1, 'm'), (900, 'n')) AS s(id, k) ON t.id = s.id WHEN MATCHED THEN UPDATE SET k = s.k WHEN NOT MATCHED THEN INSERT (id, k) VALUES (s.id, s.k)"),
    ("theirs", "MERGE INTO $t AS t USING (VALUES (2, 'm'), (901, 'n')) AS s(id, k) ON t.id = s.id WHEN MATCHED THEN UPDATE SET k = s.k WHEN NOT MATCHED THEN INSERT (id, k) VALUES (s.id, s.k)"),
    ("theirs", "ALTER TABLE $t ADD COLUMN ww INTEGER"), ("ours", "ALTER TABLE $t ADD COLUMN w INT"), ("ours", "UPDATE $t SET w = id WHERE id < 30"), ("theirs", "ALTER TABLE $t EXECUTE optimize"),
    ("ours", "DELETE FROM $t WHERE k IS NULL"), ("ours", "OPTIMIZE $t"), ("theirs", "DELETE FROM $t WHERE id = 101"), ("ours", "RESTORE TABLE $t TO VERSION AS OF 3")]


class DeltaTable:
    """Trino writes such tables only on object stores: here it reads."""
    writes = False

    def __init__(self, trino, tmp_path, partitioned):
        self.trino, self.session, self.path = trino, Session(tmp_path / "lake"), tmp_path / "t"
        self.tarn_name, self.trino_name = f"delta.`{self.path}`", f"delta.s.t{abs(hash(tmp_path))}"
        self.session.sql(f"CREATE TABLE {self.tarn_name} (id INT, k STRING, v DOUBLE, d DATE, p DECIMAL(9,2)) {partitioned}"
                         " TBLPROPERTIES ('delta.enableDeletionVectors' = 'true', 'delta.columnMapping.mode' = 'name', 'delta.checkpointInterval' = '4')")
        schema, table = self.trino_name.split(".")[1:]
        trino.sql(f"CALL delta.system.register_table('{schema}', '{table}', 'file://{self.path}')")

    def ours(self, sql):
        return self.session.sql(sql.replace("$t", self.tarn_name)).to_pylist()

    def theirs(self, sql):
        return self.trino.sql(sql.replace("$t", self.trino_name))


class IcebergTable(DeltaTable):
    """Each has a catalog of its own, which is told of the other's newest metadata file."""
    writes = True

    def __init__(self, trino, tmp_path, partitioned):
        self.trino, self.session = trino, Session(tmp_path / "lake")
        self.table = f"t{abs(hash(tmp_path))}"
        self.tarn_name, self.trino_name = "t", f"iceberg.s.{self.table}"
        self.session.sql(f"CREATE TABLE t (id INT, k STRING, v DOUBLE, d DATE, p DECIMAL(9,2)) USING iceberg {partitioned} TBLPROPERTIES ('format-version' = '2', {MERGE_ON_READ})")
        self.registered = False
        self.tell_trino()

    def tell_trino(self):
        detail, = self.session.sql("DESCRIBE DETAIL t").to_pylist()
        location, file = detail["location"], detail["metadataFile"].rpartition("/")[2]
        if self.registered:
            self.trino.sql(f"CALL iceberg.system.unregister_table('s', '{self.table}')")
        self.trino.sql(f"CALL iceberg.system.register_table('s', '{self.table}', '{location}', '{file}')")
        self.registered = True

    def ours(self, sql):
        rows = super().ours(sql)
        if not sql.startswith("SELECT"):
            self.tell_trino()
        return rows

    def theirs(self, sql):
        rows = super().theirs(sql)
        if not sql.startswith("SELECT"):
            file, = self.trino.sql(f'SELECT file FROM iceberg.s."{self.table}$metadata_log_entries" ORDER BY timestamp DESC, file DESC LIMIT 1')
            self.session.sql("DROP TABLE t")
            self.session.sql(f"CALL system.register_table('t', '{file['file'].removeprefix('file://')}')")
        return rows


@pytest.mark.parametrize("partitioned", ["", "PARTITIONED BY (k)"])
@pytest.mark.parametrize("kind", [DeltaTable, IcebergTable])
def test_in_turn(trino, tmp_path, kind, partitioned):
    table = kind(trino, tmp_path, partitioned)
    for who, sql in STEPS if table.writes else [step for step in STEPS if step[0] == "ours"]:
        getattr(table, who)(sql)
        query = f"SELECT {COLUMNS} FROM $t"
        assert same_rows(Tarn=table.ours(query), Trino=table.theirs(query)), sql
    table.session.close()
