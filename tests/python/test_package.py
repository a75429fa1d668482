"""test_package.py: the package's own API: statements, parameters, results, tables, errors."""
import datetime
import decimal
import subprocess
import sys
import time
import uuid

import numpy
import polars
import pyarrow
import pytest

import tarn


def one(lake, expression, params=None):
    return lake.sql(f"SELECT {expression} AS x", params).fetchall()[0][0]


def test_statements_and_their_reports(lake):
    created = lake.sql("CREATE TABLE t (id BIGINT, name STRING)")
    assert not created.is_query
    assert lake.sql("INSERT INTO t VALUES (1, 'a'), (2, 'b')").affected() == 2
    assert lake.sql("DELETE FROM t WHERE id = 2").affected() == 1
    rows = lake.sql("SELECT * FROM t")
    assert rows.is_query and rows.columns == ["id", "name"] and rows.affected() == -1
    assert [column.type for column in rows.schema] == ["BIGINT", "VARCHAR"]
    assert rows.fetchall() == [(1, "a")]
    lake.script("CREATE TABLE a AS SELECT ';' AS x; -- a comment;\n INSERT INTO a SELECT 'y'; ")
    assert lake.sql("SELECT count(*) FROM a").fetchone() == (2,)


PARAMETERS = [None, True, 5, -(1 << 63), 1 << 100, 1.5, "it's ü", "", b"\0\xff", b"", datetime.date(1, 1, 1),
              datetime.date(2024, 2, 29), datetime.time(23, 59, 59, 999999), datetime.datetime(1969, 12, 31, 23, 59, 59, 1),
              datetime.datetime(2024, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=5))),
              decimal.Decimal("-0.0050"), decimal.Decimal("1E+3"), decimal.Decimal("99999999999999999999999999999999999.5")]


@pytest.mark.parametrize("value", PARAMETERS, ids=repr)
def test_parameters_come_back(lake, value):
    assert one(lake, "?", [value]) == value
    assert one(lake, "$v", {"v": value}) == value


def test_other_parameters(lake):
    assert one(lake, "?::VARCHAR", [uuid.UUID(int=5)]) == str(uuid.UUID(int=5))
    assert one(lake, "?", [numpy.int32(7)]) == 7
    assert one(lake, "?", [numpy.datetime64("2024-01-01T05:00:00", "ns")]) == datetime.datetime(2024, 1, 1, 5)
    assert lake.sql("SELECT 1 WHERE $1 = 2 AND $2 = 'x'", [2, "x"]).fetchall() == [(1,)]
    for wrong in ([1, 2], {"w": 1}, [[1, 2]], [object()], ["a\ud800"], "text", [decimal.Decimal("NaN")]):
        with pytest.raises((tarn.Invalid, UnicodeEncodeError)):
            lake.sql("SELECT $v" if isinstance(wrong, dict) else "SELECT ?", wrong)
    with pytest.raises(tarn.Invalid):
        lake.sql("SELECT 1 -- \0 2")


VALUES = [
    ("1::UTINYINT", 1), ("(-5)::SMALLINT", -5), ("18446744073709551615::UBIGINT", (1 << 64) - 1), ("1.5::FLOAT", 1.5),
    ("'nan'::DOUBLE", None), ("1099511627776::HUGEINT", 1 << 40), ("12.30::DECIMAL(4,2)", decimal.Decimal("12.30")),
    ("'x'::BLOB", b"x"), ("TIMESTAMP_NS '2024-01-01 00:00:00.123456789'", datetime.datetime(2024, 1, 1, 0, 0, 0, 123456)),
    ("TIMESTAMP_S '2024-01-01 00:00:01'", datetime.datetime(2024, 1, 1, 0, 0, 1)),
    ("[[1, NULL], [], NULL]", [[1, None], [], None]), ("{'a': 1, 'b': {'c': [NULL]}}", {"a": 1, "b": {"c": [None]}}),
    ("map {'a': 1, 'b': NULL}", {"a": 1, "b": None}), ("map {[1]: 'x'}", [([1], "x")]),
    ("[1, 2, 3]::INTEGER[3]", [1, 2, 3]), ("'b'::ENUM ('a', 'b')", "b"),
    ("INTERVAL '1 month 2 days 3 seconds'", tarn.Interval(1, 2, 3_000_000_000)),
    ("union_value(n := 5)", 5), ("[union_value(n := 5)]", [5]), ("NULL", None), ("'é' || repeat('x', 40)", "é" + "x" * 40)]


@pytest.mark.parametrize(("sql", "value"), VALUES, ids=[sql for sql, _ in VALUES])
def test_values_in_python(lake, sql, value):
    found = lake.sql(f"SELECT x FROM (VALUES (1, {sql}), (2, NULL), (3, {sql})) v(i, x) ORDER BY i").fetchall()
    if sql == "'nan'::DOUBLE":
        assert found[0][0] != found[0][0]
    else:
        assert found == [(value,), (None,), (value,)]


