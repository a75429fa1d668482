"""Many processes write one table at once, and processes are killed while they write: nothing acknowledged is lost, nothing is there twice."""
import os
import pathlib
import random
import subprocess
import time

import pytest

SOURCE = pathlib.Path(os.environ.get("TARN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
TARN = pathlib.Path(os.environ.get("TARN_BUILD_DIR", SOURCE / "build")) / "tarn"
FULL = os.environ.get("TARN_FULL") == "1"
WRITERS, WRITES = 12, 50 if FULL else 8
KILLS = 100 if FULL else 12


# A table's kind: the format, whether it is in the catalog or found by its path, and its properties.
KINDS = {
    "delta": ("delta", True, "'delta.checkpointInterval' = '3'"),
    "iceberg": ("iceberg", True, "'format-version' = '3', 'write.merge.mode' = 'merge-on-read', 'write.update.mode' = 'merge-on-read'"),
    "iceberg-path": ("iceberg", False, "'format-version' = '2'"),
}


def sql(lake, text, **more):
    return subprocess.run([TARN, "-w", lake, "sql", "--format", "csv", text], text=True, capture_output=True, check=True,
                          timeout=120, **more).stdout.splitlines()[1:]


def create(lake, kind, columns):
    """The new table's name."""
    table_format, in_catalog, properties = KINDS[kind]
    if in_catalog:
        sql(lake, f"CREATE TABLE t ({columns}) USING {table_format} TBLPROPERTIES ({properties})")
        return "t"
    sql(lake, f"CREATE TABLE {table_format}.`{lake}/by path` ({columns}) TBLPROPERTIES ({properties})")
    return f"{table_format}.`{lake}/by path`"


def versions_are_whole(lake, t, kind):
    """Versions without gaps, the newest one's number, and some of them read."""
    versions = sorted(int(line.split(",")[0]) for line in sql(lake, f"DESCRIBE HISTORY {t}"))
    first = 0 if kind == "delta" else 1  # without rows an Iceberg table has no version
    assert versions == list(range(first, first + len(versions)))
    for version in versions[:: max(1, len(versions) // 5)]:
        sql(lake, f"SELECT count(*), sum(n) FROM {t} VERSION AS OF {version}")
    return versions[-1]


@pytest.mark.parametrize("store,kind", [(store, kind) for kind in KINDS for store in ("local", "s3") if FULL or store == "local" or kind == "delta"])
def test_twelve_writers(store, kind, tmp_path, request):
    lake = tmp_path / "lake" if store == "local" else request.getfixturevalue("s3").prefix()
    # Of moto, which does one thing at a time, twelve writers get so little that one may wait for its turn until the timeout.
    writes = WRITES if store == "local" or "TARN_VERSITYGW" in os.environ else 2
    t = create(lake, kind, "writer INT, n INT, count INT")
    sql(lake, f"INSERT INTO {t} SELECT range, -1, 0 FROM range(12)")
    writers = []
    for w in range(WRITERS):
        script = tmp_path / f"{w}.sql"
        script.write_text("".join(
            f"INSERT INTO {t} VALUES ({w}, {i}, 1);\n"
            if i % 2 else
            f"MERGE INTO {t} AS t USING (SELECT {w} AS writer, -1 AS n) AS s ON t.writer = s.writer AND t.n = s.n WHEN MATCHED THEN UPDATE SET count = t.count + 1"
            " WHEN NOT MATCHED THEN INSERT (writer, n, count) VALUES (s.writer, s.n, -1000);\n"
            for i in range(writes)))
        writers.append(subprocess.Popen([TARN, "-w", lake, "--set", "commit.retry_timeout=600s", "sql", "--format", "csv", "-f", script],
                                        stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True))
    for writer in writers:
        _, errors = writer.communicate(timeout=900)
        assert writer.returncode == 0, errors
    appends, upserts = writes // 2, writes - writes // 2
    assert sql(lake, f"SELECT count(*), count(DISTINCT (writer, n)) FROM {t} WHERE n >= 0") == [f"{WRITERS * appends},{WRITERS * appends}"]
    assert sql(lake, f"SELECT DISTINCT count FROM {t} WHERE n = -1") == [str(upserts)]
    assert sql(lake, f"SELECT count(*) FROM {t} WHERE n = -1") == [str(WRITERS)]
    assert versions_are_whole(lake, t, kind) == 1 + WRITERS * writes


@pytest.mark.parametrize("kind", KINDS)
def test_killed_while_writing(kind, tmp_path):
    """What a killed writer had acknowledged is there once; what it had not is there whole or not at all."""
    lake, seed = tmp_path / "lake", int(os.environ.get("TARN_TEST_SEED", random.randrange(2**32)))
    print(f"TARN_TEST_SEED={seed}")
    dice = random.Random(seed)
    t = create(lake, kind, "batch INT, n INT")
    acknowledged, batch = set(), 0
    for _ in range(KILLS):
        first = batch
        script = tmp_path / "script.sql"
        statements = []
        for batch in range(first, first + 40):
            statements.append(f"INSERT INTO {t} SELECT {batch}, range FROM range(100)")
            if batch % 5 == 0:
                statements.append(f"OPTIMIZE {t}")
            if batch % 7 == 0:
                statements.append(f"UPDATE {t} SET n = n WHERE batch = {batch}")
            statements.append(f"SELECT {batch} AS acknowledged")
        batch += 1
        script.write_text(";\n".join(statements) + ";\n")
        writer = subprocess.Popen([TARN, "-w", lake, "sql", "--format", "jsonl", "-f", script], stdout=subprocess.PIPE, text=True)
        time.sleep(dice.uniform(0.02, 0.5))
        writer.kill()
        for line in writer.communicate()[0].splitlines():
            if line.startswith('{"acknowledged":') and line.endswith("}"):
                acknowledged.add(int(line.split(":")[1].rstrip("}")))
    rows = [tuple(map(int, line.split(","))) for line in sql(lake, f"SELECT batch, count(*), count(DISTINCT n) FROM {t} GROUP BY batch")]
    assert acknowledged and acknowledged <= {row[0] for row in rows}
    assert all(row[1:] == (100, 100) for row in rows)
    versions_are_whole(lake, t, kind)
