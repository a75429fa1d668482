"""PyIceberg writes, Tarn reads: every version, ref and predicate as PyIceberg itself reads them; and the branches and tags of each are the other's."""
import datetime
import decimal
import pathlib
import shutil
import sys
import uuid

import pyarrow
import pyarrow.parquet
import pytest

pytest.importorskip("pyiceberg")
from pyiceberg.catalog.sql import SqlCatalog  # noqa: E402
from pyiceberg.partitioning import PartitionField, PartitionSpec  # noqa: E402
from pyiceberg.schema import Schema  # noqa: E402
from pyiceberg.table import StaticTable  # noqa: E402
from pyiceberg.transforms import (  # noqa: E402
    BucketTransform, DayTransform, HourTransform, IdentityTransform, MonthTransform, TruncateTransform, YearTransform)
from pyiceberg.types import (  # noqa: E402
    BooleanType, DateType, DecimalType, DoubleType, FloatType, IntegerType, ListType, LongType, MapType, NestedField, StringType, StructType,
    TimestampType, TimestamptzType, TimeType, UUIDType)

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tarnlib import Session, TarnError  # noqa: E402

UTC = datetime.timezone.utc


@pytest.fixture
def lake(tmp_path):
    """A PyIceberg catalog and a Tarn session."""
    catalog = SqlCatalog("c", uri=f"sqlite:///{tmp_path}/catalog.db", warehouse=f"file://{tmp_path}/warehouse")
    catalog.create_namespace("ns")
    session = Session(tmp_path / "lake")
    yield catalog, session
    session.close()


def path_of(table):
    return table.metadata_location.removeprefix("file://")


def ours(session, table, tail=""):
    return sorted(session.sql(f"SELECT * FROM iceberg.`{path_of(table)}` {tail}").to_pylist(), key=str)


def theirs(table, **scan):
    return sorted(table.scan(**scan).to_arrow().to_pylist(), key=str)


def same(session, table):
    table = table.refresh()
    assert ours(session, table) == theirs(table)
    for snapshot in table.snapshots():
        assert ours(session, table, f"VERSION AS OF {snapshot.snapshot_id}") == theirs(table, snapshot_id=snapshot.snapshot_id)
    return table


def test_types(lake):
    catalog, session = lake
    schema = Schema(
        NestedField(1, "id", LongType(), required=True), NestedField(2, "i", IntegerType()), NestedField(3, "f", FloatType()),
        NestedField(4, "d", DoubleType()), NestedField(5, "dec", DecimalType(20, 3)), NestedField(6, "day", DateType()),
        NestedField(7, "t", TimeType()), NestedField(8, "ts", TimestampType()), NestedField(9, "tz", TimestamptzType()),
        NestedField(10, "s", StringType()), NestedField(11, "b", BooleanType()),
        NestedField(13, "l", ListType(14, IntegerType(), element_required=False)),
        NestedField(15, "m", MapType(16, StringType(), 17, DoubleType(), value_required=False)),
        NestedField(18, "st", StructType(NestedField(19, "x", IntegerType()), NestedField(20, "y", StringType()))))
    table = catalog.create_table("ns.types", schema)
    row = dict(id=1, i=-5, f=1.5, d=-0.0, dec=decimal.Decimal("-12345.678"), day=datetime.date(1969, 12, 31), t=datetime.time(1, 2, 3, 4),
               ts=datetime.datetime(2026, 1, 2, 3, 4, 5, 6), tz=datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), s="é'\"", b=True,
               l=[1, None], m=[("k", 2.0)], st={"x": 1, "y": None})
    empty = {name: None for name in row} | {"id": 2}
    table.append(pyarrow.Table.from_pylist([row, empty], schema=table.schema().as_arrow()))
    same(session, table)


PARTITIONS = {
    "identity": (IdentityTransform(), "s"), "bucket": (BucketTransform(4), "id"), "truncate": (TruncateTransform(2), "s"),
    "year": (YearTransform(), "ts"), "month": (MonthTransform(), "ts"), "day": (DayTransform(), "ts"), "hour": (HourTransform(), "ts"),
    "width": (TruncateTransform(10), "id")}
CONDITIONS = ["id = 7", "id IN (3, 40)", "id > 30 AND id <= 33", "s = 'ab9'", "s LIKE 'ab1%'", "s IS NULL", "s IS NOT NULL AND id < 4",
              "ts < TIMESTAMP '1970-01-01'", "ts = TIMESTAMP '1969-12-31 23:00:00'", "ts >= TIMESTAMP '1970-01-01 05:00:00'", "NOT (id < 35)",
              "id = 7 OR ts > TIMESTAMP '1970-01-02'"]


