"""Columns whose names differ only by case: Iceberg tables of other writers have them, Delta tables do not."""
import json
import pathlib
import re
import sys

import pyarrow
import pyarrow.parquet
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tarnlib import Session, TarnError  # noqa: E402

# What the table's metadata calls the columns that Tarn was told to make under other names.
NAMES = {"c1": "user", "c2": "uSer", "c3": "USER_1", "m1": "x", "m2": "X"}


def field(name, kind, number):
    return pyarrow.field(name, kind, metadata={"PARQUET:field_id": str(number)})


def foreign_file(path, swapped):
    """The rows of such a table, as one writes them who takes names with their case."""
    ids = {name: int(number) for number, name in (line.split(" ") for line in ["1 user", "2 uSer", "3 USER_1", "4 s"])}
    members = [field("x", pyarrow.int32(), 5), field("X", pyarrow.int32(), 6)]
    values = [{"x": 10, "X": 20}, {"x": 11, "X": 21}, None]
    arrays = {"user": pyarrow.array([1, 2, 3], pyarrow.int64()), "uSer": pyarrow.array(["a", "b", None]),
              "USER_1": pyarrow.array([1.5, None, 2.5])}
    order = members[::-1] if swapped else members
    children = [pyarrow.array([value[m.name] if value else None for value in values], m.type) for m in order]
    arrays["s"] = pyarrow.StructArray.from_arrays(children, fields=order, mask=pyarrow.array([value is None for value in values]))
    names = list(arrays)[::-1] if swapped else list(arrays)
    schema = pyarrow.schema([field(name, arrays[name].type, ids[name]) for name in names])
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays([arrays[name] for name in names], schema=schema), path)


def newest(table):
    return max((table / "metadata").glob("*.metadata.json"), key=lambda path: int(re.match(r"v?(\d+)", path.name)[1]))


def stored_names(table):
    metadata = json.loads(newest(table).read_text())
    schema = next(s for s in metadata["schemas"] if s["schema-id"] == metadata["current-schema-id"])
    return [f["name"] for f in schema["fields"]]


@pytest.fixture(params=["in order", "swapped"])
def table(request, tmp_path):
    path = tmp_path / "t"
    session = Session(tmp_path / "maker")
    session.sql(f"CREATE TABLE iceberg.`{path}` (c1 BIGINT, c2 STRING, c3 DOUBLE, s STRUCT<m1: INT, m2: INT>)")
    session.sql(f"INSERT INTO iceberg.`{path}` VALUES (1, 'a', 1.5, {{'m1': 10, 'm2': 20}}), "
                "(2, 'b', NULL, {'m1': 11, 'm2': 21}), (3, NULL, 2.5, NULL)")
    session.close()
    [data] = path.rglob("*.parquet")
    foreign_file(data, request.param == "swapped")
    for file in (path / "metadata").glob("*.metadata.json"):
        file.write_text(re.sub('"name" *: *"([cm][123])"', lambda match: f'"name":"{NAMES[match[1]]}"', file.read_text()))
    return path


def test_names(table, tmp_path):
    session, name = Session(tmp_path / "lake"), f"iceberg.`{table}`"
    assert [row[:2] for row in session.rows(f"DESCRIBE {name}")] == [
        ("user", "bigint"), ("uSer_1", "string"), ("USER_1_1", "double"), ("s", "struct<x:int,X_1:int>")]
    rows = [(1, "a", 1.5, {"x": 10, "X_1": 20}), (2, "b", None, {"x": 11, "X_1": 21}), (3, None, 2.5, None)]
    assert session.rows(f'SELECT * FROM {name} ORDER BY "user"') == rows
    assert session.rows(f'SELECT "user", user_1, s.x, s.x_1 FROM {name} WHERE user_1 = \'b\' AND s.x_1 = 21') == [(2, "b", 11, 21)]
    assert session.rows(f"SELECT count(*), max(user_1_1), min(s.x_1) FROM {name}") == [(3, 2.5, 20)]
    session.close()


