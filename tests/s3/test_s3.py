"""Tables in buckets from a local warehouse: what they cost in requests, that others read them, and how it fails."""
import os
import pathlib
import subprocess
import time

import deltalake
import pytest

from s3server import S3Server

SOURCE = pathlib.Path(os.environ.get("TARN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
TARN = pathlib.Path(os.environ.get("TARN_BUILD_DIR", SOURCE / "build")) / "tarn"


class Lake:
    def __init__(self, folder):
        self.folder = folder

    def run(self, *args, **env):
        return subprocess.run([TARN, "-w", self.folder, *args], text=True, capture_output=True, timeout=120, env={**os.environ, **env})

    def sql(self, text, *flags, **env):
        done = self.run(*flags, "sql", "--format", "csv", text, **env)
        assert done.returncode == 0, done.stderr
        return [line.split(",") for line in done.stdout.splitlines()[1:]]

    def fail(self, text, *flags, **env):
        done = self.run(*flags, "sql", text, **env)
        assert done.returncode == 1, done.stdout
        return done.stderr


@pytest.fixture
def lake(tmp_path, s3):
    return Lake(tmp_path / "lake")


def test_life_of_a_table(lake, s3):
    uri = f"{s3.prefix()}/a-folder/t"  # deltalake signs no blanks
    lake.sql(f"CREATE TABLE t (id BIGINT, p STRING) PARTITIONED BY (p) LOCATION '{uri}' TBLPROPERTIES ('delta.enableDeletionVectors' = 'false')")
    values = ["a b", "100%", "a+b", "x?y", "q*", "[z]", "ü", "#h", "a/b", "a=b", "it's"]
    rows = ", ".join(f"({i}, '" + v.replace("'", "''") + "')" for i, v in enumerate(values))
    lake.sql(f"INSERT INTO t VALUES {rows}; INSERT INTO t VALUES (100, 'ü'), (101, NULL)")
    lake.sql("MERGE INTO t USING (SELECT 100 AS id) s ON t.id = s.id WHEN MATCHED THEN UPDATE SET id = 200")
    lake.sql("DELETE FROM t WHERE p = 'x?y'; OPTIMIZE t")
    wanted = sorted([(i, v) for i, v in enumerate(values) if v != "x?y"] + [(101, None), (200, "ü")])
    assert lake.sql("VACUUM t RETAIN 0 HOURS", "--set", "vacuum.retention_check=false")
    got = deltalake.DeltaTable(uri, storage_options={**s3.env, "AWS_ALLOW_HTTP": "true"}).to_pyarrow_table().to_pydict()
    assert sorted(zip(got["id"], got["p"])) == wanted
    assert lake.sql(f"SELECT count(*), sum(id) FROM delta.`{uri}`") == [[str(len(wanted)), str(sum(i for i, _ in wanted))]]
    assert lake.sql(f"SELECT id FROM delta.`{uri}` WHERE p = 'it''s'") == [["10"]]


@pytest.mark.skipif("TARN_VERSITYGW" in os.environ, reason="its log is of another kind")
def test_requests(lake, s3):
    uri = f"{s3.prefix()}/t"
    lake.sql(f"CREATE TABLE t (id BIGINT, v DOUBLE) LOCATION '{uri}'")
    for k in range(10):
        lake.sql(f"INSERT INTO t SELECT i, i * 0.5 FROM range({k * 1000}, {k * 1000 + 1000}) r(i)")
    before = len(s3.requests())
    told = {row[1]: row[2:] for row in lake.sql(f"EXPLAIN ANALYZE SELECT v FROM delta.`{uri}` WHERE id = 5500")}
    asked = s3.requests()[before:]
    assert len(asked) <= 8, asked
    lists = sum("list-type=2" in line for line in asked)
    kinds = {"GET": sum(line.startswith("GET") for line in asked) - lists, "LIST": lists,
             "HEAD": sum(line.startswith("HEAD") for line in asked)}
    assert dict(reversed(part.strip(' "').split()) for part in told["http requests"]) == {k: str(n) for k, n in kinds.items() if n}
    assert not any("list-type" in line and "_delta_log" not in line for line in asked)


def test_a_failed_write_leaves_nothing(lake, s3):
    uri = f"{s3.prefix()}/t"
    lake.sql(f"CREATE TABLE t (id BIGINT, p BIGINT) PARTITIONED BY (p) LOCATION '{uri}'")
    error = lake.fail("INSERT INTO t SELECT CASE WHEN i = 999999 THEN error('enough') ELSE i END, i // 100000 FROM range(1000000) r(i)")
    assert "enough" in error
    table = deltalake.DeltaTable(uri, storage_options={**s3.env, "AWS_ALLOW_HTTP": "true"})
    assert table.version() == 0
    assert lake.sql("VACUUM t DRY RUN") == []
    assert lake.sql("VACUUM t RETAIN 0 HOURS DRY RUN", "--set", "vacuum.retention_check=false") == []


def test_refused(lake, s3):
    uri = f"{s3.prefix()}/t"
    error = lake.fail(f"SELECT * FROM delta.`{uri}`", AWS_SECRET_ACCESS_KEY="wrong-and-hidden")
    assert "DENIED" in error and "SignatureDoesNotMatch" in error and "hint:" in error and "hidden" not in error
    error = lake.fail("SELECT * FROM delta.`s3://nobucket/t`")
    assert "there is no bucket nobucket" in error
    shown = lake.run("--set", "s3.secret_access_key=very-hidden", "sql", "SHOW SETTINGS")
    assert "s3.secret_access_key" in shown.stdout and "hidden" not in shown.stdout + shown.stderr


def test_server_dies(lake):
    server = S3Server()
    uri = f"{server.prefix()}/t"
    lake.sql(f"CREATE TABLE t (id BIGINT) LOCATION '{uri}'; INSERT INTO t VALUES (1)", **server.env)
    server.stop()
    begin = time.monotonic()
    error = lake.fail("INSERT INTO t VALUES (2)", **server.env)
    assert "IO" in error and "cannot be reached" in error
    assert time.monotonic() - begin < 20