@pytest.mark.parametrize("name", PARTITIONS)
def test_pruning(lake, name):
    """A predicate gives the same rows as it does without pruning, and those on the partition's source leave files out."""
    catalog, session = lake
    schema = Schema(NestedField(1, "id", LongType()), NestedField(2, "s", StringType()), NestedField(3, "ts", TimestampType()))
    transform, source = PARTITIONS[name]
    spec = PartitionSpec(PartitionField(schema.find_field(source).field_id, 1000, transform, "p"))
    table = catalog.create_table(f"ns.{name}", schema, partition_spec=spec)
    epoch = datetime.datetime(1970, 1, 1)
    rows = [dict(id=i, s=None if i % 11 == 0 else f"ab{i}" if i % 2 else f"cd{i}", ts=epoch + datetime.timedelta(hours=7 * (i - 20))) for i in range(41)]
    for part in (rows[:20], rows[20:]):
        table.append(pyarrow.Table.from_pylist(part, schema=table.schema().as_arrow()))
    same(session, table)
    everything = ours(session, table)
    pruned = 0
    for condition in CONDITIONS:
        session.sql("SET prune.files_min = 1")
        got = ours(session, table, f"WHERE {condition}")
        plan = {r["what"]: r["value"] for r in session.sql(f"EXPLAIN SELECT * FROM iceberg.`{path_of(table)}` WHERE {condition}").to_pylist()}
        total, read = int(plan["files"].split()[0]), int(plan["files"].split()[-2])
        pruned += total - read
        session.sql("SET prune.files_min = 1000000")
        assert got == ours(session, table, f"WHERE {condition}"), condition
    assert pruned > 0 and len(everything) == 41


def test_evolution(lake):
    catalog, session = lake
    schema = Schema(NestedField(1, "id", IntegerType()), NestedField(2, "old", StringType()), NestedField(3, "gone", StringType()),
                    NestedField(4, "st", StructType(NestedField(5, "a", IntegerType()), NestedField(6, "b", StringType()))))
    table = catalog.create_table("ns.evolution", schema)
    table.append(pyarrow.Table.from_pylist([dict(id=1, old="x", gone="y", st=dict(a=1, b="z"))], schema=table.schema().as_arrow()))
    with table.update_schema() as change:
        change.update_column("id", field_type=LongType())
        change.rename_column("old", "new")
        change.delete_column("gone")
        change.rename_column("st.a", "renamed")
        change.add_column(("st", "more"), LongType())
        change.add_column("gone", DoubleType())  # the name again, another column
    table.append(pyarrow.Table.from_pylist([dict(id=1 << 40, new="x2", gone=1.5, st=dict(renamed=2, b="z2", more=3))], schema=table.schema().as_arrow()))
    same(session, table)
    with table.update_spec() as change:
        change.add_field("new", IdentityTransform())
    table.append(pyarrow.Table.from_pylist([dict(id=3, new="p", gone=None, st=None)], schema=table.schema().as_arrow()))
    same(session, table)
    assert [r["id"] for r in ours(session, table, "WHERE new = 'x'")] == [1]


def test_refs_and_times(lake):
    catalog, session = lake
    schema = Schema(NestedField(1, "id", LongType()))
    table = catalog.create_table("ns.refs", schema)
    for i in range(3):
        table.append(pyarrow.table({"id": pyarrow.array([i], pyarrow.int64())}))
    first, second, third = table.snapshots()
    with table.manage_snapshots() as change:
        change.create_tag(first.snapshot_id, "v1").create_branch(second.snapshot_id, "dev")
    ids = lambda tail: [r["id"] for r in ours(session, table, tail)]
    assert ids("VERSION AS OF 'v1'") == [0] and ids("VERSION AS OF 'dev'") == [0, 1] and ids("VERSION AS OF 'main'") == [0, 1, 2]
    assert ids("VERSION AS OF 2") == [0, 1]  # by sequence number
    at = datetime.datetime.fromtimestamp(second.timestamp_ms / 1000, UTC)
    assert ids(f"TIMESTAMP AS OF '{at.isoformat()}'") == [0, 1]
    for tail, part in (("VERSION AS OF 'nope'", "nope"), ("VERSION AS OF 12345", "12345"), ("TIMESTAMP AS OF '1999-01-01'", "first")):
        with pytest.raises(TarnError) as caught:
            ours(session, table, tail)
        assert caught.value.code == "NOTFOUND" and part in str(caught.value)
    history = session.sql(f"DESCRIBE HISTORY iceberg.`{path_of(table)}`").to_pylist()
    assert [r["version"] for r in history] == [3, 2, 1] and history[0]["operation"] == "append"


