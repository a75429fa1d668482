"""IDENTITY columns as Delta keeps them in the log, numbers given by writers at once, and metadata that makes no sense."""
import contextlib
import json
import pathlib
import sys
import threading

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tarnlib import Session, TarnError  # noqa: E402


def actions(table, kind):
    for commit in sorted((table / "_delta_log").glob("*.json")):
        for line in commit.read_text().splitlines():
            action = json.loads(line)
            if kind in action:
                yield action[kind]


def marks(table):
    fields = [json.loads(meta["schemaString"])["fields"][0] for meta in actions(table, "metaData")]
    return [{k.removeprefix("delta.identity."): v for k, v in field["metadata"].items()} for field in fields]


@pytest.fixture
def lake(tmp_path):
    with contextlib.closing(Session(tmp_path / "lake")) as session:
        yield session


def make(session, tmp_path, kind="ALWAYS"):
    session.sql(f"CREATE TABLE t (id BIGINT GENERATED {kind} AS IDENTITY (START WITH 5 INCREMENT BY 10), v INT) LOCATION '{tmp_path}/t'")
    return tmp_path / "t"


def test_the_log(lake, tmp_path):
    table = make(lake, tmp_path)
    lake.sql("INSERT INTO t VALUES (1), (2)")
    lake.sql("INSERT INTO t SELECT 1 WHERE false")
    lake.sql("INSERT INTO t SELECT 3")
    told = {"start": 5, "step": 10, "allowExplicitInsert": False}
    assert marks(table) == [told, {**told, "highWaterMark": 15}, {**told, "highWaterMark": 25}]
    protocol = list(actions(table, "protocol"))
    assert len(protocol) == 1
    assert protocol[0]["minWriterVersion"] == 6 or "identityColumns" in protocol[0]["writerFeatures"]


def test_values_of_ones_own_move_no_mark(lake, tmp_path):
    table = make(lake, tmp_path, "BY DEFAULT")
    lake.sql("INSERT INTO t VALUES (7, 1)")
    assert [mark.get("highWaterMark") for mark in marks(table)] == [None]
    assert lake.rows("SELECT id, v FROM t") == [(7, 1)]


def test_writers_at_once(lake, tmp_path):
    make(lake, tmp_path)
    failed = []

    def write():
        try:
            with contextlib.closing(Session(tmp_path / "lake")) as session:
                for i in range(6):
                    session.sql(f"INSERT INTO t VALUES ({i}), ({i})")
        except TarnError as error:
            failed.append(error)

    threads = [threading.Thread(target=write) for _ in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failed
    assert lake.rows("SELECT count(*), count(DISTINCT id), max(id) FROM t") == [(36, 36, 355)]


@pytest.mark.parametrize("key, value", [("step", 0), ("start", "5"), ("highWaterMark", "x"), ("start", 1e300)])
def test_metadata_that_makes_no_sense(lake, tmp_path, key, value):
    table = make(lake, tmp_path)
    first = table / "_delta_log" / f"{0:020}.json"
    lines = [json.loads(line) for line in first.read_text().splitlines()]
    for line in lines:
        if "metaData" in line:
            schema = json.loads(line["metaData"]["schemaString"])
            schema["fields"][0]["metadata"][f"delta.identity.{key}"] = value
            line["metaData"]["schemaString"] = json.dumps(schema)
    first.write_text("".join(json.dumps(line) + "\n" for line in lines))
    for crc in (table / "_delta_log").glob("*.crc"):
        crc.unlink()
    with contextlib.closing(Session(tmp_path / "lake")) as session:
        assert session.rows("SELECT count(*) FROM t") == [(0,)]
        with pytest.raises(TarnError, match="an identity column is none that counts") as refused:
            session.sql("INSERT INTO t (v) VALUES (1)")
        assert refused.value.code == "UNSUPPORTED"
