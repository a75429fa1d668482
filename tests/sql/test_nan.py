"""NaN is the greatest of numbers in SQL, and found as such in files whose writer left it out of their statistics."""
import json
import pathlib
import sys

import pyarrow
import pyarrow.parquet
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tarnlib import Session  # noqa: E402

NAN = float("nan")
ROWS = pyarrow.table({"d": pyarrow.array([1.0, 2.0, NAN, -0.0, None]), "f": pyarrow.array([1.0, 2.0, NAN, -0.0, None], pyarrow.float32()),
                      "s": pyarrow.array([{"m": 1.0}, {"m": 2.0}, {"m": NAN}, {"m": -0.0}, None])})
TYPES = {"d": "double", "f": "float", "s": {"type": "struct", "fields": [{"name": "m", "type": "double", "nullable": True, "metadata": {}}]}}


def make_delta(session, table):
    (table / "_delta_log").mkdir(parents=True)
    pyarrow.parquet.write_table(ROWS, table / "a.parquet")
    fields = [{"name": name, "type": kind, "nullable": True, "metadata": {}} for name, kind in TYPES.items()]
    actions = [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
               {"metaData": {"id": "t", "format": {"provider": "parquet", "options": {}}, "partitionColumns": [], "configuration": {},
                             "schemaString": json.dumps({"type": "struct", "fields": fields})}},
               {"add": {"path": "a.parquet", "partitionValues": {}, "size": (table / "a.parquet").stat().st_size, "modificationTime": 1,
                        "dataChange": True}}]
    (table / "_delta_log" / f"{0:020}.json").write_text("\n".join(map(json.dumps, actions)))
    return f"delta.`{table}`"


def make_iceberg(session, table):
    table.mkdir()
    pyarrow.parquet.write_table(ROWS, table / "a.parquet")
    session.sql("CREATE TABLE t (d DOUBLE, f FLOAT, s STRUCT<m: DOUBLE>) USING iceberg")
    session.sql(f"CALL system.add_files(table => 't', source_table => '`parquet`.`{table}`')")
    return "t"


def make_own(session, table):
    session.sql("CREATE TABLE t (d DOUBLE, f FLOAT, s STRUCT<m: DOUBLE>) USING iceberg")
    session.sql("INSERT INTO t SELECT x, x, CASE WHEN x IS NOT NULL THEN {'m': x} END "
                "FROM (SELECT unnest([1.0::DOUBLE, 2, 'NaN'::DOUBLE, -0.0::DOUBLE, NULL]) AS x)")
    return "t"


@pytest.mark.parametrize("make", [make_delta, make_iceberg, make_own])
@pytest.mark.parametrize("column", ["d", "f", "s.m"])
def test_nan_is_found(make, column, tmp_path):
    session = Session(tmp_path / "lake")
    name = make(session, tmp_path / "t")
    counts = {"> 100": 1, ">= 2": 2, "> 1.5": 2, "= 'NaN'::DOUBLE": 1, "IN (7, 'NaN'::DOUBLE)": 1, "BETWEEN 50 AND 'NaN'::DOUBLE": 1, "<> 1": 3,
              "< 0.5": 1, "<= 'NaN'::DOUBLE": 4, "= 0": 1, "< -1": 0, "IS NULL": 1}
    for condition, count in counts.items():
        assert session.rows(f"SELECT count(*) FROM {name} WHERE {column} {condition}") == [(count,)], condition
    assert session.rows(f"SELECT count(*) FROM {name} WHERE NOT ({column} <= 100)") == [(1,)]
    assert session.rows(f"SELECT isnan({column}) FROM {name} WHERE {column} IS NOT NULL ORDER BY {column} DESC LIMIT 1") == [(True,)]
    session.close()
