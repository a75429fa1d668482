"""peer.py JOB ARGUMENT…: does with deltalake what Tarn does beside it; prints the answer. Each is one process, as with Tarn."""
import sys
import time

import deltalake
import pyarrow


def merge(table, changes):
    rows = pyarrow.parquet.read_table(changes)
    job = deltalake.DeltaTable(table).merge(rows, "t.id = s.id", source_alias="s", target_alias="t")
    job.when_matched_update_all().when_not_matched_insert_all().execute()


def one_row(table, day, number):
    query = f"SELECT v FROM t WHERE day = '{day}' AND id = {number}"
    print(pyarrow.table(deltalake.QueryBuilder().register("t", deltalake.DeltaTable(table)).execute(query)).column(0)[0])


def list_files(table):
    files = pyarrow.table(deltalake.DeltaTable(table).get_add_actions(flatten=True))
    print(files.num_rows, sum(files["size_bytes"].to_pylist()), sep=",")


def batch(first):
    return pyarrow.table({"id": pyarrow.array(range(first, first + 10), pyarrow.int64()), "v": [k / 2 for k in range(10)], "s": [f"s{k}" for k in range(10)]})


def create(table):
    deltalake.write_deltalake(table, batch(0))


def append(table, first, n):
    """n commits of ten rows; prints the seconds they took and how many failed, as a caller without a retry of its own sees it."""
    failed, start = 0, time.perf_counter()
    for k in range(int(n)):
        try:
            deltalake.write_deltalake(table, batch(int(first) + k * 10), mode="append")
        except Exception as error:
            failed += 1
            print(error, file=sys.stderr)
    print(time.perf_counter() - start, failed)


def count(table):
    print(deltalake.DeltaTable(table).to_pyarrow_dataset().count_rows())


def write(source, table):
    reader = pyarrow.dataset.dataset(source).scanner(batch_size=122880).to_reader()
    deltalake.write_deltalake(table, reader, partition_by=["day"])


if __name__ == "__main__":
    if sys.argv[1] == "merge":
        import pyarrow.parquet
    if sys.argv[1] == "write":
        import pyarrow.dataset
    {job.__name__: job for job in (merge, one_row, list_files, create, append, count, write)}[sys.argv[1]](*sys.argv[2:])
