"""test_frames.py: the caller's Arrow, pandas and Polars objects as tables of a statement."""
import datetime
import decimal

import numpy
import pandas
import polars
import pyarrow
import pyarrow.dataset
import pyarrow.parquet
import pytest

import tarn

GLOBAL = pyarrow.table({"id": [100]})


def frames():
    columns = {"id": [1, 2, 3], "name": ["a", None, "ü"]}
    return {"table": pyarrow.table(columns), "batch": pyarrow.record_batch(columns), "pandas": pandas.DataFrame(columns),
            "indexed": pandas.DataFrame(columns, index=[7, 8, 9]), "polars": polars.DataFrame(columns), "dict": columns,
            "dicts": [{"id": i, "name": n} for i, n in zip(columns["id"], columns["name"])],
            "reader": pyarrow.table(columns).to_reader()}


@pytest.mark.parametrize("kind", frames())
def test_every_kind(lake, kind):
    frame = frames()[kind]
    assert lake.sql("SELECT * FROM f ORDER BY id", f=frame).fetchall() == [(1, "a"), (2, None), (3, "ü")]


def test_variables_in_scope(lake):
    df = pandas.DataFrame({"id": [1, 2]})
    number = 5  # noqa: F841
    assert lake.sql("SELECT sum(df.id) FROM df").fetchone() == (3,)
    assert lake.sql("SELECT id FROM GLOBAL").fetchall() == [(100,)]
    assert lake.sql("SELECT a.id FROM df a JOIN df b ON a.id = b.id + 1").fetchall() == [(2,)]
    for name in ("number", "lake", "pandas", "nowhere", "main.df"):
        with pytest.raises(tarn.NotFound):
            lake.sql(f"SELECT * FROM {name}")

    def inner():
        return lake.sql("SELECT count(*) FROM df")
    with pytest.raises(tarn.NotFound):
        inner()


def test_scope_can_be_closed(tmp_path):
    df = pandas.DataFrame({"id": [1, 2]})
    with tarn.connect(tmp_path, scope=False) as lake:
        with pytest.raises(tarn.NotFound):
            lake.sql("SELECT * FROM df")
        assert lake.sql("SELECT count(*) FROM df", df=df).fetchone() == (2,)
        with pytest.raises(tarn.NotFound):
            lake.sql("SELECT * FROM df")


def test_a_table_wins_over_a_variable_and_is_not_hidden_by_a_frame(lake):
    lake.sql("CREATE TABLE t AS SELECT 'lake' AS x")
    t = pyarrow.table({"x": ["variable"]})
    assert lake.sql("SELECT x FROM t").fetchone() == ("lake",)
    with pytest.raises(tarn.Invalid, match="both a table and rows passed in"):
        lake.sql("SELECT x FROM t", t=t)
    assert lake.sql("SELECT m.x, f.x FROM main.t m, f", f=t).fetchone() == ("lake", "variable")


def test_writing(lake):
    lake.sql("CREATE TABLE t (id BIGINT, name STRING)")
    df = pandas.DataFrame({"id": [1, 2], "name": ["a", "b"]})
    new = polars.DataFrame({"id": [2, 3], "name": ["B", "C"]})
    assert lake.sql("INSERT INTO t SELECT * FROM df").affected() == 2
    merged = lake.sql("MERGE INTO t USING new ON t.id = new.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *")
    assert merged.affected() == 2
    lake.sql("CREATE TABLE u AS SELECT t.* FROM t JOIN df USING (id)")
    assert lake.sql("SELECT * FROM t ORDER BY id").fetchall() == [(1, "a"), (2, "B"), (3, "C")]
    assert lake.sql("DELETE FROM t WHERE id IN (SELECT id FROM df)").affected() == 2
    assert lake.sql("INSERT INTO t SELECT * FROM r", r=pyarrow.table({"id": [4], "name": ["d"]}).to_reader()).affected() == 1
    with pytest.raises(tarn.NotFound):
        lake.sql("INSERT INTO df SELECT 1")
    with pytest.raises(tarn.Invalid, match="rows passed in"):
        lake.sql("CREATE VIEW v AS SELECT * FROM df")


