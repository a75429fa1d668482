"""Damaged copies of golden tables: whatever bytes their metadata has, there are rows or an error, and no crash, hang or leak.

TARN_MUTATIONS (30) says how many, half of them of each format, TARN_MUTATION_SEED the first one's seed; build/asan/tarn is tried where it is built:
`make fuzz-golden` builds it and tries 600. The tables lie in TARN_SHARED, or ../shared beside the repository; without them this is skipped."""
import json
import os
import pathlib
import random
import re
import shutil
import subprocess

import pytest

from avrofile import inflated

SOURCE = pathlib.Path(os.environ.get("TARN_SOURCE_DIR", pathlib.Path(__file__).parents[2]))
BUILD = pathlib.Path(os.environ.get("TARN_BUILD_DIR", SOURCE / "build"))
GOLDEN = pathlib.Path(os.environ.get("TARN_SHARED", SOURCE.parent / "shared")) / "golden"
MUTATIONS = int(os.environ.get("TARN_MUTATIONS", 30))
SEED = int(os.environ.get("TARN_MUTATION_SEED", random.randrange(2**31)))
ASAN = BUILD / "asan" / "tarn"
TARN = ASAN if ASAN.exists() else BUILD / "tarn"
ENVIRONMENT = {"ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1", "UBSAN_OPTIONS": "print_stacktrace=1",
               "LSAN_OPTIONS": f"suppressions={SOURCE}/tools/lsan.supp:print_suppressions=0"}
MARKED = ", ".join(f"'write.{statement}.mode' = 'merge-on-read'" for statement in ("delete", "update", "merge"))
READS = ["SELECT * FROM {t}", "SELECT count(*) FROM {t}", "DESCRIBE HISTORY {t}", "DESCRIBE DETAIL {t}", "SHOW CREATE TABLE {t}",
         *(f"SELECT * FROM {{t}}.{name}" for name in ("snapshots", "history", "files", "manifests", "entries", "partitions", "refs", "metadata_log_entries"))]
WRITES = ["INSERT INTO {t} SELECT * FROM {t} LIMIT 3", "DELETE FROM {t} WHERE random() < 0.5", "OPTIMIZE {t}", "ALTER TABLE {t} ADD COLUMNS (fresh INT)",
          f"ALTER TABLE {{t}} SET TBLPROPERTIES ({MARKED})", "VACUUM {t} DRY RUN"]
TOKENS = [b"0", b"-1", b"1e300", b"9223372036854775807", b"-9223372036854775808", b"4294967296", b"null", b"{}", b"[]", b'""', b"true", b'"\\u0000"', b'"list"', b'"s3://no/where"']


def tables(table_format):
    if table_format == "delta":
        yield from (folder.parent for part in ("delta", "spark") for folder in (GOLDEN / part).rglob("_delta_log") if folder.is_dir())
        return
    for line in (GOLDEN / "iceberg" / "manifest.jsonl").read_text().splitlines():
        entry = json.loads(line)
        if entry["kind"] == "table":
            yield GOLDEN / "iceberg" / entry["path"]
    yield from (folder.parent for folder in (GOLDEN / "spark" / "iceberg").rglob("metadata") if folder.is_dir())


def damage(dice, path):
    data = bytearray(path.read_bytes())
    if path.suffix == ".avro" and dice.random() < 0.8:
        data = bytearray(inflated(bytes(data)))
    for _ in range(dice.choice([1, 1, 2, 4])):
        at = dice.randrange(len(data) + 1)
        how = dice.randrange(6) if path.suffix not in (".json", ".crc", "") else dice.choice([0, 1, 5, 6, 6, 6])
        if how == 0:
            data[at:] = b"" if dice.random() < 0.5 else data[at:][: dice.randrange(16)]
        elif how == 1:
            data[at:at] = bytes(dice.randrange(256) for _ in range(dice.choice([1, 4, 8])))
        elif how == 2:
            del data[at:at + dice.choice([1, 1, 8, 100])]
        elif how == 3:
            data[at:at + 1] = bytes([dice.choice([0, 1, 2, 127, 128, 254, 255])])
        elif how == 4:
            data[at:at + 8] = dice.choice([b"\xff" * 8, b"\x00" * 8, b"\xfe\xff\xff\xff\x0f", b"\x80" * 8])
        elif how == 5:
            data[at:at + 1] = bytes([(data[at:at + 1] or b"\0")[0] ^ 1 << dice.randrange(8)])
        else:
            values = [m.span(1) for m in re.finditer(rb"[:\[,] ?(-?\d+|\"[^\"]*\"|true|false|null)", bytes(data))]
            if values:
                begin, end = dice.choice(values)
                data[begin:end] = dice.choice(TOKENS) if dice.random() < 0.7 else data[slice(*dice.choice(values))]
    path.write_bytes(bytes(data))


@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no golden tables at {GOLDEN}")
@pytest.mark.parametrize("table_format", ["iceberg", "delta"])
def test_damaged_tables(table_format, tmp_path):
    choice, wrong = sorted(tables(table_format)), []
    print(f"TARN_MUTATION_SEED={SEED}, {table_format}, {TARN}")
    for seed in range(SEED, SEED + (MUTATIONS + 1) // 2):
        dice = random.Random(seed)
        original = dice.choice(choice)
        copy = tmp_path / str(seed)
        shutil.copytree(original, copy)
        files = sorted(path for path in copy.rglob("*") if path.is_file() and path.suffix in (".json", ".avro", ".puffin", ".bin", ".text", ".gz", ".stats", ".crc") or path.name == "_last_checkpoint")
        for path in dice.sample(files, min(len(files), dice.choice([1, 1, 2]))):
            damage(dice, path)
        statements = [dice.choice(WRITES)] + dice.sample(READS, len(READS)) if dice.random() < 0.3 else dice.sample(READS, len(READS)) + dice.sample(WRITES, 3)
        sql = ";\n".join(statements).replace("{t}", f"{table_format}.`{copy}`")
        try:
            done = subprocess.run([TARN, "-w", tmp_path / "lake", "sql", sql], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, timeout=120,
                                  env={**os.environ, **ENVIRONMENT})
            said = done.stderr.decode(errors="replace")
            if done.returncode not in (0, 1) or re.search(r"Sanitizer|runtime error:|tarn: INTERNAL", said):
                wrong.append(f"seed {seed}, {original}: {done.returncode}: {said[:3000]}")
        except subprocess.TimeoutExpired:
            wrong.append(f"seed {seed}, {original}: does not end")
        shutil.rmtree(copy)
    assert not wrong, "\n".join(wrong)
