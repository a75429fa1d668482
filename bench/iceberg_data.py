"""iceberg_data.py: writes Iceberg tables whose metadata is the work: many files, many snapshots, equality deletes; imported by data.py."""
import json
import os
import struct

import duckdb
import fastavro

from data import FILES_A_DAY, ROWS_A_FILE, START_MS, day_of, data_files, path_of, rows

SNAPSHOT = 4242
COLUMNS = {"id": "long", "v": "double", "day": "string"}
WIDE = {"id": "long", "k": "long", "group_id": "int", "n": "int", "price": "double", "share": "double", "code": "string", "cat": "string", "ts": "timestamp", "day": "date"}


def schema_of(columns):
    return {"type": "struct", "schema-id": 0, "fields": [{"id": 1 + place, "name": name, "required": False, "type": kind} for place, (name, kind) in enumerate(columns.items())]}


def field_ids(columns):
    return "FIELD_IDS {" + ", ".join(f"{name}: {1 + place}" for place, name in enumerate(columns)) + "}"


def place(to):
    """What a table's paths begin with: data() makes it under another name than it gets."""
    return to.replace(".tmp", "")


def optional(name, kind, number):
    return {"name": name, "type": ["null", kind], "default": None, "field-id": number}


def by_column(name, number, key, value, kind):
    pair = {"type": "record", "name": f"k{key}_v{value}", "fields": [{"name": "key", "type": "int", "field-id": key}, {"name": "value", "type": kind, "field-id": value}]}
    return optional(name, {"type": "array", "logicalType": "map", "items": pair}, number)


def required(names):
    return [{"name": name, "type": kind, "field-id": number} for name, kind, number in names]


def entry_schema(spec):
    partition = {"type": "record", "name": "r102", "fields": [optional("day", "string", 1000)] if spec else []}
    file = [*required([("content", "int", 134), ("file_path", "string", 100), ("file_format", "string", 101)]), {"name": "partition", "field-id": 102, "type": partition},
            *required([("record_count", "long", 103), ("file_size_in_bytes", "long", 104)]),
            by_column("value_counts", 109, 119, 120, "long"), by_column("null_value_counts", 110, 121, 122, "long"),
            by_column("lower_bounds", 125, 126, 127, "bytes"), by_column("upper_bounds", 128, 129, 130, "bytes"),
            optional("equality_ids", {"type": "array", "items": "int", "element-id": 136}, 135)]
    return {"type": "record", "name": "manifest_entry", "fields": [
        {"name": "status", "type": "int", "field-id": 0}, optional("snapshot_id", "long", 1), optional("sequence_number", "long", 3), optional("file_sequence_number", "long", 4),
        {"name": "data_file", "field-id": 2, "type": {"type": "record", "name": "r2", "fields": file}}]}


SUMMARY = {"type": "record", "name": "r508", "fields": [{"name": "contains_null", "type": "boolean", "field-id": 509}, optional("lower_bound", "bytes", 510),
                                                       optional("upper_bound", "bytes", 511)]}
LIST_SCHEMA = {"type": "record", "name": "manifest_file", "fields": [
    *required([("manifest_path", "string", 500), ("manifest_length", "long", 501), ("partition_spec_id", "int", 502), ("content", "int", 517), ("sequence_number", "long", 515),
               ("min_sequence_number", "long", 516), ("added_snapshot_id", "long", 503), ("added_files_count", "int", 504), ("existing_files_count", "int", 505),
               ("deleted_files_count", "int", 506), ("added_rows_count", "long", 512), ("existing_rows_count", "long", 513), ("deleted_rows_count", "long", 514)]),
    optional("partitions", {"type": "array", "items": SUMMARY, "element-id": 508}, 507)]}


def pairs(values):
    return [{"key": key, "value": value} for key, value in values.items()]


def entry(path, size, n_rows, sequence=1, day=None, bounds=None, equality=None):
    low, high = bounds or ({}, {})
    return {"status": 1, "snapshot_id": SNAPSHOT, "sequence_number": sequence, "file_sequence_number": sequence, "data_file": {
        "content": 2 if equality else 0, "file_path": path, "file_format": "PARQUET", "partition": {"day": day} if day else {}, "record_count": n_rows, "file_size_in_bytes": size,
        "value_counts": pairs({1: n_rows, 2: n_rows, 3: n_rows}), "null_value_counts": pairs({1: 0, 2: 0, 3: 0}), "lower_bounds": pairs(low), "upper_bounds": pairs(high),
        "equality_ids": equality}}


def write_manifest(to, number, entries, spec, columns=COLUMNS, content=0, days=None):
    """Its line in the manifest list."""
    path = f"{to}/metadata/m{number:05d}.avro"
    with open(path, "wb") as file:
        fastavro.writer(file, fastavro.parse_schema(entry_schema(spec)), entries, codec="deflate", metadata={
            "schema": json.dumps(schema_of(columns)), "schema-id": "0", "partition-spec": json.dumps(spec), "partition-spec-id": "0", "format-version": "2",
            "content": ("data", "deletes")[content]})
    sequence, n_rows = entries[0]["sequence_number"], sum(e["data_file"]["record_count"] for e in entries)
    summary = [{"contains_null": False, "lower_bound": days[0].encode(), "upper_bound": days[1].encode()}] if days else []
    return {"manifest_path": f"{place(to)}/metadata/m{number:05d}.avro", "manifest_length": os.path.getsize(path), "partition_spec_id": 0, "content": content, "sequence_number": sequence,
            "min_sequence_number": sequence, "added_snapshot_id": SNAPSHOT, "added_files_count": len(entries), "existing_files_count": 0, "deleted_files_count": 0,
            "added_rows_count": n_rows, "existing_rows_count": 0, "deleted_rows_count": 0, "partitions": summary}


