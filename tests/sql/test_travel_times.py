"""The times that the history shows are those that TIMESTAMP AS OF goes by."""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tarnlib import Session  # noqa: E402


def test_each_time_of_the_history_gives_its_version(tmp_path):
    session = Session(tmp_path / "lake")
    session.sql("CREATE TABLE t AS SELECT 0 AS v")
    for i in range(1, 8):
        session.sql(f"INSERT INTO t VALUES ({i})")
    for version, timestamp in session.rows("SELECT version, timestamp FROM t.history"):
        at = timestamp.strftime("%Y-%m-%d %H:%M:%S.%f")
        assert session.rows(f"SELECT count(*) FROM t TIMESTAMP AS OF '{at}'") == [(version + 1,)]
    session.close()
