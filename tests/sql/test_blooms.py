"""Bytes are found in files whose writer added Bloom filters to them, for which DuckDB's reader asks wrongly."""
import json
import pathlib
import sys

import duckdb

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tarnlib import Session  # noqa: E402

VALUES = [b"ab\x00c", b"\xff", b"plain", b"\\xFF", b""]


def test_bytes_are_found(tmp_path):
    table = tmp_path / "t"
    (table / "_delta_log").mkdir(parents=True)
    connection = duckdb.connect()
    connection.execute("CREATE TABLE v AS SELECT * FROM (SELECT unnest($1::BLOB[]) AS b), range(100)", [VALUES])
    connection.execute(f"COPY (SELECT b, {{'m': b}} AS s FROM v) TO '{table}/a.parquet' (FORMAT parquet, WRITE_BLOOM_FILTER true)")
    blooms = connection.execute(f"SELECT bloom_filter_offset FROM parquet_metadata('{table}/a.parquet')").fetchall()
    assert blooms[0][0] is not None
    def field(name, kind):
        return {"name": name, "type": kind, "nullable": True, "metadata": {}}

    member = {"type": "struct", "fields": [field("m", "binary")]}
    schema = {"type": "struct", "fields": [field("b", "binary"), field("s", member)]}
    actions = [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}},
               {"metaData": {"id": "t", "format": {"provider": "parquet", "options": {}}, "partitionColumns": [],
                             "configuration": {}, "schemaString": json.dumps(schema)}},
               {"add": {"path": "a.parquet", "partitionValues": {}, "size": (table / "a.parquet").stat().st_size,
                        "modificationTime": 1, "dataChange": True}}]
    (table / "_delta_log" / f"{0:020}.json").write_text("\n".join(map(json.dumps, actions)))
    session = Session(tmp_path / "lake")
    for value in VALUES:
        assert session.rows(f"SELECT count(*) FROM delta.`{table}` WHERE b = ?", [value]) == [(100,)]
        text = "".join(f"\\x{byte:02x}" for byte in value)
        assert session.rows(f"SELECT count(*) FROM delta.`{table}` WHERE b = '{text}'::BLOB") == [(100,)]
        assert session.rows(f"SELECT count(*) FROM delta.`{table}` WHERE s.m = '{text}'::BLOB") == [(100,)]
    assert session.rows(f"DELETE FROM delta.`{table}` WHERE b = '\\xff'::BLOB") == [(100,)]
    session.close()