def older_snapshots(to, n):
    return [{"sequence-number": 0, "snapshot-id": 10**18 + i, "timestamp-ms": START_MS - (n - i) * 1000, "schema-id": 0, "summary": {
        "operation": "append", "added-data-files": "1", "added-records": "1000", "added-files-size": "9000", "changed-partition-count": "1", "total-records": str(i * 1000),
        "total-files-size": str(i * 9000), "total-data-files": str(i), "total-delete-files": "0", "total-position-deletes": "0", "total-equality-deletes": "0",
        "engine-name": "spark", "engine-version": "4.0.5", "app-id": "local-1760000000000"},
        "manifest-list": f"{place(to)}/metadata/snap-{10**18 + i}-1-{i:032d}.avro"} for i in range(n)]


def finish(to, manifests, spec, columns=COLUMNS, n_older=0):
    """The manifest list and the metadata file."""
    with open(f"{to}/metadata/snap-{SNAPSHOT}.avro", "wb") as file:
        fastavro.writer(file, fastavro.parse_schema(LIST_SCHEMA), manifests, codec="deflate",
                        metadata={"snapshot-id": str(SNAPSHOT), "parent-snapshot-id": "null", "sequence-number": "2", "format-version": "2"})
    older = older_snapshots(to, n_older)
    snapshots = [*older, {"sequence-number": 2, "snapshot-id": SNAPSHOT, "timestamp-ms": START_MS, "summary": {"operation": "append"}, "schema-id": 0,
                          "manifest-list": f"{place(to)}/metadata/snap-{SNAPSHOT}.avro"}]
    metadata = {
        "format-version": 2, "table-uuid": "11111111-2222-3333-4444-555555555555", "location": place(to), "last-sequence-number": 2, "last-updated-ms": START_MS, "last-column-id": len(columns),
        "current-schema-id": 0, "schemas": [schema_of(columns)], "default-spec-id": 0, "partition-specs": [{"spec-id": 0, "fields": spec}], "last-partition-id": 1000,
        "default-sort-order-id": 0, "sort-orders": [{"order-id": 0, "fields": []}], "properties": {}, "current-snapshot-id": SNAPSHOT,
        "refs": {"main": {"snapshot-id": SNAPSHOT, "type": "branch"}}, "snapshots": snapshots, "statistics": [],
        "snapshot-log": [{"timestamp-ms": s["timestamp-ms"], "snapshot-id": s["snapshot-id"]} for s in snapshots], "metadata-log": []}
    with open(f"{to}/metadata/v1.metadata.json", "w") as file:
        json.dump(metadata, file)
    with open(f"{to}/metadata/version-hint.text", "w") as file:
        file.write("1")


def bounds_of(number):
    low, high, day = number * ROWS_A_FILE, (number + 1) * ROWS_A_FILE - 1, day_of(number).encode()
    return ({1: struct.pack("<q", low), 2: struct.pack("<d", low / 2), 3: day}, {1: struct.pack("<q", high), 2: struct.pack("<d", high / 2), 3: day})


def files(to, n, by_day=False, n_older=0):
    """n files by day, ten thousand a manifest: of all days, so that every manifest has to be read, or of a few days each."""
    os.makedirs(f"{to}/metadata")
    spec = [{"name": "day", "transform": "identity", "source-id": 3, "field-id": 1000}]
    sizes = data_files(to, n, f", {field_ids(COLUMNS)}")
    numbers = sorted(range(n), key=lambda number: number % FILES_A_DAY) if by_day else range(n)
    manifests = []
    for first in range(0, n, 10_000):
        some = numbers[first:first + 10_000]
        days = sorted({day_of(number) for number in some})
        entries = [entry(f"{place(to)}/{path_of(number)}", sizes.get(number, 9000), ROWS_A_FILE, day=day_of(number), bounds=bounds_of(number)) for number in some]
        manifests.append(write_manifest(to, len(manifests), entries, spec, days=(days[0], days[-1])))
    finish(to, manifests, spec, n_older=n_older)


def equality(to, n, n_keys):
    """The first n rows of data.rows in one file, and a later file that says that those of n_keys ids are deleted; "plain" has the rows alone."""
    rows(f"{to}/source", n)
    data = f"SELECT * FROM '{to}/source/rows.parquet'", field_ids(WIDE), n
    keys = f"SELECT i * {n // n_keys} AS id FROM range({n_keys}) r(i)", field_ids(["id"]), n_keys
    for name, parts in (("plain", [data]), ("deleted", [data, keys])):
        table, manifests = f"{to}/{name}", []
        os.makedirs(f"{table}/metadata")
        for number, (sql, ids, count) in enumerate(parts):
            path = f"{table}/{number}.parquet"
            duckdb.sql(f"COPY ({sql}) TO '{path}' (FORMAT parquet, {ids})")
            made = entry(f"{place(table)}/{number}.parquet", os.path.getsize(path), count, sequence=1 + number, equality=[1] if number else None)
            manifests.append(write_manifest(table, number, [made], [], WIDE, content=number))
        finish(table, manifests, [], WIDE)
