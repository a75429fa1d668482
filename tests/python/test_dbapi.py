"""test_dbapi.py: what PEP 249 asks of a database module."""
import datetime

import pytest

from tarn import dbapi


@pytest.fixture
def con(tmp_path):
    with dbapi.connect(tmp_path / "lake") as connection:
        yield connection


def test_module():
    assert dbapi.apilevel == "2.0" and dbapi.threadsafety == 1 and dbapi.paramstyle == "qmark"
    assert issubclass(dbapi.Warning, Exception) and issubclass(dbapi.InterfaceError, dbapi.Error)
    for name in ("DataError", "OperationalError", "IntegrityError", "InternalError", "ProgrammingError", "NotSupportedError"):
        assert issubclass(getattr(dbapi, name), dbapi.DatabaseError)
        assert getattr(dbapi.Connection, name) is getattr(dbapi, name)
    assert dbapi.Date(2024, 1, 2) == datetime.date(2024, 1, 2) and dbapi.Binary(b"x") == b"x"
    assert isinstance(dbapi.DateFromTicks(0), datetime.date) and isinstance(dbapi.TimestampFromTicks(0), datetime.datetime)
    assert isinstance(dbapi.TimeFromTicks(0), datetime.time)


def test_description_and_fetching(con):
    cur = con.cursor()
    assert cur.description is None and cur.rowcount == -1 and cur.arraysize == 1
    cur.execute("SELECT range AS n, 'x' AS s, 1.5::DECIMAL(5,2) AS d, now() AS t, 'b'::BLOB AS b FROM range(10)")
    assert [column[0] for column in cur.description] == ["n", "s", "d", "t", "b"] and all(len(c) == 7 for c in cur.description)
    n, s, d, t, b = (column[1] for column in cur.description)
    assert n == dbapi.NUMBER and d == dbapi.NUMBER and s == dbapi.STRING and t == dbapi.DATETIME and b == dbapi.BINARY
    assert n != dbapi.STRING and s != dbapi.NUMBER and cur.rowcount == -1
    assert cur.fetchone()[0] == 0 and [row[0] for row in cur.fetchmany(3)] == [1, 2, 3] and len(cur.fetchmany()) == 1
    cur.arraysize = 2
    assert len(cur.fetchmany()) == 2 and [row[0] for row in cur] == [7, 8, 9]
    assert cur.fetchone() is None and cur.fetchall() == [] and cur.fetchmany(5) == []
    cur.setinputsizes([1])
    cur.setoutputsize(5)


def test_wrong_use(con):
    cur = con.cursor()
    for fetch in (cur.fetchone, cur.fetchall, cur.fetchmany):
        with pytest.raises(dbapi.Error):
            fetch()
    cur.execute("CREATE TABLE t (id BIGINT)")
    with pytest.raises(dbapi.Error):
        cur.fetchone()
    with pytest.raises(dbapi.ProgrammingError):
        cur.execute("SELECT * FROM nope")
    assert cur.description is None
    cur.close()
    for use in (lambda: cur.execute("SELECT 1"), cur.fetchone):
        with pytest.raises(dbapi.Error):
            use()
    con.close()
    con.close()
    for use in (con.cursor, con.commit, con.rollback):
        with pytest.raises(dbapi.Error):
            use()


def count(path):
    with dbapi.connect(path) as other:
        return other.cursor().execute("SELECT count(*) FROM t").fetchone()[0]


def test_transactions(tmp_path):
    path = tmp_path / "lake"
    con = dbapi.connect(path)
    cur = con.cursor()
    cur.execute("CREATE TABLE t (id BIGINT)")
    cur.execute("/* one */ INSERT INTO t VALUES (?)", [1])
    assert cur.rowcount == 1 and count(path) == 0
    con.commit()
    assert count(path) == 1
    cur.execute("INSERT INTO t VALUES (2)")
    cur.execute("SELECT count(*) FROM t")
    assert cur.fetchone() == (2,)
    con.rollback()
    con.rollback()
    cur.execute("DELETE FROM t")
    con.close()
    assert count(path) == 1
    with pytest.raises(ZeroDivisionError), dbapi.connect(path) as con:
        con.cursor().execute("INSERT INTO t VALUES (3)")
        1 / 0
    with dbapi.connect(path) as con:
        con.cursor().execute("INSERT INTO t VALUES (4)")
    with dbapi.connect(path, autocommit=True) as con:
        con.cursor().execute("INSERT INTO t VALUES (5)")
        assert count(path) == 3
        con.rollback()
    assert count(path) == 3


def test_executemany(con):
    cur = con.cursor()
    cur.execute("CREATE TABLE t (id BIGINT, name STRING)")
    cur.executemany("INSERT INTO t (id, name) VALUES (?, ?);", [(i, f"n{i}") for i in range(1203)])
    assert cur.rowcount == 1203
    cur.executemany("INSERT INTO t VALUES ($id, upper($name))", [{"id": -1, "name": "x"}, {"id": -2, "name": "y"}])
    assert cur.rowcount == 2
    cur.executemany("DELETE FROM t WHERE id = ?", [[0], [1], [10000]])
    assert cur.rowcount == 2
    con.commit()
    cur.execute("SELECT count(*), min(name), sum(id) FROM t")
    assert cur.fetchone() == (1203, "X", sum(range(2, 1203)) - 3)
    cur.executemany("INSERT INTO t VALUES (?, ?)", [])
    assert cur.rowcount == 0
    for wrong in ([(1,)], [(1, 2, 3)]):
        with pytest.raises(dbapi.ProgrammingError):
            cur.executemany("INSERT INTO t VALUES (?, ?)", wrong)
    with pytest.raises(dbapi.ProgrammingError):
        cur.executemany("SELECT ?", [(1,)])