def test_metadata_tables(lake):
    catalog, session = lake
    schema = Schema(NestedField(1, "id", LongType()), NestedField(2, "s", StringType()))
    table = catalog.create_table("ns.told", schema, partition_spec=PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "s")))
    for value in "ab":
        table.append(pyarrow.Table.from_pylist([dict(id=1, s=value), dict(id=2, s=None)], schema=table.schema().as_arrow()))
    table.delete("s = 'a'")
    with table.manage_snapshots() as change:
        change.create_tag(table.snapshots()[0].snapshot_id, "first")
    told = lambda name: session.sql(f"SELECT * FROM iceberg.`{path_of(table)}`.{name}").to_pylist()
    assert [r["snapshot_id"] for r in told("snapshots")] == table.inspect.snapshots()["snapshot_id"].to_pylist()
    assert [r["made_current_at"].replace(tzinfo=None) for r in told("history")] == table.inspect.history()["made_current_at"].to_pylist()
    assert {(r["name"], r["type"], r["snapshot_id"]) for r in told("refs")} == {(r["name"], r["type"], r["snapshot_id"]) for r in table.inspect.refs().to_pylist()}
    for name in ("manifests", "files", "entries"):
        key = {"manifests": "path", "files": "file_path", "entries": "sequence_number"}[name]
        assert sorted(r[key] for r in told(name)) == sorted(getattr(table.inspect, name)()[key].to_pylist()), name
    assert {r["partition"]["s"] for r in told("data_files")} == {"b", None} and told("delete_files") == []
    assert len(told("metadata_log_entries")) == len(table.inspect.metadata_log_entries())
    assert sorted(r["s"] or "" for r in told("tag_first")) == ["", "a"]
    with pytest.raises(TarnError, match="nothing"):
        told("nothing")


def plain(value):
    """As both sides say it: an absent map as an empty one, times without their zone."""
    if isinstance(value, dict):
        return {k: plain(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(v) for v in value]
    return value.replace(tzinfo=None) if isinstance(value, datetime.datetime) else value


def test_metadata_tables_column_by_column(lake):
    """Each column PyIceberg tells is told by Tarn with the same values."""
    catalog, session = lake
    schema = Schema(NestedField(1, "id", LongType()), NestedField(2, "s", StringType()), NestedField(3, "ts", TimestampType()),
                    NestedField(4, "d", DecimalType(9, 2)), NestedField(5, "day", DateType()))
    spec = PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "s"), PartitionField(3, 1001, DayTransform(), "ts_day"))
    table = catalog.create_table("ns.columns", schema, partition_spec=spec)
    epoch = datetime.datetime(2026, 1, 1)
    rows = [dict(id=i, s=None if i == 3 else "ab"[i % 2], ts=epoch + datetime.timedelta(hours=9 * i), d=decimal.Decimal(i) / 4,
                 day=epoch.date() + datetime.timedelta(days=i)) for i in range(6)]
    for part in (rows[:4], rows[4:]):
        table.append(pyarrow.Table.from_pylist(part, schema=table.schema().as_arrow()))
    table.delete("id = 1")
    with table.update_spec() as change:
        change.add_field("id", BucketTransform(4), "id_bucket")
    table.append(pyarrow.Table.from_pylist(rows[:1], schema=table.schema().as_arrow()))
    table = table.refresh()
    keys = {"snapshots": ["snapshot_id"], "history": ["made_current_at"], "refs": ["name"], "metadata_log_entries": ["file"], "manifests": ["path"],
            "all_manifests": ["reference_snapshot_id", "path"], "files": ["file_path"], "data_files": ["file_path"], "delete_files": ["file_path"],
            "all_files": ["file_path"], "all_data_files": ["file_path"], "all_delete_files": ["file_path"], "entries": ["data_file"],
            "partitions": ["partition", "spec_id"]}
    known = {"key_metadata"}  # of encrypted tables, which are refused
    for name, key in keys.items():
        order = lambda r: str([r[k]["file_path"] if k == "data_file" else sorted(r[k].items(), key=str) if k == "partition" else r[k] for k in key])
        theirs = sorted((plain(r) for r in getattr(table.inspect, name)().to_pylist()), key=order)
        told = sorted((plain(r) for r in session.sql(f"SELECT * FROM iceberg.`{path_of(table)}`.{name}").to_pylist()), key=order)
        assert len(theirs) == len(told), name
        for their, our in zip(theirs, told):
            for column, value in their.items():
                if column in known:
                    continue
                if column == "data_file":
                    value = {k: v for k, v in value.items() if k not in known}
                    our[column] = {k: our[column][k] for k in value}
                if name.startswith("metadata_log") and column == "file":
                    value = value.removeprefix("file://")
                    our[column] = our[column].removeprefix("file://").split("/")[-1]
                    value = value.split("/")[-1]
                assert (our[column] or None) == (value or None) or column == "data_file", (name, column)
                if column == "data_file":
                    for member, inner in value.items():
                        assert (our[column][member] or None) == (inner or None), (name, member)


