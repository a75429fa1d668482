"""Avro files that fastavro wrote, read by read_avro, avro.`path` and COPY INTO: all types and codecs, folders, broken files."""
import datetime
import decimal
import pathlib
import random
import sys
import uuid

import fastavro
import pyarrow.fs
import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tarnlib import TarnError  # noqa: E402

UTC = datetime.timezone.utc
CODECS = ["null", "deflate", "snappy", "zstandard"]


def logical(kind, name, **more):
    return {"type": kind, "logicalType": name, **more}


def record(called, /, **fields):
    return {"type": "record", "name": called, "fields": [{"name": key, "type": kind} for key, kind in fields.items()]}


POINT = record("point", x="double", y=["null", "float"])
ALL = record(
    "row", nothing="null", flag="boolean", small="int", large="long", f="float", d="double", raw="bytes", text="string",
    four={"type": "fixed", "name": "four", "size": 4}, color={"type": "enum", "name": "color", "symbols": ["red", "green"]},
    day=logical("int", "date"), ms=logical("int", "time-millis"), us=logical("long", "time-micros"),
    at_ms=logical("long", "timestamp-millis"), at_us=logical("long", "timestamp-micros"),
    local_ms=logical("long", "local-timestamp-millis"), local_us=logical("long", "local-timestamp-micros"),
    price=logical("bytes", "decimal", precision=10, scale=2),
    big={"type": "fixed", "name": "big", "size": 20, "logicalType": "decimal", "precision": 38, "scale": 3},
    id=logical("string", "uuid"), point=POINT, maybe=["null", "point"], last=["long", "null"],
    numbers={"type": "array", "items": ["null", "int"]}, points={"type": "array", "items": "point"},
    words={"type": "map", "values": "string"}, lists={"type": "map", "values": {"type": "array", "items": "long"}},
    either=["null", "long", "string"])


def row(i):
    point = {"x": i / 4, "y": None if i % 2 else 0.5}
    return {
        "nothing": None, "flag": i % 2 == 0, "small": -i, "large": i * 10**15, "f": i / 2, "d": -i / 8, "raw": bytes([0, 255, i % 256]),
        "text": "ä\0" * (i % 5), "four": b"ab\0" + bytes([i % 256]), "color": ["red", "green"][i % 2],
        "day": datetime.date(1969, 12, 30) + datetime.timedelta(i), "ms": datetime.time(23, 59, 59, 1000 * (i % 1000)),
        "us": datetime.time(0, 0, i % 60, i), "at_ms": datetime.datetime(1969, 12, 31, 23, 59, i % 60, 5000, UTC),
        "at_us": datetime.datetime(2024, 2, 29, 1, i % 60, 3, 456789, UTC),
        "local_ms": datetime.datetime(1950, 1, 1, 0, 0, 0, 7000), "local_us": datetime.datetime(2100, 1, 1, i % 24, 0, 0, 1),
        "price": decimal.Decimal(-i).scaleb(-2), "big": decimal.Decimal((-1) ** i * (10**37 + i)).scaleb(-3),
        "id": uuid.UUID(int=i << 64 | 1), "point": point, "maybe": None if i % 3 else point, "last": None if i % 4 == 0 else i,
        "numbers": [None, i] * (i % 3), "points": [point] * (i % 2), "words": {f"k{j}": str(i) for j in range(i % 3)},
        "lists": {"a": list(range(i % 4))}, "either": [None, i, str(i)][i % 3]}


def expected(i):
    out = row(i)
    out["words"], out["lists"] = list(out["words"].items()), list(out["lists"].items())
    out["either"] = [None, {"member0": i, "member1": None}, {"member0": None, "member1": str(i)}][i % 3]
    return out


def write(path, schema, rows, **options):
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "wb") as file:
        fastavro.writer(file, schema, rows, **options)
    return path


def plain(value):
    """What Arrow's Python gives: UUIDs in text or bytes, float32 as it is."""
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return str(value) if isinstance(value, uuid.UUID) else value


