"""Timestamps that Spark wrote as INT96 are the same instants in every session's time zone, also next to newer files."""
import datetime
import json
import pathlib
import sys

import pyarrow
import pyarrow.parquet
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tarnlib import TarnError  # noqa: E402

UTC = datetime.timezone.utc
INSTANT = pyarrow.timestamp("us", "UTC")
LOCAL = pyarrow.timestamp("us")
ZONES = ["UTC", "Etc/UTC", "America/New_York", "Asia/Kolkata", "Europe/Berlin"]
# Local times that New York and Berlin skip or have twice, were they taken for such, and one before 1970.
TIMES = [datetime.datetime(2024, 3, 10, 2, 30, 0, 123456, UTC), datetime.datetime(2024, 11, 3, 1, 30, tzinfo=UTC),
         datetime.datetime(2024, 3, 31, 2, 15, tzinfo=UTC), datetime.datetime(1955, 7, 1, 12, 0, tzinfo=UTC), None]
MEMBER = pyarrow.struct([("x", INSTANT), ("y", pyarrow.string()), ("z", LOCAL)])
COLUMNS = {"id": pyarrow.int64(), "t": INSTANT, "n": LOCAL, "s": MEMBER, "l": pyarrow.list_(INSTANT),
           "m": pyarrow.map_(pyarrow.string(), MEMBER)}
DELTA = {pyarrow.int64(): "long", pyarrow.string(): "string", INSTANT: "timestamp", LOCAL: "timestamp_ntz"}


def delta_type(kind):
    if pyarrow.types.is_struct(kind):
        return {"type": "struct", "fields": [delta_field(field.name, field.type) for field in kind]}
    if pyarrow.types.is_list(kind):
        return {"type": "array", "elementType": delta_type(kind.value_type), "containsNull": True}
    if pyarrow.types.is_map(kind):
        return {"type": "map", "keyType": delta_type(kind.key_type), "valueType": delta_type(kind.item_type),
                "valueContainsNull": True}
    return DELTA[kind]


def delta_field(name, kind):
    return {"name": name, "type": delta_type(kind), "nullable": True, "metadata": {}}


def rows(first):
    for i, time in enumerate(TIMES):
        bare = time and time.replace(tzinfo=None)
        member = {"x": time, "y": str(i), "z": bare}
        yield {"id": first + i, "t": time, "n": bare, "s": member if time else None, "l": [time, None],
               "m": [("k", member), ("none", None)]}


def add_file(table, name, data, **options):
    pyarrow.parquet.write_table(data, table / name, **options)
    return {"add": {"path": name, "partitionValues": {}, "size": (table / name).stat().st_size, "modificationTime": 0,
                    "dataChange": True}}


def write_log(table, columns, actions):
    features = ["timestampNtz", "deletionVectors"]
    schema = delta_type(pyarrow.struct(list(columns.items())))
    head = [{"protocol": {"minReaderVersion": 3, "minWriterVersion": 7, "readerFeatures": features,
                          "writerFeatures": features}},
            {"metaData": {"id": "int96", "format": {"provider": "parquet", "options": {}}, "partitionColumns": [],
                          "schemaString": json.dumps(schema),
                          "configuration": {"delta.enableDeletionVectors": "true"}, "createdTime": 0}}]
    (table / "_delta_log").mkdir()
    (table / "_delta_log" / f"{0:020}.json").write_text("\n".join(map(json.dumps, head + actions)) + "\n")


@pytest.fixture
def table(tmp_path):
    """Files in turn with INT96 and without; the names of some are patterns to DuckDB."""
    folder = tmp_path / "it's a table"
    folder.mkdir()
    actions = []
    for i, name in enumerate(["a.parquet", "b.parquet", "c*[1].parquet", "d*[1].parquet"]):
        data = pyarrow.Table.from_pylist(list(rows(10 * i)), pyarrow.schema(list(COLUMNS.items())))
        actions.append(add_file(folder, name, data, use_deprecated_int96_timestamps=i % 2 == 0))
    write_log(folder, COLUMNS, actions)
    return folder


def set_zone(session, zone):
    session.sql(f"SET timezone = '{zone}'")


READ = """SELECT id, epoch_us(t), epoch_us(n), epoch_us(s.x), s.y, epoch_us(s.z), epoch_us(l[1]), l[2], epoch_us(m['k'].x),
                 epoch_us(m['k'].z), m['none'] IS NULL, s IS NULL FROM delta.`{}` ORDER BY id"""


def micros(time):
    return None if time is None else (time - datetime.datetime(1970, 1, 1, tzinfo=time.tzinfo)) // datetime.timedelta(microseconds=1)


def expected(ids):
    for i in ids:
        time = micros(TIMES[i % 10])
        member = (None, None, None) if time is None else (time, str(i % 10), time)
        yield (i, time, time, *member, time, None, time, time, True, time is None)


