"""Position delete files, which Tarn writes without the engine: pyarrow and DuckDB read the files, PyIceberg and DuckDB the tables they are of."""
import struct

import duckdb
import pyarrow.parquet
import pytest
from engines import duckdb_rows, duckdb_with, same_rows

pytest.importorskip("pyiceberg")
from pyiceberg.table import StaticTable  # noqa: E402
from tarnlib import Session, TarnError  # noqa: E402

MERGE_ON_READ = ", ".join(f"'write.{what}.mode' = 'merge-on-read'" for what in ("delete", "update", "merge"))
PATH, POSITION = 2147483546, 2147483545  # ids of the columns
# What is deleted of a file's rows: one, a few, every other one, a run over several pages; and more than a row group holds.
SHAPES = {"one": (1000, "id = 999"), "few": (70_000, "id % 1000 = 7"), "sparse": (150_000, "id % 2 = 0"), "run": (100_000, "id BETWEEN 20000 AND 89999"),
          "groups": (2_500_000, "id % 2 = 1")}


def delete_files(folder):
    return sorted((folder / "data").rglob("*-deletes.parquet"))


@pytest.mark.parametrize("shape", SHAPES)
def test_files(session, tmp_path, shape):
    n, condition = SHAPES[shape]
    folder = tmp_path / "größe = 日本"
    t = f"iceberg.`{folder}`"
    session.sql(f"CREATE TABLE {t} (id BIGINT) TBLPROPERTIES ('format-version' = '2', {MERGE_ON_READ})")
    session.sql(f"INSERT INTO {t} SELECT range FROM range({n})")
    [data] = (folder / "data").rglob("*.parquet")
    session.sql(f"DELETE FROM {t} WHERE {condition}")
    [file] = delete_files(folder)
    wanted = duckdb.sql(f"SELECT file_row_number FROM read_parquet('{data}', file_row_number = true) WHERE {condition} ORDER BY 1").to_arrow_table().column(0).to_pylist()
    read = pyarrow.parquet.read_table(file)
    assert read.column("pos").to_pylist() == wanted and read.column("file_path").unique().to_pylist() == [str(data)]
    assert duckdb.sql(f"SELECT count(*), sum(pos), min(file_path), max(file_path) FROM '{file}'").fetchall() == [(len(wanted), sum(wanted), str(data), str(data))]
    # What the file says of itself: the ids by which readers know the columns, and ends that are exact.
    assert [(f.name, f.nullable, f.metadata[b"PARQUET:field_id"]) for f in pyarrow.parquet.read_schema(file)] == [
        ("file_path", False, b"%d" % PATH), ("pos", False, b"%d" % POSITION)]
    about = pyarrow.parquet.read_metadata(file)
    groups = [about.row_group(i) for i in range(about.num_row_groups)]
    assert about.num_rows == len(wanted) == sum(g.num_rows for g in groups) and about.created_by.startswith("tarn version ")
    assert len(groups) == (2 if shape == "groups" else 1)
    assert all((g.column(0).statistics.min, g.column(0).statistics.max) == (str(data), str(data)) for g in groups)
    assert groups[0].column(1).statistics.min == wanted[0] and groups[-1].column(1).statistics.max == wanted[-1]
    assert all(g.column(c).statistics.null_count == 0 for g in groups for c in (0, 1))
    table = StaticTable.from_metadata(str(folder))
    # What the manifest says of it, by which readers leave it out.
    [listed] = [e.data_file for m in table.current_snapshot().manifests(table.io) for e in m.fetch_manifest_entry(table.io) if e.data_file.content == 1]
    assert listed.record_count == len(wanted) and listed.file_size_in_bytes == file.stat().st_size
    assert listed.value_counts == {PATH: len(wanted), POSITION: len(wanted)} and listed.null_value_counts == {PATH: 0, POSITION: 0}
    assert listed.lower_bounds == {PATH: str(data).encode(), POSITION: struct.pack("<q", wanted[0])}
    assert listed.upper_bounds == {PATH: str(data).encode(), POSITION: struct.pack("<q", wanted[-1])}
    assert table.scan().to_arrow().num_rows == n - len(wanted) == session.sql(f"SELECT count(*) AS n FROM {t}").to_pylist()[0]["n"]


@pytest.mark.parametrize("who", ["PyIceberg", "DuckDB"])
def test_tables(session, tmp_path, who):
    """Files deleted from again and again: what a file's deleted rows are takes the place of what they were."""
    t, reader = f"iceberg.`{tmp_path}/t`", duckdb_with("avro", "iceberg") if who == "DuckDB" else None
    session.sql(f"CREATE TABLE {t} (id BIGINT, k STRING, v INT) PARTITIONED BY (k) TBLPROPERTIES ('format-version' = '2', {MERGE_ON_READ})")
    session.sql(f"INSERT INTO {t} SELECT range, 'k ü/' || range % 5, 0 FROM range(20000)")
    for statement in (f"DELETE FROM {t} WHERE id % 100 = 3", f"UPDATE {t} SET v = 1 WHERE id BETWEEN 500 AND 700", f"DELETE FROM {t} WHERE id BETWEEN 600 AND 1200",
                      f"MERGE INTO {t} AS t USING (VALUES (1, 'm'), (90000, 'n')) AS s(id, k) ON t.id = s.id WHEN MATCHED THEN UPDATE SET k = s.k"
                      " WHEN NOT MATCHED THEN INSERT (id, k) VALUES (s.id, s.k)", f"DELETE FROM {t} WHERE k = 'k ü/2' AND id > 100"):
        session.sql(statement)
        table = StaticTable.from_metadata(f"{tmp_path}/t")
        theirs = duckdb_rows(reader, f"SELECT * FROM iceberg_scan('{table.metadata_location}')") if reader else table.scan().to_arrow().to_pylist()
        same_rows(Tarn=session.sql(f"SELECT * FROM {t}").to_pylist(), **{who: theirs})


def test_one_is_gone(session, tmp_path):
    """Delete files are read together; that one of them cannot be read is no matter of the others, and is told of as its own."""
    t = f"iceberg.`{tmp_path}/t`"
    session.sql(f"CREATE TABLE {t} (id BIGINT, k INT) PARTITIONED BY (k) TBLPROPERTIES ('format-version' = '2', {MERGE_ON_READ})")
    session.sql(f"INSERT INTO {t} SELECT range, range % 10 FROM range(1000)")
    session.sql(f"DELETE FROM {t} WHERE id < 20")
    files = delete_files(tmp_path / "t")
    assert len(files) == 10
    files[2].unlink()
    session.close()
    other = Session(tmp_path / "lake")
    with pytest.raises(TarnError, match=r"NOTFOUND: .*what deletes rows of data file data/k=\d/.*parquet at version 2 is gone"):
        other.sql(f"SELECT sum(id) FROM {t}")
    counts = []
    for k in range(10):  # tables of so many files are read by the partitions that a query needs
        try:
            counts += other.sql(f"SELECT count(*) AS n FROM {t} WHERE k = {k} AND id >= 0").column("n").to_pylist()
        except TarnError as error:
            assert "what deletes rows of" in str(error)
    other.close()
    assert counts == [98] * 9