def test_writes(table, tmp_path):
    session, name = Session(tmp_path / "lake"), f"iceberg.`{table}`"
    session.sql(f"INSERT INTO {name} VALUES (4, 'd', 4.5, {{'x': 13, 'X_1': 23}})")
    session.sql(f"INSERT INTO {name} (user_1, \"user\") VALUES ('e', 5)")
    session.sql(f"UPDATE {name} SET user_1 = 'B', s = struct_pack(x := 0, x_1 := s.x_1 + 1) WHERE \"user\" = 2")
    session.sql(f"DELETE FROM {name} WHERE user_1_1 = 2.5")
    session.sql(f"MERGE INTO {name} t USING (SELECT 5 AS k) u ON t.\"user\" = u.k WHEN MATCHED THEN UPDATE SET user_1_1 = 9")
    rows = [(1, "a", 1.5, {"x": 10, "X_1": 20}), (2, "B", None, {"x": 0, "X_1": 22}),
            (4, "d", 4.5, {"x": 13, "X_1": 23}), (5, "e", 9.0, None)]
    assert session.rows(f'SELECT * FROM {name} ORDER BY "user"') == rows
    session.sql(f"OPTIMIZE {name}")
    assert session.rows(f'SELECT * FROM {name} ORDER BY "user"') == rows
    with pytest.raises(TarnError, match="stored as uSer, a name that another column has"):
        session.sql(f"CALL system.add_files(table => '{name}', source_table => '`parquet`.`{tmp_path}`')")
    session.close()


def test_alter(table, tmp_path):
    """The names that the table has are kept as they are, but for the column that is given another."""
    session, name = Session(tmp_path / "lake"), f"iceberg.`{table}`"
    session.sql(f"ALTER TABLE {name} ADD COLUMN more INT")
    assert stored_names(table) == ["user", "uSer", "USER_1", "s", "more"]
    with pytest.raises(TarnError, match="there is a column uSER already"):
        session.sql(f"ALTER TABLE {name} ADD COLUMN uSER INT")
    session.sql(f"ALTER TABLE {name} RENAME COLUMN user_1 TO note")
    assert stored_names(table) == ["user", "note", "USER_1", "s", "more"]
    assert session.rows(f"SELECT * EXCLUDE (s) FROM {name} WHERE note = 'b'") == [(2, "b", None, None)]
    session.sql(f"ALTER TABLE {name} RENAME COLUMN s.x_1 TO y")
    assert session.rows(f"SELECT s FROM {name} WHERE s.y = 21") == [({"x": 11, "y": 21},)]
    assert [row[0] for row in session.rows(f"DESCRIBE {name}")] == ["user", "note", "USER_1", "s", "more"]
    session.close()


def delta_table(folder, names, physical):
    metadata = [{"delta.columnMapping.id": i + 1, "delta.columnMapping.physicalName": p} for i, p in enumerate(physical)]
    fields = [{"name": n, "type": "long", "nullable": True, "metadata": m} for n, m in zip(names, metadata)]
    actions = [{"protocol": {"minReaderVersion": 2, "minWriterVersion": 5}},
               {"metaData": {"id": "t", "format": {"provider": "parquet", "options": {}}, "partitionColumns": [],
                             "configuration": {"delta.columnMapping.mode": "name"},
                             "schemaString": json.dumps({"type": "struct", "fields": fields})}}]
    (folder / "_delta_log").mkdir(parents=True)
    (folder / "_delta_log" / f"{0:020}.json").write_text("\n".join(map(json.dumps, actions)))


@pytest.mark.parametrize("names, physical, message", [
    (["a", "A"], ["p", "q"], "columns a and A have the same name but for case"),
    (["a", "b"], ["p", "P"], "column b is called P in data files, and another column the same but for case")])
def test_delta_refuses(tmp_path, names, physical, message):
    delta_table(tmp_path / "t", names, physical)
    session = Session(tmp_path / "lake")
    with pytest.raises(TarnError, match=message):
        session.rows(f"SELECT * FROM delta.`{tmp_path}/t`")
    session.close()