ALL = [10 * file + row for file in range(4) for row in range(len(TIMES))]


@pytest.mark.parametrize("zone", ZONES)
def test_instants_are_the_same_in_each_zone(session, table, zone):
    set_zone(session, zone)
    assert session.rows(READ.format(table)) == list(expected(ALL))


@pytest.mark.parametrize("zone", ZONES)
def test_filters_find_the_instant(session, table, zone):
    set_zone(session, zone)
    found = session.rows(f"SELECT id FROM delta.`{table}` WHERE t = TIMESTAMPTZ '2024-11-03 01:30:00+00' ORDER BY id")
    assert [row[0] for row in found] == [1, 11, 21, 31]
    found = session.rows(f"SELECT id FROM delta.`{table}` WHERE n = TIMESTAMP '2024-11-03 01:30:00' ORDER BY id")
    assert [row[0] for row in found] == [1, 11, 21, 31]


def test_rows_are_deleted_and_changed_where_they_lie(session, table):
    gone = {1, 12, 23, 30}
    set_zone(session, "America/New_York")
    session.sql(f"DELETE FROM delta.`{table}` WHERE id IN ({', '.join(map(str, gone))})")
    session.sql(f"UPDATE delta.`{table}` SET id = id + 100 WHERE id IN (2, 13, 20)")
    left = sorted({i for i in ALL if i not in gone} - {2, 13, 20} | {102, 113, 120})
    for zone in ZONES:
        set_zone(session, zone)
        assert session.rows(READ.format(table)) == list(expected(left))


def test_compaction_keeps_the_instants(session, table):
    set_zone(session, "America/New_York")
    session.sql(f"OPTIMIZE delta.`{table}`")
    for zone in ZONES:
        set_zone(session, zone)
        assert session.rows(READ.format(table)) == list(expected(ALL))


def add_edited(table, name, annotation, int96):
    """One file of a time t and a number u, whose annotation goes into the footer: its SchemaElement in Thrift's compact form."""
    data = pyarrow.table({"t": pyarrow.array([TIMES[0]], INSTANT), "u": pyarrow.array([micros(TIMES[0])], pyarrow.int64())})
    action = add_file(table, name, data, use_deprecated_int96_timestamps=int96, store_schema=False)
    whole = (table / name).read_bytes()
    size = int.from_bytes(whole[-8:-4], "little")
    body, footer = whole[:-8 - size], whole[-8 - size:-8]
    element = b"\x15\x04\x25\x02\x18\x01u"
    assert footer.count(element + b"\0") == 1
    footer = footer.replace(element + b"\0", element + annotation + b"\0")
    (table / name).write_bytes(body + footer + len(footer).to_bytes(4, "little") + b"PAR1")
    action["add"]["size"] = (table / name).stat().st_size
    return action


CONVERTED = b"\x25\x14"  # converted_type = TIMESTAMP_MICROS and no logical type
LOGICAL = b"\x6c\x8c\x11\x1c\x2c\0\0\0\0"  # logicalType = TIMESTAMP(isAdjustedToUTC = true, MICROS)


@pytest.mark.parametrize("zone", ZONES)
def test_instants_of_writers_without_logical_types(session, tmp_path, zone):
    folder = tmp_path / "old"
    folder.mkdir()
    write_log(folder, {"t": INSTANT, "u": INSTANT}, [add_edited(folder, "a.parquet", CONVERTED, True)])
    set_zone(session, zone)
    assert session.rows(f"SELECT epoch_us(t), epoch_us(u) FROM delta.`{folder}`") == [(micros(TIMES[0]),) * 2]


def test_one_file_with_and_without_zones_is_refused(session, tmp_path):
    folder = tmp_path / "both"
    folder.mkdir()
    write_log(folder, {"t": INSTANT, "u": INSTANT}, [add_edited(folder, "a.parquet", LOGICAL, True)])
    query = f"SELECT epoch_us(t), epoch_us(u) FROM delta.`{folder}`"
    set_zone(session, "America/New_York")
    with pytest.raises(TarnError, match="a.parquet holds .* SET timezone = 'UTC'") as caught:
        session.rows(query)
    assert caught.value.code == "UNSUPPORTED"
    set_zone(session, "UTC")
    assert session.rows(query) == [(micros(TIMES[0]),) * 2]


def test_a_table_of_local_times_is_as_it_was(session, tmp_path):
    folder = tmp_path / "local"
    folder.mkdir()
    bare = TIMES[0].replace(tzinfo=None)
    data = pyarrow.table({"n": pyarrow.array([bare], LOCAL)})
    write_log(folder, {"n": LOCAL}, [add_file(folder, "a.parquet", data, use_deprecated_int96_timestamps=True)])
    set_zone(session, "America/New_York")
    assert session.rows(f"SELECT epoch_us(n) FROM delta.`{folder}`") == [(micros(bare),)]