def test_maintained(lake, tmp_path):
    """PyIceberg reads a table of its own after Tarn has rewritten its files and manifests and expired its snapshots."""
    catalog, session = lake
    schema = Schema(NestedField(1, "id", LongType()), NestedField(2, "s", StringType()))
    table = catalog.create_table("ns.kept", schema, partition_spec=PartitionSpec(PartitionField(2, 1000, IdentityTransform(), "s")))
    for i in range(6):
        table.append(pyarrow.Table.from_pylist([dict(id=i, s="ab"[i % 2])], schema=table.schema().as_arrow()))
    table.delete("id = 1")
    session.sql(f"CALL system.register_table('kept', '{path_of(table.refresh())}')")
    newest = lambda: session.sql("SELECT file FROM kept.metadata_log_entries ORDER BY timestamp DESC LIMIT 1").to_pylist()[0]["file"]
    call = lambda text: session.sql(f"CALL system.{text}").to_pylist()[0]
    assert call("rewrite_data_files('kept', options => map('min-input-files', '2'))")["rewritten_data_files_count"] == 5
    session.sql("INSERT INTO kept VALUES (7, 'a'), (8, NULL)")
    assert call("rewrite_manifests('kept')")["added_manifests_count"] == 1
    files = call("expire_snapshots('kept', now() + INTERVAL 1 DAY)")
    assert files["deleted_data_files_count"] == 6 and files["deleted_manifest_lists_count"] >= 8
    root = str(tmp_path / "warehouse/ns/kept")
    theirs = StaticTable.from_metadata(f"{root}/{newest()}" if not newest().startswith("/") and "://" not in newest() else newest())
    rows = sorted(theirs.scan().to_arrow().to_pylist(), key=str)
    assert rows == sorted(session.sql("SELECT * FROM kept").to_pylist(), key=str) and sorted(r["id"] for r in rows) == [0, 2, 3, 4, 5, 7, 8]
    assert len(theirs.inspect.manifests()) == 1 and len(theirs.snapshots()) == 1
    assert [r["id"] for r in theirs.scan(row_filter="s = 'b'").to_arrow().sort_by("id").to_pylist()] == [3, 5]


def test_properties_of_others(lake):
    """What is no number keeps every snapshot, as it may have been meant to; how files are written is then for the settings to say."""
    catalog, session = lake
    table = catalog.create_table("ns.odd", Schema(NestedField(1, "id", LongType())), properties={
        "history.expire.min-snapshots-to-keep": "9" * 20, "write.target-file-size-bytes": "much", "write.parquet.compression-codec": "lzo"})
    session.sql(f"CALL system.register_table('odd', '{path_of(table)}')")
    session.sql("INSERT INTO odd VALUES (1)")
    session.sql("INSERT INTO odd VALUES (2)")
    with pytest.raises(TarnError, match="min-snapshots-to-keep is no whole number of 0 or more: 9"):
        session.sql("CALL system.expire_snapshots('odd', older_than => TIMESTAMP '2100-01-01 00:00:00')")
    assert session.sql("SELECT count(*) AS n FROM odd.snapshots").to_pylist() == [{"n": 2}]


def test_files_added(lake, tmp_path):
    """Both read the same rows of Parquet files that were there before the table: without field ids, in folders by partitions, and find them by their bounds."""
    catalog, session = lake
    rows = [dict(id=i, name=f"n{i}", amount=decimal.Decimal(i) / 4, ts=datetime.datetime(2026, 1, 1 + i, tzinfo=UTC), st=dict(x=i, y=[i, None]),
                 m=[("k", i)], flag=bool(i % 2), small=i, ratio=i / 2) for i in range(8)] + [dict.fromkeys(["id", "name", "amount", "ts", "st", "m", "flag", "small", "ratio"])]
    source = pyarrow.schema([("id", pyarrow.int32()), ("name", pyarrow.string()), ("amount", pyarrow.decimal128(9, 2)), ("ts", pyarrow.timestamp("us", tz="UTC")),
                             ("st", pyarrow.struct([("x", pyarrow.int64()), ("y", pyarrow.list_(pyarrow.int32()))])), ("m", pyarrow.map_(pyarrow.string(), pyarrow.int64())),
                             ("flag", pyarrow.bool_()), ("small", pyarrow.int16()), ("ratio", pyarrow.float32())])
    for day in ["2026-01-01", "2026-01-02"]:
        folder = tmp_path / "raw" / f"day={day}" / "kind=a%2Fb"
        folder.mkdir(parents=True)
        pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema=source), folder / "part-0.parquet", row_group_size=3)
    session.sql("CREATE TABLE added (id BIGINT, name STRING, amount DECIMAL(12, 2), ts TIMESTAMP, st STRUCT<x: BIGINT, y: ARRAY<INT>>, m MAP<STRING, BIGINT>, "
                "flag BOOLEAN, small INT, ratio DOUBLE, missing STRING, day DATE, kind STRING) USING iceberg PARTITIONED BY (day, kind)")
    done = session.sql(f"CALL system.add_files('added', '`parquet`.`{tmp_path}/raw`')").to_pylist()
    assert done == [dict(added_files_count=2, changed_partition_count=2)]
    location = session.sql("DESCRIBE DETAIL added").to_pylist()[0]["location"]
    file = session.sql("SELECT file FROM added.metadata_log_entries ORDER BY timestamp DESC LIMIT 1").to_pylist()[0]["file"]
    table = StaticTable.from_metadata(file if file.startswith("/") or "://" in file else f"{location}/{file}")
    expected = sorted([{**row, "missing": None, "day": datetime.date(2026, 1, day), "kind": "a/b"} for day in (1, 2) for row in rows], key=str)
    assert sorted(table.scan().to_arrow().to_pylist(), key=str) == expected
    assert sorted(session.sql("SELECT * FROM added").to_pylist(), key=str) == expected
    for where in ["id = 5", "ts >= '2026-01-07T00:00:00+00:00'", "ratio > 3", "amount = 1.25", "name = 'n7'", "day = '2026-01-02'", "id is null", "id > 100"]:
        assert table.scan(row_filter=where).to_arrow().num_rows == session.sql(f"SELECT * FROM added WHERE {where}").num_rows, where
    assert len(list(table.scan(row_filter="id > 100").plan_files())) == 0 == len(list(table.scan(row_filter="ratio > 100.0").plan_files()))
    sizes = {str(p): p.stat().st_size for p in tmp_path.glob("raw/*/*/*.parquet")}
    files = table.inspect.files().to_pylist()
    assert {f["file_path"].removeprefix("file://"): f["file_size_in_bytes"] for f in files} == sizes
    assert [f["readable_metrics"]["id"]["upper_bound"] for f in files] == [7, 7] and [f["readable_metrics"]["id"]["null_value_count"] for f in files] == [1, 1]


