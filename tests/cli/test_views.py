"""Views that other engines wrote are taken over by CALL system.register_view: their query, columns and places of names; anything else is refused."""
import json
import os
import pathlib
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("TARN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("TARN_BUILD_DIR", SOURCE / "build"))
GOLDEN = pathlib.Path(os.environ.get("TARN_SHARED", SOURCE.parent / "shared")) / "golden" / "iceberg"


def view(sql, columns=("n", "total"), namespace=("main",), catalog=None):
    """A view's metadata file as Spark writes it."""
    fields = [{"id": i, "name": name, "required": False, "type": "long"} for i, name in enumerate(columns, 1)]
    version = {"version-id": 1, "timestamp-ms": 1, "schema-id": 0, "summary": {}, "default-namespace": namespace,
               "representations": [{"type": "sql", "sql": sql, "dialect": "spark"}]}
    return {"view-uuid": "6b1c", "format-version": 1, "location": "/somewhere", "current-version-id": 1, "version-log": [],
            "schemas": [{"type": "struct", "schema-id": 0, "fields": fields}],
            "versions": [dict(version, **{"default-catalog": catalog} if catalog else {})]}


class Lake:
    def __init__(self, folder):
        self.folder = folder
        self.ok("CREATE TABLE t (id BIGINT); INSERT INTO t VALUES (1), (2); CREATE SCHEMA other")

    def run(self, sql):
        return subprocess.run([BUILD / "tarn", "-w", self.folder / "lake", "sql", "--format", "csv", sql], cwd=self.folder,
                              capture_output=True, text=True, check=False)

    def ok(self, sql):
        done = self.run(sql)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def register(self, name, document, *more):
        (self.folder / "v.metadata.json").write_text(document if isinstance(document, str) else json.dumps(document))
        arguments = ", ".join(f"'{a}'" for a in (name, "v.metadata.json", *more))
        return self.run(f"CALL system.register_view({arguments})")


@pytest.fixture
def lake(tmp_path):
    return Lake(tmp_path)


def test_read(lake):
    assert lake.register("other.v", view("SELECT count(*), sum(`id`) FROM t")).returncode == 0
    assert lake.ok("SELECT total, n FROM other.v") == "total,n\n3,2\n"
    assert "other.v exists" in lake.register("other.v", view("SELECT 1, 2")).stderr
    assert lake.register("w", view("SELECT count(*), 5 FROM t", catalog="prod"), "lake").returncode == 0
    assert lake.ok("SELECT n FROM w") == "n\n2\n"


@pytest.mark.parametrize("document, message", [
    (view("SELECT 1, 2; DROP TABLE t"), "a query has to stand here"),
    (view("DROP TABLE t"), "a query has to stand here"),
    (view("SELECT 1, 2) UNION SELECT * FROM (SELECT 3, 4"), "syntax error"),
    (view("SELECT 1"), "names 2 columns, its query gives 1"),
    (view("SELECT 1, ?"), "keeps no parameters"),
    (view("SELECT count(*), 1 FROM t", catalog="prod"), "there is no catalog prod"),
    (view("SELECT count(*), 1 FROM t", namespace=["nope"]), "there is no schema lake.nope"),
    (view("SELECT 1, 2", namespace=["a"] * 100), "too deep"),
    (dict(view("SELECT 1, 2"), versions=[]), "current-version-id 1 is not there"),
    ("{", "v.metadata.json"),
])
def test_refused(lake, document, message):
    done = lake.register("w", document)
    assert done.returncode != 0 and message in done.stderr and "\n" not in done.stderr.strip()
    assert lake.run("SELECT * FROM w").returncode != 0 and lake.ok("SELECT count(*) AS n FROM t") == "n\n2\n"


@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no golden tables at {GOLDEN}")
def test_golden(lake):
    """The fixtures of the format's own libraries, as they say: valid or not."""
    cases = [json.loads(line) for line in (GOLDEN / "manifest.jsonl").read_text().splitlines()]
    views = [case for case in cases if case["kind"] == "view-metadata-json"]
    lake.ok('CREATE CATALOG prod; CREATE SCHEMA prod."default"; CREATE TABLE prod."default".events (event_ts TIMESTAMP)')
    for i, case in enumerate(views):
        done = lake.register(f"v{i}", (GOLDEN / case["path"]).read_text())
        assert (done.returncode == 0) == case["expected"]["valid"], (case["name"], done.stderr)
    assert len(views) > 5
