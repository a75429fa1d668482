"""data.py WHAT TO: makes the rows and the logs that the workloads read; the same bytes' worth at each run."""
import json
import os
import sys
import uuid

import duckdb

FILES_A_DAY, ROWS_A_FILE = 100, 1000
ADD_TYPE = ("STRUCT(path VARCHAR, \"partitionValues\" MAP(VARCHAR, VARCHAR), size BIGINT, \"modificationTime\" BIGINT, \"dataChange\" BOOLEAN, stats VARCHAR)")
SCHEMA = json.dumps({"type": "struct", "fields": [{"name": name, "type": type, "nullable": True, "metadata": {}}
                                                  for name, type in (("id", "long"), ("v", "double"), ("day", "string"))]})
START_MS = 1_767_225_600_000


def scramble(salt, below):
    """A column of numbers under `below` that depend on i alone."""
    return f"(hash(i * 1000003 + {salt}) % {below})"


def rows(to, n):
    """n rows of ten columns, 53 bytes each, over 30 days."""
    os.makedirs(to)
    duckdb.sql(f"""COPY (SELECT i AS id, {scramble(1, 2**40)}::BIGINT AS k, {scramble(2, 1000)}::INT AS group_id, {scramble(3, 2**31 - 1)}::INT AS n,
            {scramble(4, 10**9)} / 1e4 AS price, {scramble(5, 2**50)} / 2.0**50 AS share, 'u' || printf('%011x', {scramble(6, 2**44)}) AS code,
            'cat_' || {scramble(7, 20)} AS cat, TIMESTAMP '2026-01-01' + to_seconds({scramble(8, 30 * 86400)}) AS ts,
            CAST(TIMESTAMP '2026-01-01' + to_seconds({scramble(8, 30 * 86400)}) AS DATE) AS day
        FROM range({n}) r(i)) TO '{to}/rows.parquet' (FORMAT parquet, COMPRESSION snappy)""")
    # One in a hundred: nine of ten change a row, one is new.
    duckdb.sql(f"""COPY (SELECT * REPLACE (-1 AS n) FROM '{to}/rows.parquet' WHERE hash(id + 1) % 10000 < 90
        UNION ALL SELECT * REPLACE (id + {n} AS id) FROM '{to}/rows.parquet' WHERE hash(id + 1) % 10000 BETWEEN 90 AND 99)
        TO '{to}/changes.parquet' (FORMAT parquet)""")


def day_of(number):
    return f"2026-{1 + number % FILES_A_DAY // 28:02d}-{1 + number % FILES_A_DAY % 28:02d}"


def path_of(number):
    return f"day={day_of(number)}/part-{number:07d}-{uuid.uuid5(uuid.NAMESPACE_OID, str(number))}.parquet"


def stats_of(number):
    low, high = number * ROWS_A_FILE, (number + 1) * ROWS_A_FILE - 1
    return json.dumps({"numRecords": ROWS_A_FILE, "minValues": {"id": low, "v": low / 2}, "maxValues": {"id": high, "v": high / 2},
                       "nullCount": {"id": 0, "v": 0}})


def add_of(number, sizes):
    return {"path": path_of(number), "partitionValues": {"day": day_of(number)}, "size": sizes.get(number, 9000), "modificationTime": START_MS,
            "dataChange": True, "stats": stats_of(number)}


def head():
    metadata = {"id": str(uuid.uuid5(uuid.NAMESPACE_OID, "bench")), "format": {"provider": "parquet", "options": {}}, "schemaString": SCHEMA,
                "partitionColumns": ["day"], "configuration": {}, "createdTime": START_MS}
    return [{"protocol": {"minReaderVersion": 1, "minWriterVersion": 2}}, {"metaData": metadata}]