def test_results_and_tables_are_frames(lake):
    lake.sql("CREATE TABLE t AS SELECT range AS id FROM range(10000)")
    rows, table = lake.sql("SELECT * FROM t"), lake.table("t", version=0)
    assert lake.sql("SELECT count(*), sum(r.id) FROM rows r JOIN table_ USING (id)", table_=table).fetchone() == (
        10000, sum(range(10000)))


def test_a_reader_is_read_once(lake):
    reader = pyarrow.table({"id": [1]}).to_reader()
    with pytest.raises(tarn.Invalid, match="only once"):
        lake.sql("SELECT * FROM reader a, reader b")


def test_types_survive(lake, tmp_path):
    table = pyarrow.table({
        "b": [True, None], "i8": pyarrow.array([1, None], pyarrow.int8()), "u64": pyarrow.array([1 << 63, None], pyarrow.uint64()),
        "f": [1.5, None], "d": [decimal.Decimal("1.50"), None], "s": ["x", None], "bin": [b"\0", None],
        "day": [datetime.date(2024, 1, 1), None], "at": pyarrow.array([0, None], pyarrow.timestamp("us", "UTC")),
        "ntz": pyarrow.array([0, None], pyarrow.timestamp("us")), "l": [[1, None], None], "st": [{"a": 1, "b": "x"}, None],
        "m": pyarrow.array([[("k", 1)], None], pyarrow.map_(pyarrow.string(), pyarrow.int64())),
        "dict": pyarrow.array(["p", None]).dictionary_encode(),
        "sliced": pyarrow.array(["q", "p", None]).dictionary_encode()[1:], "view": pyarrow.array(["v", None], pyarrow.string_view())})
    back = lake.sql("SELECT * FROM table_", table_=table).arrow()
    for name in table.column_names:
        assert back.column(name).to_pylist() == table.column(name).to_pylist(), name
    polars_frame = polars.from_arrow(table)
    assert lake.sql("SELECT * FROM polars_frame").pl().rows() == polars_frame.rows()
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    dataset = pyarrow.dataset.dataset(tmp_path / "x.parquet")
    assert lake.sql("SELECT count(*) FROM dataset").fetchone() == (2,)


def test_nulls_of_dictionaries(lake):
    words = pyarrow.array(["q", "p", None]).dictionary_encode()
    table = pyarrow.table({"whole": words, "n": pyarrow.StructArray.from_arrays([words], ["w"])})
    assert lake.sql("SELECT whole, n.w FROM f", f=table).fetchall() == [("q", "q"), ("p", "p"), (None, None)]
    assert lake.sql("SELECT whole, n.w FROM f", f=table[1:]).fetchall() == [("p", "p"), (None, None)]
    category = pandas.DataFrame({"c": pandas.Categorical(["a", None, "b"])})
    assert lake.sql("SELECT c::VARCHAR FROM category").fetchall() == [("a",), (None,), ("b",)]
    kind = pyarrow.dictionary(pyarrow.int8(), pyarrow.string())
    with pytest.raises(tarn.Unsupported, match="dictionary"):
        lake.sql("SELECT * FROM f", f=pyarrow.table({"x": pyarrow.array([["p"]], pyarrow.list_(kind))}))


def test_what_is_no_table(lake):
    for wrong in (5, "text", numpy.array([1]), [], [1, 2], polars.Series("s", [1]), pandas.DataFrame()):
        with pytest.raises((tarn.Invalid, Exception)) as caught:
            lake.sql("SELECT * FROM f", f=wrong)
        assert isinstance(caught.value, (tarn.Invalid, AttributeError, TypeError)), wrong
    assert lake.sql("SELECT 1").fetchone() == (1,)


def test_an_exception_of_the_frame_is_the_cause(lake):
    class Broken:
        def __arrow_c_stream__(self, requested_schema=None):
            raise RuntimeError("no rows today")

    def batches():
        yield pyarrow.record_batch({"id": [1]})
        raise RuntimeError("torn off")
    with pytest.raises(tarn.Invalid, match="no rows today") as caught:
        lake.sql("SELECT * FROM f", f=Broken())
    assert isinstance(caught.value.__cause__, RuntimeError)
    reader = pyarrow.RecordBatchReader.from_batches(pyarrow.schema({"id": pyarrow.int64()}), batches())
    with pytest.raises(tarn.Invalid, match="torn off"):
        lake.sql("SELECT * FROM reader")
    assert lake.sql("SELECT 1").fetchone() == (1,)