@pytest.mark.parametrize("sql", ["'infinity'::DATE", "'infinity'::TIMESTAMP", "TIMESTAMP '290000-01-01'", "TIME '24:00:00'"])
def test_values_python_cannot_hold(lake, sql):
    with pytest.raises(tarn.Unsupported, match="column x") as error:
        lake.sql(f"SELECT {sql} AS x").fetchall()
    assert "CAST(x AS VARCHAR)" in error.value.hint
    assert lake.sql(f"SELECT NULL::{sql.split()[0] if ' ' in sql else sql.split('::')[1]} AS x").fetchall() == [(None,)]


def test_zone_of_instants(tmp_path):
    with tarn.connect(tmp_path, timezone="Europe/Berlin") as lake:
        when = one(lake, "TIMESTAMPTZ '2024-07-01 12:00:00+00'")
        assert when.hour == 14 and when.utcoffset() == datetime.timedelta(hours=2)


BIG = "SELECT range AS i, CASE WHEN range % 3 > 0 THEN 'v' || range END AS s FROM range(10000)"
ROWS = [(i, f"v{i}" if i % 3 else None) for i in range(10000)]


def test_fetching(lake):
    assert lake.sql(BIG).fetchall() == ROWS
    assert list(lake.sql(BIG)) == ROWS
    rows = lake.sql(BIG)
    assert rows.fetchone() == ROWS[0] and rows.fetchmany(4000) == ROWS[1:4001] and rows.fetchall() == ROWS[4001:]
    assert rows.fetchone() is None and rows.fetchall() == []
    with lake.sql(BIG) as rows:
        rows.fetchone()
    assert rows.fetchall() == []


def test_arrow(lake):
    table = lake.sql(BIG).arrow()
    assert table.column("i").to_pylist() == [i for i, _ in ROWS] and table.column("s").to_pylist() == [s for _, s in ROWS]
    reader = lake.sql(BIG).arrow_reader()
    assert reader.read_next_batch().num_rows < 10000
    assert pyarrow.table(lake.sql(BIG)).equals(table)
    assert polars.DataFrame(lake.sql(BIG)).rows() == ROWS and lake.sql(BIG).pl().rows() == ROWS
    frame = lake.sql(BIG).df()
    assert frame.i.tolist() == [i for i, _ in ROWS] and frame.s.isna().sum() == 3334
    rows = lake.sql(BIG)
    rows.__arrow_c_stream__()  # dropped: its rows are gone
    for take in (rows.arrow, rows.fetchall, rows.fetchone, rows.numpy):
        with pytest.raises(tarn.InterfaceError, match="taken"):
            take()


def test_numpy(lake):
    columns = lake.sql("SELECT range::INTEGER AS i, CASE WHEN range % 2 = 0 THEN range / 2 END AS f, range::VARCHAR AS s, "
                       "DATE '2024-01-01' + range::INTEGER AS d, range > 1 AS b, [range] AS l FROM range(5000)").numpy()
    assert columns["i"].dtype == "i4" and columns["i"].sum() == 12497500
    assert columns["f"].mask.sum() == 2500 and columns["f"].sum() == sum(x / 2 for x in range(0, 5000, 2))
    assert columns["s"][4999] == "4999" and columns["d"][1] == numpy.datetime64("2024-01-02")
    assert columns["b"].sum() == 4998 and columns["l"][7] == [7]
    assert lake.sql("SELECT 1 AS i WHERE false").numpy()["i"].shape == (0,)


def test_what_is_shown(lake):
    rows = lake.sql("SELECT range AS i, repeat('ä', 100) AS s FROM range(20)")
    shown = repr(rows).splitlines()
    assert shown[0].split() == ["i", "s"] and shown[1].split() == ["BIGINT", "VARCHAR"] and len(shown) == 14
    assert shown[3] == "0       " + "ä" * 31 + "…" and shown[-1] == "…"
    assert repr(rows).splitlines() == shown and len(rows.fetchall()) == 20
    assert "taken" in repr(rows)
    assert repr(lake.sql("SELECT 1 AS a WHERE false")).splitlines() == ["a", "INTEGER", "-------"]