def data_files(to, n, options=""):
    """Only one file in a hundred is there, so that a planner that opens others fails; keys.json names a row of each. Returns their sizes."""
    there, sizes = range(0, n, n // 100 + 1), {}
    for number in there:
        path = f"{to}/{path_of(number)}"
        os.makedirs(os.path.dirname(path), exist_ok=True)
        columns = f"i AS id, i / 2 AS v{', ' + repr(day_of(number)) + ' AS day' if options else ''}"
        duckdb.sql(f"COPY (SELECT {columns} FROM range({number * ROWS_A_FILE}, {(number + 1) * ROWS_A_FILE}) r(i)) TO '{path}' (FORMAT parquet{options})")
        sizes[number] = os.path.getsize(path)
    with open(f"{to}/keys.json", "w") as file:
        json.dump([[day_of(number), number * ROWS_A_FILE + 500] for number in there], file)
    return sizes


def write_commit(to, version, actions):
    info = {"commitInfo": {"timestamp": START_MS + version * 1000, "operation": "WRITE", "operationParameters": {"mode": "Append"}, "engineInfo": "bench"}}
    with open(f"{to}/_delta_log/{version:020d}.json", "w") as file:
        file.writelines(json.dumps(action) + "\n" for action in [info, *actions])


def commits(to, n, per_commit):
    os.makedirs(f"{to}/_delta_log")
    sizes = data_files(to, n)
    for version in range(n // per_commit):
        adds = [{"add": add_of(number, sizes)} for number in range(version * per_commit, (version + 1) * per_commit)]
        write_commit(to, version, head() + adds if version == 0 else adds)


def checkpoint(to, n):
    """A classic checkpoint of n files at version 10, and its commit; the older commits are gone, as after a clean-up."""
    os.makedirs(f"{to}/_delta_log")
    sizes = data_files(to, n)
    write_commit(to, 10, [])
    lines = f"{to}/actions.jsonl"
    with open(lines, "w") as file:
        file.writelines(json.dumps(action) + "\n" for action in head())
        file.writelines(json.dumps({"add": add_of(number, sizes)}) + "\n" for number in range(n))
    columns = {
        "txn": 'STRUCT("appId" VARCHAR, version BIGINT)', "add": ADD_TYPE,
        "remove": 'STRUCT(path VARCHAR, "deletionTimestamp" BIGINT, "dataChange" BOOLEAN)',
        "metaData": 'STRUCT(id VARCHAR, name VARCHAR, description VARCHAR, format STRUCT(provider VARCHAR, options MAP(VARCHAR, VARCHAR)), '
                    '"schemaString" VARCHAR, "partitionColumns" VARCHAR[], configuration MAP(VARCHAR, VARCHAR), "createdTime" BIGINT)',
        "protocol": 'STRUCT("minReaderVersion" INTEGER, "minWriterVersion" INTEGER)'}
    duckdb.execute(f"""COPY (SELECT {', '.join(f'"{name}"' for name in columns)} FROM read_json('{lines}', format = 'newline_delimited', columns = {columns}))
        TO '{to}/_delta_log/{10:020d}.checkpoint.parquet' (FORMAT parquet)""")
    os.remove(lines)
    with open(f"{to}/_delta_log/_last_checkpoint", "w") as file:
        json.dump({"version": 10, "size": n + 2}, file)


def iceberg(maker, *arguments, **options):
    """Of iceberg_data.py, which is loaded when it is needed."""
    def make(to):
        import iceberg_data
        getattr(iceberg_data, maker)(to, *arguments, **options)
    return make


MAKERS = {
    "rows-2m": lambda to: rows(to, 2_000_000),
    "rows-10m": lambda to: rows(to, 10_000_000),
    "files-10k": lambda to: commits(to, 10_000, 1000),
    "commits-2000": lambda to: commits(to, 20_000, 10),
    "checkpoint-200k": lambda to: checkpoint(to, 200_000),
    "checkpoint-1m": lambda to: checkpoint(to, 1_000_000),
    "iceberg-200k": iceberg("files", 200_000),
    "iceberg-1m": iceberg("files", 1_000_000),
    "iceberg-200k-by-day": iceberg("files", 200_000, by_day=True),
    "iceberg-history": iceberg("files", 10_000, n_older=365_000),
    "iceberg-equality": iceberg("equality", 1_000_000, 50_000),
}

if __name__ == "__main__":
    duckdb.sql("SET preserve_insertion_order = true")
    MAKERS[sys.argv[1]](sys.argv[2])