@pytest.mark.parametrize("codec", CODECS)
def test_all_types(session, tmp_path, codec):
    path = write(tmp_path / "all.avro", ALL, map(row, range(5000)), codec=codec, sync_interval=3000)
    found = session.sql(f"SELECT * FROM read_avro('{path}')").to_pylist()
    assert len(found) == 5000
    for i, got in enumerate(found):
        assert got == plain(expected(i))


def test_types_of_columns(session, tmp_path):
    path = write(tmp_path / "all.avro", ALL, [row(1)])
    types = dict(session.rows(f"SELECT column_name, column_type FROM (DESCRIBE SELECT * FROM read_avro('{path}'))"))
    assert types["at_ms"] == types["at_us"] == "TIMESTAMP WITH TIME ZONE"
    assert types["local_ms"] == types["local_us"] == "TIMESTAMP"
    assert (types["price"], types["big"], types["id"]) == ("DECIMAL(10,2)", "DECIMAL(38,3)", "UUID")
    assert (types["day"], types["ms"], types["us"], types["color"]) == ("DATE", "TIME", "TIME", "VARCHAR")
    assert types["points"] == "STRUCT(x DOUBLE, y FLOAT)[]"
    assert types["lists"] == "MAP(VARCHAR, BIGINT[])"


PAIR = record("pair", id="long", name="string")


def pairs(*ids):
    return [{"id": i, "name": f"n{i}"} for i in ids]


@pytest.fixture
def folder(tmp_path):
    """Four files that count, one below, and three that do not."""
    top = tmp_path / "it's a folder"
    write(top / "a.avro", PAIR, pairs(1, 2))
    write(top / "b.avro", PAIR, pairs(3), codec="zstandard")
    write(top / "none.avro", PAIR, [])
    write(top / "deep/er/c.avro", PAIR, pairs(4, 5))
    write(top / "_hidden/d.avro", PAIR, pairs(90))
    write(top / ".tmp.avro", PAIR, pairs(91))
    (top / "note.txt").write_text("no Avro")
    return top


def ids(session, source):
    return [i for i, in session.rows(f"SELECT id FROM {source} ORDER BY id")]


def test_folders_globs_and_lists(session, folder):
    quoted = str(folder).replace("'", "''")
    assert ids(session, f"read_avro('{quoted}')") == [1, 2, 3, 4, 5]
    assert ids(session, f"avro.`{folder}`") == [1, 2, 3, 4, 5]
    assert ids(session, f"avro.`{folder}/a.avro`") == [1, 2]
    assert ids(session, f"read_avro('{quoted}/[ab].avro')") == [1, 2, 3]
    assert ids(session, f"read_avro('{quoted}/?.avro')") == [1, 2, 3]
    assert ids(session, f"read_avro('{quoted}/*/*/c*')") == [4, 5]
    assert ids(session, f"read_avro('{quoted}/deep/**')") == [4, 5]
    assert ids(session, f"read_avro('{quoted}/**/[a-c].avro')") == [1, 2, 3, 4, 5]
    assert ids(session, f"read_avro(['{quoted}/b.avro', 'file://{quoted}/a.avro'])") == [1, 2, 3]
    assert ids(session, f"read_avro('{quoted}/none.avro')") == []


def test_files_in_a_bucket(session, folder, s3):
    place = s3.prefix()
    bucket = pyarrow.fs.S3FileSystem(endpoint_override=s3.endpoint, region=s3.env["AWS_REGION"])
    pyarrow.fs.copy_files(str(folder), place.removeprefix("s3://"), destination_filesystem=bucket)
    assert ids(session, f"read_avro('{place}')") == [1, 2, 3, 4, 5]
    assert ids(session, f"avro.`{place}/**/c.avro`") == [4, 5]
    assert ids(session, f"read_avro(['{place}/a.avro', '{place}/b.avro'])") == [1, 2, 3]
    session.sql("CREATE TABLE t (id BIGINT, name STRING)")
    assert session.rows(f"COPY INTO t FROM '{place}/[ab].avro' FILEFORMAT = AVRO") == [(3, 0)]
    refused(session, f"{place}/absent", "NOTFOUND", "no Avro files at s3://.*absent")


