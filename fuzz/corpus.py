"""corpus.py TARN: makes fuzz/corpus/iceberg anew from tables that TARN writes; a seed's first byte says what it is (iceberg.c)."""
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "tests" / "support"))
from avrofile import inflated  # noqa: E402

MARKED = ", ".join(f"'write.{statement}.mode' = 'merge-on-read'" for statement in ("delete", "update", "merge"))
TABLES = {version: f"""
    CREATE TABLE t{version} (id BIGINT NOT NULL, s STRING, d DATE, x STRUCT<a: INT, b: ARRAY<STRING>>) USING iceberg PARTITIONED BY (s)
        TBLPROPERTIES ('format-version' = '{version}', {MARKED});
    INSERT INTO t{version} VALUES (1, 'a', DATE '2026-01-01', {{'a': 1, 'b': ['x']}}), (5, 'a', NULL, NULL), (2, 'b', NULL, NULL), (3, NULL, DATE '1969-12-31', NULL);
    DELETE FROM t{version} WHERE id = 1;
    ALTER TABLE t{version} SET PARTITION SPEC (bucket(4, id), truncate(2, s), months(d));
    ALTER TABLE t{version} ADD COLUMNS (y DECIMAL(20,3));
    INSERT INTO t{version} VALUES (4, 'ä', DATE '2026-02-01', NULL, 1.5);
    ALTER TABLE t{version} CREATE TAG kept;
    ALTER TABLE t{version} CREATE BRANCH work;
    DELETE FROM t{version} WHERE id = 2;
    OPTIMIZE t{version};""" for version in (2, 3)}
VIEW = {"view-uuid": "fa6506c3-7681-40c8-86dc-e36561f83385", "format-version": 1, "location": "mem://t", "current-version-id": 1, "properties": {"comment": "c"},
        "versions": [{"version-id": 1, "timestamp-ms": 1, "schema-id": 1, "summary": {}, "default-catalog": "lake", "default-namespace": ["main"],
                      "representations": [{"type": "sql", "sql": "SELECT 1 AS a", "dialect": "spark"}, {"type": "sql", "sql": "SELECT 2 AS a", "dialect": "tarn"}]}],
        "version-log": [{"timestamp-ms": 1, "version-id": 1}],
        "schemas": [{"schema-id": 1, "type": "struct", "fields": [{"id": 1, "name": "a", "required": False, "type": "int"}]}]}


def seeds(folder):
    """Kind and bytes of each: the last of each size class is enough."""
    metadata = folder / "metadata"
    newest = max(metadata.glob("*.metadata.json")).read_bytes()
    yield " ", newest
    # Manifest lists and manifests below the place where the target looks.
    for kind, pattern, keep in (("l", "snap-*.avro", 2), ("m", "*-m*.avro", 3)):
        for path in sorted(metadata.glob(pattern), key=lambda path: path.stat().st_size)[-keep:]:
            yield kind, inflated(path.read_bytes())
    for path in sorted((folder / "data").rglob("*.puffin"))[:1]:
        footer = re.search(rb'"offset":(\d+),"length":(\d+)', path.read_bytes())
        yield "v", path.read_bytes()[int(footer[1]):int(footer[1]) + int(footer[2])]


def main(tarn):
    corpus = HERE / "corpus" / "iceberg"
    with tempfile.TemporaryDirectory() as lake:
        for version, script in TABLES.items():
            subprocess.run([tarn, "-w", lake, "sql", script], check=True, stdout=subprocess.DEVNULL)
            for i, (kind, data) in enumerate(seeds(pathlib.Path(lake) / "lake" / "main" / f"t{version}")):
                data = data.replace(lake.encode(), b"mem://t".ljust(len(lake), b"/"))
                (corpus / f"v{version}-{i}").write_bytes(kind.encode() + data)
    (corpus / "view").write_bytes(b"w" + json.dumps(VIEW).encode())


main(sys.argv[1])