def test_tables(lake):
    lake.script("CREATE SCHEMA s; CREATE TABLE s.t (id BIGINT NOT NULL, name STRING); INSERT INTO s.t VALUES (1, 'a')")
    table = lake.table("s.t")
    assert table.append({"name": ["b"], "id": [2]}) == 1
    time.sleep(0.05)
    when = datetime.datetime.now(datetime.timezone.utc)
    time.sleep(0.05)
    assert table.append(pyarrow.table({"id": [3]})) == 1
    assert [(c.name, c.type) for c in table.schema] == [("id", "BIGINT"), ("name", "VARCHAR")]
    assert table.version == 3 and [row[0] for row in table.history()] == [3, 2, 1, 0]
    assert len(table.history(limit=2).fetchall()) == 2
    assert sorted(table.scan().fetchall()) == [(1, "a"), (2, "b"), (3, None)]
    assert table.scan(["name"], "id >= ?", [2], limit=1).columns == ["name"]
    assert table.to_arrow().num_rows == 3 and polars.DataFrame(table).height == 3
    old = lake.table("s.t", version=1)
    assert old.version == 1 and old.scan().fetchall() == [(1, "a")]
    assert lake.table("s.t", timestamp=when).version == 2 and lake.table("s.t", timestamp=when).to_arrow().num_rows == 2
    assert table.overwrite([{"id": 9, "name": "z"}]) == 1 and table.scan().fetchall() == [(9, "z")]
    assert "id BIGINT" in repr(table)
    path = lake.uri + "/lake/s/t"
    assert lake.table(f"delta.`{path}`").to_arrow().num_rows == 1
    with pytest.raises(tarn.Invalid, match="newest"):
        old.append({"id": [1]})
    with pytest.raises(tarn.NotFound):
        lake.table("nope").schema
    for wrong in ("", "t; DROP TABLE t", "t WHERE 1", "a..b", "t.", "'t'"):
        with pytest.raises(tarn.Invalid, match="name"):
            lake.table(wrong)


def test_transactions(lake):
    lake.sql("CREATE TABLE t AS SELECT 1 AS id")
    with lake.transaction():
        lake.sql("INSERT INTO t VALUES (2)")
        assert lake.sql("SELECT count(*) FROM t").fetchone() == (2,)
    with pytest.raises(ZeroDivisionError), lake.transaction():
        lake.sql("INSERT INTO t VALUES (3)")
        1 / 0
    assert lake.sql("SELECT count(*) FROM t").fetchone() == (2,)


def test_errors(lake):
    with pytest.raises(tarn.NotFound) as caught:
        lake.sql("SELECT *\n  FROM nope")
    error = caught.value
    assert (error.code, error.sqlstate, error.line, error.column) == ("NOTFOUND", "42P01", 2, 8)
    assert "nope" in error.message and str(error).startswith("NOTFOUND: ") and not error.retry_may_help
    lake.sql("CREATE TABLE t (id BIGINT NOT NULL)")
    for sql, kind in (("CREATE TABLE t (id BIGINT)", tarn.Exists), ("SELEKT 1", tarn.Invalid),
                      ("INSERT INTO t VALUES (NULL)", tarn.Constraint), ("SELECT 1 FROM t VERSION AS OF 99", tarn.NotFound)):
        with pytest.raises(kind):
            lake.sql(sql)
    assert issubclass(tarn.Constraint, tarn.IntegrityError) and issubclass(tarn.Conflict, tarn.OperationalError)
    for take in ("fetchall", "arrow", "numpy"):
        with pytest.raises(tarn.Invalid, match="Could not convert"):
            getattr(lake.sql("SELECT CASE WHEN range < 9000 THEN 1 ELSE CAST('x' || range AS INTEGER) END AS i "
                             "FROM range(9001)"), take)()


def test_settings_and_closing(tmp_path):
    with pytest.raises(tarn.NotFound, match="nonsense"):
        tarn.connect(tmp_path / "lake", nonsense=1)
    lake = tarn.connect(tmp_path / "lake", threads=1, **{"vacuum.retention_check": False})
    settings = {row[0]: row[1] for row in lake.sql("SHOW SETTINGS")}
    assert settings["threads"] == "1" and settings["vacuum.retention_check"] == "false"
    open_rows = lake.sql(BIG)
    lake.close()
    lake.close()
    assert len(open_rows.fetchall()) == 10000
    with pytest.raises(tarn.InterfaceError, match="closed"):
        lake.sql("SELECT 1")
    assert "closed" in repr(lake)


def test_importing_needs_nothing_else():
    code = ("import sys, tarn, tarn.dbapi, tempfile\n"
            "rows = tarn.connect(tempfile.mkdtemp()).sql('SELECT 42 AS x')\n"
            "assert repr(rows) and rows.fetchall() == [(42,)]\n"
            "assert not {'pyarrow', 'pandas', 'polars', 'numpy'} & set(sys.modules)")
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_ending_with_all_open(tmp_path):
    code = (f"import tarn, pyarrow\nlake = tarn.connect({str(tmp_path)!r})\n"
            "rows = lake.sql('SELECT * FROM range(100000)')\nmore = lake.sql('SELECT * FROM range(100000)')\n"
            "more.fetchone()\nreader = lake.sql('SELECT * FROM range(100000)').arrow_reader()\nreader.read_next_batch()\n"
            "capsule = lake.sql('SELECT 1').__arrow_c_stream__()\nprint('done')")
    done = subprocess.run([sys.executable, "-c", code], timeout=60, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "done\n", "")
