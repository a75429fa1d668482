"""test_adbc.py: ADBC's own driver manager opens libtarn: queries, bound rows, ingest, catalogs, transactions, errors."""
import datetime
import decimal
import os
import pathlib
import threading

import adbc_driver_manager
import pyarrow
import pytest
from adbc_driver_manager import dbapi

SOURCE = pathlib.Path(os.environ.get("TARN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("TARN_BUILD_DIR", SOURCE / "build"))


def connect(path, **options):
    return dbapi.connect(driver=str(BUILD / "libtarn.so"), db_kwargs={"uri": str(path), **options.pop("db_kwargs", {})}, **options)


@pytest.fixture
def con(tmp_path):
    with connect(tmp_path / "lake", autocommit=True) as connection:
        yield connection


def rows(con, sql, parameters=None):
    with con.cursor() as cur:
        cur.execute(sql, parameters)
        return cur.fetchall() if cur.description else []


def test_queries(con):
    with con.cursor() as cur:
        cur.execute("CREATE TABLE t (id BIGINT, name STRING)")
        cur.execute("INSERT INTO t VALUES (1, 'a'), (2, NULL)")
        assert cur.rowcount == 2
        cur.execute("SELECT * FROM t ORDER BY id")
        assert cur.description[0][0] == "id" and cur.fetchall() == [(1, "a"), (2, None)]
        cur.execute("SELECT * FROM range(10000)")
        assert cur.fetch_arrow_table().num_rows == 10000
        assert cur.adbc_execute_schema("SELECT 1::BIGINT AS x") == pyarrow.schema({"x": pyarrow.int64()})
        with pytest.raises(dbapi.ProgrammingError):
            cur.adbc_execute_schema("INSERT INTO t VALUES (3, 'c')")
    assert rows(con, "SELECT count(*) FROM t") == [(2,)]


BOUND = {"n": None, "b": True, "i": -5, "f": 1.5, "s": "it's ü", "z": b"\0x", "d": datetime.date(2024, 2, 29),
         "t": datetime.time(1, 2, 3, 4), "ts": datetime.datetime(2024, 1, 1, 5), "dec": decimal.Decimal("-0.0050"),
         "tz": datetime.datetime(2024, 1, 1, 5, tzinfo=datetime.timezone.utc)}


def test_parameters(con):
    marks = ", ".join("?" for _ in BOUND)
    found = rows(con, f"SELECT {marks}", list(BOUND.values()))[0]
    assert list(found[:-1]) == list(BOUND.values())[:-1] and found[-1] == BOUND["tz"]
    for arrow in (pyarrow.array([(1 << 64) - 1], pyarrow.uint64()), pyarrow.array(["w"]).dictionary_encode(),
                  pyarrow.array(["large"], pyarrow.large_string()), pyarrow.array([7], pyarrow.int8()),
                  pyarrow.array([10**37], pyarrow.decimal128(38, 0)), pyarrow.array([3], pyarrow.timestamp("s"))):
        with con.cursor() as cur:
            cur.execute("SELECT ?", pyarrow.record_batch([arrow], names=["x"]))
            assert cur.fetchone() == (arrow[0].as_py(),)
    for wrong in (pyarrow.array([[1]]), pyarrow.array([1, 2])):
        with con.cursor() as cur, pytest.raises(dbapi.Error):
            cur.execute("SELECT ?", pyarrow.record_batch([wrong], names=["x"]))
    assert rows(con, "SELECT 1") == [(1,)]


def test_executemany_is_one_commit(con):
    with con.cursor() as cur:
        cur.execute("CREATE TABLE t (id BIGINT, name STRING)")
        cur.executemany("INSERT INTO t (id, name) VALUES (?, ?)", [(i, f"n{i}") for i in range(1000)])
        assert cur.rowcount == 1000
        cur.executemany("DELETE FROM t WHERE id = ?", [(1,), (2,), (5000,)])
        assert cur.rowcount == 2
        cur.executemany("INSERT INTO t VALUES (?, upper(?))", [(-1, "x"), (-2, "y")])
    assert rows(con, "SELECT count(*), max(name) FROM t") == [(1000, "n999")]
    assert rows(con, "SELECT count(*) FROM t.history WHERE operation = 'WRITE'") == [(3,)]


@pytest.mark.parametrize("data", ["table", "batch", "reader"])
def test_ingest(con, data):
    table = pyarrow.table({"id": [1, 2], "s": ["a", None]})
    given = {"table": lambda: table, "batch": lambda: table.to_batches()[0], "reader": table.to_reader}[data]
    with con.cursor() as cur:
        assert cur.adbc_ingest("t", given(), mode="create") == 2
        with pytest.raises(dbapi.ProgrammingError) as error:
            cur.adbc_ingest("t", given(), mode="create")
        assert error.value.status_code == adbc_driver_manager.AdbcStatusCode.ALREADY_EXISTS
        assert cur.adbc_ingest("t", given(), mode="append") == 2
        assert cur.adbc_ingest("t", given(), mode="create_append") == 2
        assert rows(con, "SELECT count(*), count(s) FROM t") == [(6, 3)]
        assert cur.adbc_ingest("t", given(), mode="replace") == 2
        assert rows(con, "SELECT count(*) FROM t") == [(2,)]
        with pytest.raises(dbapi.Error) as error:
            cur.adbc_ingest("nope", given(), mode="append")
        assert error.value.status_code == adbc_driver_manager.AdbcStatusCode.NOT_FOUND
        cur.execute("CREATE SCHEMA s")
        assert cur.adbc_ingest("new", given(), mode="create_append", db_schema_name="s", catalog_name="lake") == 2
    assert rows(con, "SELECT count(*) FROM lake.s.new") == [(2,)]


def test_catalogs(con):
    for sql in ("CREATE SCHEMA s", "CREATE TABLE s.t (id BIGINT NOT NULL, \"a 'b\" STRING)", "CREATE VIEW v AS SELECT 1 AS one",
                "CREATE CATALOG other"):
        rows(con, sql)
    objects = con.adbc_get_objects().read_all().to_pylist()
    assert [entry["catalog_name"] for entry in objects] == ["lake", "other"]
    schemas = {schema["db_schema_name"]: schema["db_schema_tables"] for schema in objects[0]["catalog_db_schemas"]}
    assert [(table["table_name"], table["table_type"]) for table in schemas["main"]] == [("v", "VIEW")]
    (table,) = schemas["s"]
    columns = [(c["column_name"], c["ordinal_position"], c["xdbc_type_name"]) for c in table["table_columns"]]
    assert columns == [("id", 1, "BIGINT"), ("a 'b", 2, "VARCHAR")]
    assert con.adbc_get_objects(depth="catalogs").read_all().to_pylist()[0]["catalog_db_schemas"] is None
    shallow = con.adbc_get_objects(depth="db_schemas", catalog_filter="l%").read_all().to_pylist()
    assert [s["db_schema_name"] for s in shallow[0]["catalog_db_schemas"]] == ["main", "s"] and len(shallow) == 1
    found = con.adbc_get_objects(depth="tables", db_schema_filter="_", table_name_filter="t", table_types_filter=["TABLE"])
    assert found.read_all().to_pylist()[0]["catalog_db_schemas"][0]["db_schema_tables"][0]["table_name"] == "t"
    assert con.adbc_get_objects(catalog_filter="none").read_all().num_rows == 0
    assert con.adbc_get_table_types() == ["TABLE", "VIEW"]
    assert con.adbc_get_table_schema("t", db_schema_filter="s").names == ["id", "a 'b"]
    with pytest.raises(dbapi.Error):
        con.adbc_get_table_schema("nope")
    info = con.adbc_get_info()
    assert info["vendor_name"] == "Tarn" and info["driver_adbc_version"] == 1001000 and info["vendor_version"] == "0.1.0"


def test_current_schema(tmp_path):
    with connect(tmp_path, autocommit=True) as con:
        rows(con, "CREATE SCHEMA s")
        assert (con.adbc_current_catalog, con.adbc_current_db_schema) == ("lake", "main")
        con.adbc_current_db_schema = "s"
        rows(con, "CREATE TABLE t AS SELECT 1 AS x")
        assert con.adbc_current_db_schema == "s" and rows(con, "SELECT * FROM lake.s.t") == [(1,)]


def count(path):
    with connect(path, autocommit=True) as other:
        return rows(other, "SELECT count(*) FROM t")[0][0]


def test_transactions(tmp_path):
    with connect(tmp_path) as con:
        rows_of = con.cursor()
        rows_of.execute("CREATE TABLE t (id BIGINT)")
        rows_of.execute(" -- one\n INSERT INTO t VALUES (1)")
        assert count(tmp_path) == 0
        con.commit()
        assert count(tmp_path) == 1
        rows_of.execute("INSERT INTO t VALUES (2)")
        con.rollback()
        rows_of.execute("DELETE FROM t")
        rows_of.close()
    assert count(tmp_path) == 1


def test_errors(con, tmp_path):
    with con.cursor() as cur:
        with pytest.raises(dbapi.ProgrammingError) as error:
            cur.execute("SELECT * FROM nope")
        assert error.value.sqlstate == "42P01" and "NOTFOUND" in str(error.value)
        cur.execute("CREATE TABLE t (id BIGINT NOT NULL)")
        with pytest.raises(dbapi.IntegrityError):
            cur.execute("INSERT INTO t VALUES (NULL)")
        with pytest.raises(dbapi.Error):
            cur.execute("SELECT CAST('x' || range AS INTEGER) FROM range(10)")
            cur.fetchall()
    with pytest.raises(dbapi.Error, match="nonsense"):
        connect(tmp_path / "other", db_kwargs={"nonsense": "1"})
    with pytest.raises(dbapi.Error, match="principal"):
        with connect(tmp_path / "lake", autocommit=True, db_kwargs={"username": "nobody"}) as other:
            rows(other, "SELECT * FROM t")


def test_cancel(con):
    with con.cursor() as cur:
        timer = threading.Timer(0.5, con.adbc_cancel)
        timer.start()
        with pytest.raises(dbapi.OperationalError, match="CANCELLED"):
            cur.execute("SELECT count(*) FROM range(100000000) a, range(1000) b WHERE hash(a.range) % 7 = b.range % 7")
            cur.fetchall()
        timer.join()
    assert rows(con, "SELECT 1") == [(1,)]


def test_an_entry_point_that_is_not_there():
    with pytest.raises(dbapi.Error):
        dbapi.connect(driver=str(BUILD / "libtarn.so"), entrypoint="AdbcDriverNoneInit")


def test_the_named_entry_point(tmp_path):
    with dbapi.connect(driver=str(BUILD / "libtarn.so"), entrypoint="AdbcDriverTarnInit", db_kwargs={"uri": str(tmp_path)},
                       autocommit=True) as con:
        assert rows(con, "SELECT 42") == [(42,)]
