"""Delete files that reach no row any more go when that is asked for, and no row comes back: on tables that others have deleted rows of by
their values."""
import json
import os
import pathlib
import shutil
import subprocess

import pytest

HERE = pathlib.Path(__file__).parent
SOURCE = pathlib.Path(os.environ.get("TARN_SOURCE_DIR", HERE.parents[1]))
BUILD = pathlib.Path(os.environ.get("TARN_BUILD_DIR", SOURCE / "build"))
SHARED = pathlib.Path(os.environ.get("TARN_SHARED", SOURCE.parent / "shared"))
TABLES = SHARED / "golden/iceberg/data/impala/iceberg_test/hadoop_catalog/ice"


def sql(lake, text):
    done = subprocess.run([BUILD / "tarn", "-w", lake, "sql", "--format", "jsonl", text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


@pytest.mark.skipif(not TABLES.is_dir(), reason=f"no golden tables at {TABLES}")
@pytest.mark.parametrize("name", ["iceberg_v2_delete_both_eq_and_pos", "iceberg_v2_delete_equality_partitioned",
                                  "iceberg_v2_delete_equality_multi_eq_ids", "iceberg_v2_delete_equality_partition_evolution"])
def test_dangling(name, tmp_path):
    shutil.copytree(TABLES / name, tmp_path / "t")
    lake, table = tmp_path / "lake", f"iceberg.`{tmp_path}/t`"
    rows = sql(lake, f"SELECT t::VARCHAR AS r FROM {table} t ORDER BY 1")
    drop = f"CALL system.rewrite_data_files('{table}', options => map('remove-dangling-deletes', 'true'))"
    sql(lake, drop)
    assert sql(lake, f"SELECT t::VARCHAR AS r FROM {table} t ORDER BY 1") == rows
    left = sql(lake, f"SELECT count(*) AS n FROM {table}.delete_files")[0]["n"]
    sql(lake, f"CALL system.rewrite_data_files('{table}', options => map('rewrite-all', 'true'))")
    assert sql(lake, drop)[0]["removed_delete_files_count"] <= left
    assert sql(lake, drop)[0]["removed_delete_files_count"] == 0
    assert sql(lake, f"SELECT t::VARCHAR AS r FROM {table} t ORDER BY 1") == rows
    assert sql(lake, f"SELECT count(*) AS n FROM {table}.delete_files") == [{"n": 0}]
    totals = sql(lake, f"SELECT summary['total-delete-files'] AS d, summary['total-equality-deletes'] AS e FROM {table}.snapshots "
                       "ORDER BY committed_at DESC LIMIT 1")
    assert totals == [{"d": "0", "e": "0"}]