def test_stands_where_a_table_stands(session, folder):
    session.sql("CREATE TABLE t (id BIGINT, name STRING)")
    session.sql(f"INSERT INTO t SELECT * FROM avro.`{folder}` WHERE id < 3")
    quoted = str(folder).replace("'", "''")
    joined = f"SELECT count(*) FROM t JOIN read_avro('{quoted}') AS a USING (id)"
    assert session.rows(joined) == [(2,)]
    assert session.rows(f"WITH w AS (FROM read_avro('{quoted}')) SELECT max(id), (SELECT min(id) FROM w) FROM w") == [(5, 1)]
    session.sql(f"""MERGE INTO t USING read_avro('{quoted}') AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET name = 'seen'
                    WHEN NOT MATCHED THEN INSERT (id, name) VALUES (s.id, s.name)""")
    assert session.rows("SELECT id, name FROM t ORDER BY id") == [(1, "seen"), (2, "seen"), (3, "n3"), (4, "n4"), (5, "n5")]
    session.sql(f"CREATE TABLE made AS SELECT * FROM read_avro('{quoted}/**/c.avro')")
    assert ids(session, "made") == [4, 5]


def test_copy_into(session, folder, tmp_path):
    session.sql("CREATE TABLE t (name STRING, more INT, id BIGINT)")
    quoted = str(folder).replace("'", "''")
    assert session.rows(f"COPY INTO t FROM '{quoted}' FILEFORMAT = AVRO") == [(5, 0)]
    assert session.rows(f"COPY INTO t FROM '{quoted}/a.avro' FILE_FORMAT = (TYPE = avro) FORCE = TRUE") == [(2, 0)]
    assert session.rows("SELECT id, name, more, count(*) FROM t GROUP BY ALL ORDER BY id") == [
        (1, "n1", None, 2), (2, "n2", None, 2), (3, "n3", None, 1), (4, "n4", None, 1), (5, "n5", None, 1)]
    with pytest.raises(TarnError, match="header"):
        session.sql(f"COPY INTO t FROM '{quoted}' FILEFORMAT = AVRO FORMAT_OPTIONS ('header' = 'true')")
    with pytest.raises(TarnError, match="PARQUET, CSV or JSON"):
        session.sql(f"COPY INTO '{tmp_path}/x.avro' FROM t FILEFORMAT = AVRO")
    write(tmp_path / "other.avro", record("pair", id="string"), [{"id": "five"}])
    with pytest.raises(TarnError, match="five"):
        session.sql(f"COPY INTO t FROM '{tmp_path}/other.avro' FILEFORMAT = AVRO")
    assert session.rows("SELECT count(*) FROM t") == [(7,)]


def test_rows_that_are_no_records(session, tmp_path):
    path = write(tmp_path / "longs.avro", "long", [1, 2, 3])
    assert session.rows(f"SELECT value FROM read_avro('{path}')") == [(1,), (2,), (3,)]


def test_many_blocks_of_every_size(session, tmp_path):
    rows = pairs(*range(30000))
    for size in [1, 700, 10**7]:
        path = write(tmp_path / f"{size}.avro", PAIR, rows[:300] if size == 1 else rows, sync_interval=size)
        n = 300 if size == 1 else 30000
        found = session.rows(f"SELECT count(*), sum(id), sum(length(name)) FROM read_avro('{path}')")
        assert found == [(n, sum(range(n)), sum(len(str(i)) + 1 for i in range(n)))]


def test_long_values(session, tmp_path):
    path = write(tmp_path / "long.avro", PAIR, [{"id": i, "name": "x" * (i * 3_000_000)} for i in range(5)], codec="deflate")
    assert session.rows(f"SELECT id, length(name) FROM read_avro('{path}') ORDER BY id") == [(i, i * 3_000_000) for i in range(5)]


