"""Golden tables: what the formats' own engines wrote reads back as they say, but for the cases in known.txt, each with its reason.

The shared set lies in TARN_SHARED, or ../shared beside the repository; without it this is one skipped test.
"""
import json
import os
import pathlib
import subprocess
import sys

import pytest

HERE = pathlib.Path(__file__).parent
SOURCE = pathlib.Path(os.environ.get("TARN_SOURCE_DIR", HERE.parents[1]))
BUILD = pathlib.Path(os.environ.get("TARN_BUILD_DIR", SOURCE / "build"))
GOLDEN = pathlib.Path(os.environ.get("TARN_SHARED", SOURCE.parent / "shared")) / "golden"


def known(fmt):
    """Cases that do not pass yet: "format name  -- reason" a line."""
    lines = (line.split("  -- ") for line in (HERE / "known.txt").read_text().splitlines() if line[:1] not in ("#", ""))
    return {name.split(" ", 1)[1].strip(): reason for name, reason in lines if name.split(" ", 1)[0] == fmt}


@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no golden tables at {GOLDEN}")
@pytest.mark.parametrize("fmt, least", [("delta", 400), ("iceberg", 160)])
def test_golden(fmt, least, tmp_path):
    report = tmp_path / "report.json"
    subprocess.run([sys.executable, GOLDEN / "check.py", "--root", GOLDEN, "--format", f"{fmt},spark", "--json", report],
                   env=dict(os.environ, TARN=str(BUILD / "tarn"), TMPDIR=str(tmp_path)), stdout=subprocess.DEVNULL, check=False)
    cases = [case for case in json.loads(report.read_text()) if case["format"] == fmt]
    expected = known(fmt)
    failed = {case["name"]: case["why"] for case in cases if not case["ok"]}
    print(f"golden {fmt}: {len(cases) - len(failed)} of {len(cases)}")
    assert len(cases) > least
    assert not {name: why for name, why in failed.items() if name not in expected}
    assert not set(expected) - set(failed), "listed in known.txt, but passes: take it out"


@pytest.mark.skipif(not GOLDEN.is_dir(), reason=f"no golden tables at {GOLDEN}")
def test_metadata_files(tmp_path):
    """Metadata files of the format's own libraries are taken or refused as they say. What valid ones name need not be there."""
    cases = [json.loads(line) for line in (GOLDEN / "iceberg/manifest.jsonl").read_text().splitlines()]
    cases = [case for case in cases if case["kind"] == "table-metadata-json"]
    (tmp_path / "metadata").mkdir()
    for i, case in enumerate(cases):
        file = tmp_path / "metadata" / f"v{i}.metadata.json"
        file.write_bytes((GOLDEN / "iceberg" / case["path"]).read_bytes())
        done = subprocess.run([BUILD / "tarn", "-w", tmp_path / "lake", "sql", f"CALL system.register_table('t{i}', '{file}')"],
                              capture_output=True, text=True, check=False)
        refused = done.stderr.startswith(("tarn: CORRUPT", "tarn: UNSUPPORTED"))
        assert refused != case["expected"]["valid"], (case["name"], done.stderr)
    assert len(cases) > 15