def test_moved_and_found(lake, tmp_path):
    """A folder that was moved is read where it is now, its newest metadata found without a catalog."""
    catalog, session = lake
    schema = Schema(NestedField(1, "id", LongType()))
    table = catalog.create_table("ns.moved", schema)
    table.append(pyarrow.table({"id": pyarrow.array([1, 2], pyarrow.int64())}))
    table.delete("id = 1")
    shutil.move(tmp_path / "warehouse/ns/moved", tmp_path / "elsewhere")
    rows = session.sql(f"SELECT * FROM iceberg.`{tmp_path}/elsewhere`").to_pylist()
    assert rows == [{"id": 2}] == session.sql(f"SELECT * FROM iceberg_scan('{tmp_path}/elsewhere')").to_pylist()


def test_damaged(lake, tmp_path):
    """A file cut short anywhere is an error with its name, never a crash or fewer rows."""
    catalog, session = lake
    table = catalog.create_table("ns.damaged", Schema(NestedField(1, "id", LongType())))
    table.append(pyarrow.table({"id": pyarrow.array(range(10), pyarrow.int64())}))
    for file in sorted((tmp_path / "warehouse/ns/damaged/metadata").glob("*")):
        whole = file.read_bytes()
        for n in (0, 3, len(whole) // 3, len(whole) - 1):
            file.write_bytes(whole[:n])
            fresh = Session(tmp_path / f"other-{uuid.uuid4()}")
            try:
                assert len(ours(fresh, table)) == 10
            except TarnError as error:
                assert error.code in ("CORRUPT", "INVALID")
            fresh.close()
        file.write_bytes(whole)
    assert len(ours(session, table)) == 10


def test_our_refs(lake):
    """Branches and tags that Tarn made and moved, and rows on them."""
    _, session = lake
    session.sql("CREATE TABLE t (x BIGINT) USING iceberg")
    for statement in (
            "INSERT INTO t VALUES (1)", "ALTER TABLE t CREATE TAG one RETAIN 7 DAYS",
            "ALTER TABLE t CREATE BRANCH work RETAIN 2 HOURS WITH SNAPSHOT RETENTION 3 SNAPSHOTS 2 DAYS", "INSERT INTO t VALUES (2)",
            "INSERT INTO t.branch_work VALUES (3)", "INSERT INTO t.branch_work VALUES (4)", "ALTER TABLE t CREATE BRANCH picked",
            "INSERT INTO t.branch_picked VALUES (5)", "INSERT INTO t VALUES (6)", "CALL system.cherrypick_snapshot('t', 5)"):
        session.sql(statement)
    table = StaticTable.from_metadata(newest_metadata(session))
    refs = {name: (ref.snapshot_ref_type.value, ref.max_ref_age_ms, ref.min_snapshots_to_keep, ref.max_snapshot_age_ms)
            for name, ref in table.metadata.refs.items()}
    assert refs == {"main": ("branch", None, None, None), "one": ("tag", 604800000, None, None),
                    "work": ("branch", 7200000, 3, 172800000), "picked": ("branch", None, None, None)}
    rows = {name: sorted(table.scan(snapshot_id=ref.snapshot_id).to_arrow()["x"].to_pylist()) for name, ref in table.metadata.refs.items()}
    assert rows == {"main": [1, 2, 5, 6], "one": [1], "work": [1, 3, 4], "picked": [1, 2, 5]}
    assert sorted(table.scan().to_arrow()["x"].to_pylist()) == [1, 2, 5, 6]
    assert [entry.snapshot_id for entry in table.history()][-1] == table.current_snapshot().snapshot_id


def newest_metadata(session):
    return session.sql("SELECT file FROM t.metadata_log_entries ORDER BY timestamp DESC LIMIT 1").to_pylist()[0]["file"]


@pytest.mark.parametrize("version", [1, 2])
def test_branch_before_rows(lake, version):
    _, session = lake
    session.sql(f"CREATE TABLE t (x BIGINT) USING iceberg TBLPROPERTIES ('format-version' = '{version}')")
    session.sql("ALTER TABLE t CREATE BRANCH audit")
    table = StaticTable.from_metadata(newest_metadata(session))
    assert table.current_snapshot() is None and table.scan().to_arrow().num_rows == 0
    assert table.scan(snapshot_id=table.metadata.refs["audit"].snapshot_id).to_arrow().num_rows == 0
    session.sql("INSERT INTO t.branch_audit VALUES (1)")
    session.sql("CALL system.fast_forward('t', 'main', 'audit')")
    assert StaticTable.from_metadata(newest_metadata(session)).scan().to_arrow()["x"].to_pylist() == [1]


def test_publish(lake):
    """What PyIceberg stages under a wap.id is published once, beside what was committed meanwhile."""
    catalog, session = lake
    table = catalog.create_table("ns.staged", Schema(NestedField(1, "x", LongType())))
    rows = pyarrow.table({"x": pyarrow.array([1], pyarrow.int64())})
    table.append(rows)
    table.manage_snapshots().create_branch(table.current_snapshot().snapshot_id, "audit").commit()
    table.append(pyarrow.table({"x": pyarrow.array([2], pyarrow.int64())}), branch="audit", snapshot_properties={"wap.id": "w1"})
    folder = table.location().removeprefix("file://")
    session.sql(f"CREATE TABLE t USING iceberg LOCATION '{folder}'")
    session.sql("INSERT INTO t VALUES (3)")
    session.sql("CALL system.publish_changes('t', 'w1')")
    assert sorted(row["x"] for row in session.sql("SELECT x FROM t").to_pylist()) == [1, 2, 3]
    with pytest.raises(TarnError, match="was published already|was picked already"):
        session.sql("CALL system.publish_changes('t', 'w1')")


def opened(session, name):
    """A table that Tarn wrote, as PyIceberg sees it."""
    detail = session.sql(f"DESCRIBE DETAIL {name}").to_pylist()[0]
    return StaticTable.from_metadata(f"{detail['location']}/{detail['metadataFile']}")


def check_partitions(table):
    """Each file's partition is what PyIceberg makes of every row in it."""
    specs, schema, files = table.specs(), table.schema(), 0
    for task in table.scan().plan_files():
        spec = specs[task.file.spec_id]
        rows = pyarrow.parquet.ParquetFile(task.file.file_path.removeprefix("file://")).read().to_pylist()
        assert rows and len(rows) == task.file.record_count
        for place, field in enumerate(spec.fields):
            column = schema.find_field(field.source_id)
            change = field.transform.transform(column.field_type)
            for row in rows:
                value = row[column.name]
                if isinstance(column.field_type, UUIDType) and value is not None:
                    value = value if isinstance(value, bytes) else value.bytes
                assert change(internal(value, column.field_type)) == internal(task.file.partition[place], column.field_type), (field, row)
        files += 1
    return files


def internal(value, kind):
    """Dates and times as PyIceberg keeps them: numbers since 1970."""
    if isinstance(value, datetime.datetime):
        value = value if value.tzinfo else value.replace(tzinfo=UTC)
        return (value - datetime.datetime(1970, 1, 1, tzinfo=UTC)) // datetime.timedelta(microseconds=1)
    if isinstance(value, datetime.date):
        return (value - datetime.date(1970, 1, 1)).days
    if isinstance(value, datetime.time):
        return ((value.hour * 60 + value.minute) * 60 + value.second) * 1000000 + value.microsecond
    if isinstance(value, uuid.UUID):
        return value.bytes
    return value


WRITTEN = {
    "bucket(5, i)": "i > 3", "bucket(5, l)": "l == 1000000007", "bucket(5, dec)": "l > 0", "bucket(5, day)": "day == '1969-12-27'",
    "bucket(5, t)": "l > 0", "bucket(5, ts)": "ts >= '1970-01-01T00:00:00'", "bucket(5, tz)": "l > 0", "bucket(5, s)": "s == 'žluťoučký'",
    "bucket(5, u)": "l > 0", "bucket(5, b)": "l > 0", "truncate(7, i)": "i < -3", "truncate(1000, l)": "l >= 2000",
    "truncate(50, dec)": "l > 0", "truncate(3, s)": "s > 'ž'", "truncate(2, b)": "l > 0", "years(day)": "day < '1969-06-01'",
    "years(tz)": "l > 0", "months(ts)": "ts < '1970-01-01T00:00:00'", "months(day)": "day >= '1969-12-01'", "day(tz)": "l > 0",
    "days(ts)": "ts < '1969-12-31T12:00:00'", "hours(ts)": "ts >= '1969-12-31T20:00:00'", "hour(tz)": "l > 0", "day, s": "s == 'žlutý'",
    "b": "l > 0", "days(day), bucket(3, s), i": "i == -19 and day > '1969-12-20'", "t": "l > 0", "u, dec": "l > 0",
}


@pytest.mark.parametrize("version", [1, 2, 3])
@pytest.mark.parametrize("spec", WRITTEN)
def test_written_partitions(lake, spec, version):
    """What Tarn wrote with each transform: partitions, rows and pruning as PyIceberg has them."""
    _, session = lake
    session.sql("CREATE TABLE w (i INT, l BIGINT, dec DECIMAL(20, 2), day DATE, t TIME, ts TIMESTAMP_NTZ, tz TIMESTAMP, s STRING, u UUID, b BINARY) "
                f"USING iceberg PARTITIONED BY ({spec}) TBLPROPERTIES ('format-version' = '{version}')")
    session.sql("""INSERT INTO w SELECT CASE WHEN k % 11 <> 0 THEN k - 20 END, (k - 10) * 1000000007, ((k - 20) * 0.37)::DECIMAL(20, 2),
        CASE WHEN k % 13 <> 0 THEN DATE '1970-01-05' - k::INT * 9 END, TIME '00:00:00' + to_microseconds(k * 777777777),
        CASE WHEN k % 7 <> 0 THEN TIMESTAMP '1970-01-01 12:00:00.5' - to_hours(k) END, TIMESTAMPTZ '1970-01-01 03:00:00+00' - to_days(k * 25),
        CASE k % 5 WHEN 0 THEN NULL WHEN 1 THEN '' WHEN 2 THEN 'žluťoučký' WHEN 3 THEN 'žlutý' ELSE '🙂🙂/=%' END,
        md5(k::VARCHAR)::UUID, CASE WHEN k % 9 <> 0 THEN unhex(left(md5(k::VARCHAR), 6)) END FROM range(40) r(k)""")
    table = opened(session, "w")
    files = check_partitions(table)
    assert files > 1
    where = WRITTEN[spec]
    found = sorted(r["l"] for r in table.scan(row_filter=where).to_arrow().to_pylist())
    sql = where.replace("==", "=")
    assert found == sorted(r["l"] for r in session.sql(f"SELECT l FROM w WHERE {sql}").to_pylist()) and found
    session.sql("SET prune.files_min = 1")
    told = {r["what"]: r["value"] for r in session.sql(f"EXPLAIN SELECT * FROM w WHERE {sql}").to_pylist()}
    assert int(told["files"].split()[-2]) <= len(list(table.scan(row_filter=where).plan_files()))


def test_written_specs(lake):
    """The spec changes while rows come and go: numbers of fields, files of every layout, deletes of theirs."""
    _, session = lake
    session.sql("CREATE TABLE w (id INT, ts TIMESTAMP_NTZ, s STRING) USING iceberg PARTITIONED BY (days(ts)) "
                "TBLPROPERTIES ('write.delete.mode' = 'merge-on-read')")
    rows = "SELECT range::INT, TIMESTAMP '1969-12-30' + to_hours(range), chr(97 + (range % 3)::INT) FROM range({}, {})"
    changes = ["ADD PARTITION FIELD bucket(4, id)", "DROP PARTITION FIELD days(ts)", "REPLACE PARTITION FIELD bucket(4, id) WITH s",
               "SET PARTITION SPEC (days(ts) AS day, s)", "ADD PARTITION FIELD bucket(4, id)"]
    for n, change in enumerate(changes):
        session.sql("INSERT INTO w " + rows.format(n * 50, n * 50 + 50))
        session.sql(f"ALTER TABLE w {change}")
        session.sql(f"DELETE FROM w WHERE id % 50 = {n}")
        table = opened(session, "w")
        check_partitions(table)
        assert sorted(r["id"] for r in table.scan().to_arrow().to_pylist()) == sorted(r["id"] for r in session.sql("SELECT id FROM w").to_pylist())
    ids = {(f.source_id, str(f.transform)): f.field_id for spec in table.specs().values() for f in spec.fields}
    assert ids == {(2, "day"): 1000, (1, "bucket[4]"): 1001, (3, "identity"): 1002}
    assert len(table.specs()) == 6 and table.metadata.last_partition_id == 1002 and table.spec().spec_id == 5
    session.sql("OPTIMIZE w")
    table = opened(session, "w")
    assert {task.file.spec_id for task in table.scan().plan_files()} == {5} and check_partitions(table) > 5


@pytest.mark.parametrize("version", [2, 3])
def test_summaries(lake, tmp_path, version):
    """The totals a snapshot of ours states are those of the files PyIceberg finds in it."""
    _, session = lake
    t = f"iceberg.`{tmp_path}/totals`"
    modes = ", ".join(f"'write.{s}.mode' = 'merge-on-read'" for s in ("delete", "update", "merge"))
    for statement in (
            f"CREATE TABLE {t} (id INT, v STRING, d DATE) PARTITIONED BY (d) TBLPROPERTIES ('format-version' = '{version}', {modes})",
            f"INSERT INTO {t} SELECT i, 'a', DATE '2026-01-01' + (i % 3)::INT FROM range(60) r(i)",
            f"DELETE FROM {t} WHERE id < 6", f"DELETE FROM {t} WHERE id = 6", f"UPDATE {t} SET v = 'b' WHERE id BETWEEN 5 AND 12",
            f"DELETE FROM {t} WHERE d = DATE '2026-01-02' AND id < 50", f"DELETE FROM {t} WHERE d = DATE '2026-01-03'", f"OPTIMIZE {t}",
            f"RESTORE TABLE {t} TO VERSION AS OF 3", f"DELETE FROM {t} WHERE id = 20"):
        session.sql(statement)
    table = StaticTable.from_metadata(f"{tmp_path}/totals")
    assert len(table.snapshots()) == 9
    for snapshot in table.snapshots():
        files = [e.data_file for m in snapshot.manifests(table.io) for e in m.fetch_manifest_entry(table.io, discard_deleted=True)]
        data, deletes = [f for f in files if f.content == 0], [f for f in files if f.content == 1]
        stated = {k: int(v) for k, v in snapshot.summary.additional_properties.items() if k.startswith("total-")}
        assert stated["total-data-files"] == len(data)
        assert stated["total-records"] == sum(f.record_count for f in data)
        assert stated["total-delete-files"] == len(deletes)
        assert stated["total-position-deletes"] == sum(f.record_count for f in deletes)
        assert stated["total-equality-deletes"] == 0
        if version == 2:
            assert stated["total-files-size"] == sum(f.file_size_in_bytes for f in files)
    last = {k: v for k, v in table.current_snapshot().summary.additional_properties.items() if not k.startswith(("tarn", "total"))}
    kind = "dvs" if version == 3 else "position-delete-files"
    assert last["added-delete-files"] == last[f"added-{kind}"] == last[f"removed-{kind}"] == "1"
    assert last["added-position-deletes"] == "3" and last["removed-position-deletes"] == "2" and last["changed-partition-count"] == "1"


def test_written_order(lake):
    """The sort order that Tarn sets, and files that say they are in it and are."""
    _, session = lake
    session.sql("CREATE TABLE w (id INT, ts TIMESTAMP_NTZ, s STRING) USING iceberg PARTITIONED BY (s)")
    session.sql("ALTER TABLE w WRITE ORDERED BY bucket(4, id) DESC, ts")
    session.sql("INSERT INTO w SELECT range, TIMESTAMP '1970-01-02' - to_minutes(range * 7919 % 4001), chr(97 + (range % 3)::INT) FROM range(3000)")
    table = opened(session, "w")
    assert [str(f) for f in table.sort_order().fields] == ["bucket[4](1) DESC NULLS LAST", "2 ASC NULLS FIRST"]
    bucket = BucketTransform(4).transform(IntegerType())
    for task in table.scan().plan_files():
        assert task.file.sort_order_id == table.sort_order().order_id == 1
        keys = [(-bucket(r["id"]), r["ts"]) for r in pyarrow.parquet.read_table(task.file.file_path.removeprefix("file://"), partitioning=None).to_pylist()]
        assert len(keys) == 1000 and keys == sorted(keys)


def test_identifier_fields(lake, tmp_path):
    """Those of PyIceberg outlive changes of the schema by Tarn; those that Tarn sets are PyIceberg's."""
    catalog, session = lake
    schema = Schema(NestedField(1, "id", LongType(), required=True), NestedField(2, "s", StringType()), identifier_field_ids=[1])
    table = catalog.create_table("ns.keys", schema)
    session.sql(f"CREATE TABLE t USING iceberg LOCATION '{table.location().removeprefix('file://')}'")
    session.sql("ALTER TABLE t ADD COLUMN n INT FIRST")
    session.sql("ALTER TABLE t ALTER COLUMN s COMMENT 'text'")
    now = opened(session, "t").schema()
    assert now.identifier_field_ids == [1] and [f.name for f in now.fields] == ["n", "id", "s"] and now.find_field("s").doc == "text"
    session.sql("ALTER TABLE t ALTER COLUMN s SET NOT NULL")
    session.sql("ALTER TABLE t SET IDENTIFIER FIELDS s")
    assert opened(session, "t").schema().identifier_field_ids == [2]
    session.sql("ALTER TABLE t DROP IDENTIFIER FIELDS s")
    assert opened(session, "t").schema().identifier_field_ids == []