def refused(session, path, code, match):
    with pytest.raises(TarnError, match=match) as error:
        session.sql(f"SELECT * FROM read_avro('{path}')")
    assert error.value.code == code


def test_errors(session, folder, tmp_path):
    refused(session, tmp_path / "absent.avro", "NOTFOUND", "no Avro files at .*absent.avro")
    refused(session, tmp_path / "*.avro", "NOTFOUND", "no Avro files")
    (tmp_path / "empty.avro").write_bytes(b"")
    refused(session, tmp_path / "empty.avro", "CORRUPT", "empty.avro: .*ends inside its header")
    (tmp_path / "text.avro").write_text("PAR1 no")
    refused(session, tmp_path / "text.avro", "CORRUPT", "text.avro: .*does not begin")
    write(tmp_path / "mixed/a.avro", PAIR, pairs(1))
    write(tmp_path / "mixed/b.avro", record("pair", id="int", name="string"), pairs(2))
    refused(session, tmp_path / "mixed", "INVALID", "b.avro has not the columns of .*a.avro")
    node = record("node", value="long", next=["null", "node"])
    refused(session, write(tmp_path / "node.avro", node, []), "UNSUPPORTED", "next: a record that holds itself")
    wide = record("wide", cost=logical("bytes", "decimal", precision=50, scale=2))
    refused(session, write(tmp_path / "wide.avro", wide, []), "UNSUPPORTED", "cost: a decimal of 50 digits")
    refused(session, write(tmp_path / "none.avro", record("none"), []), "UNSUPPORTED", "no columns")


def test_values_that_cannot_be(session, tmp_path):
    def as_plain(name, kind, value, as_kind):
        """Written as a plain type of the same bytes, and called another afterwards."""
        path = write(tmp_path / f"{name}.avro", record("r", v=kind), [{"v": value}])
        with open(path, "rb") as file:
            values = [block.bytes_.getvalue() for block in fastavro.block_reader(file)]
        with open(path, "wb") as file:
            fastavro.writer(file, record("r", v=as_kind), [])
        with open(path, "rb") as file:
            head = file.read()
        with open(path, "wb") as file:
            file.write(head + bytes([2, 2 * len(values[0])]) + values[0] + head[-16:])
        return path

    refused(session, as_plain("utf8", "bytes", b"\xff\xfe", "string"), "CORRUPT", "not UTF-8")
    refused(session, as_plain("uuid", "string", "no", logical("string", "uuid")), "CORRUPT", "no UUID")
    refused(session, as_plain("ms", "int", -1, logical("int", "time-millis")), "CORRUPT", "24 hours")
    refused(session, as_plain("us", "long", 86400000000, logical("long", "time-micros")), "CORRUPT", "24 hours")
    refused(session, as_plain("at", "long", 2**62, logical("long", "timestamp-millis")), "CORRUPT", "microseconds")
    price = logical("bytes", "decimal", precision=4, scale=1)
    refused(session, as_plain("price", "bytes", (10**4).to_bytes(3, "big"), price), "CORRUPT", "more digits")
    assert session.rows(f"SELECT v::VARCHAR FROM read_avro('{as_plain('fits', 'bytes', bytes(20) + b'%', price)}')") == [("3.7",)]


def test_broken_files_fail_and_nothing_more(session, tmp_path):
    whole = write(tmp_path / "all.avro", ALL, map(row, range(40)), codec="null", sync_interval=500).read_bytes()
    chance = random.Random(5)
    for _ in range(150):
        at = chance.randrange(len(whole))
        cut, garbled = whole[:at], bytearray(whole)
        garbled[at] ^= chance.randrange(1, 256)
        for broken in (cut, bytes(garbled)):
            (tmp_path / "broken.avro").write_bytes(broken)
            try:
                session.sql(f"SELECT * FROM read_avro('{tmp_path}/broken.avro')")
            except TarnError as error:
                assert error.code in ("CORRUPT", "UNSUPPORTED", "LIMIT", "INVALID", "ENGINE"), error
