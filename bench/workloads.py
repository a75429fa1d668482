"""workloads.py: what is measured, beside what, and the bar each has to pass."""
import json
import os
import pathlib
import shutil
import subprocess
import sys
import time
import zlib

import measure

HERE = pathlib.Path(__file__).resolve().parent
TARN = pathlib.Path(os.environ["TARN_BUILD_DIR"]) / "tarn"
WORK = pathlib.Path(os.environ["TARN_BENCH_DIR"])
SHARED = pathlib.Path(os.environ.get("TARN_SHARED", HERE.parent.parent / "shared"))
SITE = next(pathlib.Path(path) for path in sys.path if path.endswith("site-packages"))
DUCKDB = SITE / "duckdb_cli/duckdb"

WORKLOADS = {}


class Skipped(Exception):
    """What the workload needs is not on this machine."""


def workload(name):
    def add(function):
        WORKLOADS[name] = function
        return function
    return add


class Line:
    """One line of the report: ours, beside what (or nothing), and limits as name=(value, at most). Limits are bars, which decide the
    exit code, or goals, which do not."""

    def __init__(self, what, ours, peer=None, beside=None, note="", goal=False, **limits):
        self.what, self.ours, self.peer, self.beside, self.note, self.goal = what, ours, peer, beside, note, goal
        self.limits = [(name, value, most) for name, (value, most) in limits.items()]

    def passed(self):
        return all(value <= most for _, value, most in self.limits)


# Ways to run things.

def tarn(lake, sql, *words):
    return measure.run([TARN, "-q", "-w", lake, *words, "sql", "--format", "csv", sql])


def peer(job, *arguments):
    return measure.run([sys.executable, "-B", HERE / "peer.py", job, *arguments])


def duckdb(sql, *extensions):
    loads = [f"LOAD '{path}'" for name in extensions for path in SITE.glob(f"duckdb_extension_{name}/extensions/*/{name}.duckdb_extension")]
    return measure.run([DUCKDB, "-unsigned", "-noheader", "-csv", "-c", "; ".join([*loads, sql])])


def data(what):
    """Made once, whole or not at all, and again when its maker has changed."""
    made = zlib.crc32((HERE / "data.py").read_bytes() + (HERE / "iceberg_data.py").read_bytes())
    target, stamp = WORK / "data" / what, WORK / "data" / f"{what}.made"
    if not stamp.is_file() or stamp.read_text() != str(made):
        for path in (target, target.with_suffix(".tmp")):
            shutil.rmtree(path, ignore_errors=True)
        target.parent.mkdir(exist_ok=True)
        print(f"bench: making {what}", file=sys.stderr, flush=True)
        measure.run([sys.executable, "-B", HERE / "data.py", what, target.with_suffix(".tmp")])
        target.with_suffix(".tmp").rename(target)
        stamp.write_text(str(made))
    return target


def fresh(name):
    path = WORK / "work" / name
    shutil.rmtree(path, ignore_errors=True)
    path.parent.mkdir(exist_ok=True)
    return path


def lake_of(name, *statements):
    lake = fresh(name)
    for sql in statements:
        tarn(lake, sql)
    return lake


def same(what, *answers):
    if len({answer.strip() for answer in answers}) != 1:
        raise measure.Failed(f"{what}: the answers differ: {answers}")


def last_line(cost):
    return cost.out.strip().rsplit("\n", 1)[-1]


def files_of(folder):
    return sorted(path for path in folder.rglob("*.parquet") if "_delta_log" not in path.parts)


# Queries.

SCAN = """SELECT cat, count(*), round(sum(price)), round(sum(price * share)), round(avg(n)), max(ts) FROM {} WHERE group_id < 900 GROUP BY cat ORDER BY cat"""


def scan(rounds, table_format):
    """A table against read_parquet of its files, by the same binary: what Tarn adds is the price of being a table."""
    source, rounds = data("rows-10m") / "rows.parquet", rounds * 2 + 1
    for what, clause in (("plain", ""), ("partitioned", "PARTITIONED BY (day)")):
        lake = lake_of("scan", f"CREATE TABLE t USING {table_format} {clause} AS SELECT * FROM read_parquet('{source}')")
        files = files_of(lake)
        raw = f"read_parquet([{', '.join(repr(str(path)) for path in files)}], hive_partitioning = {str(bool(clause) and table_format == 'delta').lower()})"
        ours, theirs = measure.alternate(rounds, lambda _: tarn(lake, SCAN.format("t")), lambda _: tarn(lake, SCAN.format(raw)))
        same("scan", ours.out, theirs.out)
        yield Line(f"scan, {table_format}, {what}, {len(files)} files, 10 M rows", ours, theirs, "read_parquet", ratio=(ours.cpu / theirs.cpu, 1.05))
        costs = queries(lake, [SCAN.format("t"), SCAN.format(raw)], rounds)["cpu_ms"]
        yield Line(f"scan, {table_format}, {what}, within one process", of_ms(costs[0]), of_ms(costs[1]), "read_parquet", ratio=(costs[0] / costs[1], 1.05))
    shutil.rmtree(lake)


WORKLOADS["scan"] = lambda rounds: scan(rounds, "delta")
WORKLOADS["iceberg-scan"] = lambda rounds: scan(rounds, "iceberg")


def of_ms(ms):
    return measure.Cost(ms / 1000, 0, 0, "")


def queries(lake, statements, rounds):
    path = WORK / "statements.sql"
    path.write_text("".join(sql + "\n" for sql in statements))
    with open(path) as file:
        return json.loads(measure.run([WORK / "queries", lake, rounds], stdin=file).out)


@workload("planning")
def planning(rounds):
    """Whole queries for one row each, so the planner's share is below what is shown."""
    table = data("files-10k")
    lake = lake_of("planning", f"CREATE TABLE t LOCATION '{table}'")
    keys = json.loads((table / "keys.json").read_text())
    got = queries(lake, [f"SELECT v FROM t WHERE day = '{day}' AND id = {number}" for day, number in keys], rounds * 3)
    costs = sorted(got["cpu_ms"])
    median = costs[len(costs) // 2]
    own = median * got["tarn"] / got["samples"]
    yield Line(f"one-file query, open table of 10,000 files ({len(keys)} queries)", of_ms(median), note=f"own C {own:.2f} ms",
               total_ms=(median, 10), own_ms=(own, 2))


@workload("cold")
def cold(rounds):
    lake = lake_of("cold", "CREATE TABLE t AS SELECT i AS id, i / 2 AS v FROM range(1000) r(i)")
    query = "SELECT v FROM {} WHERE id = 500"
    table = lake / "lake/main/t"
    ours, theirs = measure.alternate(rounds * 3, lambda _: tarn(lake, query.format("t")),
                                     lambda _: duckdb(query.format(f"delta_scan('{table}')"), "parquet", "delta"))
    same("cold", last_line(ours), last_line(theirs))
    yield Line("cold point query, small table", ours, theirs, "duckdb CLI + delta", cpu_s=(ours.cpu, 0.08), rss_mb=(ours.rss_mb, 60))


@workload("metadata")
def metadata(rounds):
    lake = lake_of("metadata", "CREATE TABLE t (id BIGINT, v DOUBLE)", *[f"INSERT INTO t VALUES ({k}, 1.5)" for k in range(8)])
    for sql in ("SHOW TABLES", "DESCRIBE HISTORY t", "DESCRIBE DETAIL t"):
        [ours] = measure.alternate(rounds * 3, lambda _, sql=sql: tarn(lake, sql))
        yield Line(sql, ours, cpu_s=(ours.cpu, 0.010))


def one_row(what, ratio, mb):
    """The goal on CPU is relative to DuckDB's own reader of the format: machines differ too much for seconds."""
    def measured(rounds):
        table = data(what)
        keys = json.loads((table / "keys.json").read_text())
        day, number = keys[len(keys) * 3 // 4]
        query = f"SELECT v FROM {{}} WHERE day = '{day}' AND id = {number}"
        lake = lake_of("one-row", f"CREATE TABLE t LOCATION '{table}'")
        ours, rust, cli = measure.alternate(rounds, lambda _: tarn(lake, query.format("t")), lambda _: peer("one_row", table, day, number),
                                            lambda _: duckdb(query.format(f"delta_scan('{table}')"), "parquet", "delta"))
        same(what, last_line(ours), last_line(rust), last_line(cli))
        yield Line(f"one row, {what}", ours, cli, "duckdb CLI + delta", goal=True, ratio=(ours.cpu / cli.cpu, ratio), rss_mb=(ours.rss_mb, mb))
        yield Line(f"one row, {what}", ours, rust, "deltalake")
    return measured


WORKLOADS["log-commits"] = one_row("commits-2000", 0.32, 100)
WORKLOADS["log-checkpoint"] = one_row("checkpoint-200k", 0.40, 80)
WORKLOADS["log-checkpoint-1m"] = one_row("checkpoint-1m", 0.33, 100)


@workload("golden-perf")
def golden_perf(rounds):
    archive = SHARED / "golden/delta-perf/300k-add-files-100-col-partitioned.tar.zst"
    if not archive.is_file():
        raise Skipped(f"{archive} is not there; TARN_SHARED names the folder that holds golden/")
    table = WORK / "data" / archive.name.removesuffix(".tar.zst")
    if not table.is_dir():
        table.parent.mkdir(exist_ok=True)
        measure.run(["tar", "--zstd", "-xf", archive, "-C", table.parent])
    lake = lake_of("golden", f"CREATE TABLE t LOCATION '{table}'")
    ours, theirs = measure.alternate(rounds, lambda _: tarn(lake, "SELECT count(path), sum(size_bytes) FROM t.files"), lambda _: peer("list_files", table))
    same("golden-perf", last_line(ours), last_line(theirs))
    yield Line("open and list 300,000 files of 5 commits", ours, theirs, "deltalake", cpu_s=(ours.cpu, 0.5), rss_mb=(ours.rss_mb, 100))
    [ours] = measure.alternate(rounds, lambda _: tarn(lake, "DESCRIBE DETAIL t"))
    yield Line("open the same", ours)


@workload("iceberg-planning")
def iceberg_planning(rounds):
    """Metadata alone is the work: of many files one is read. Where bounds of manifests prune, what a cold query costs anyway is told beside it."""
    small = lake_of("iceberg-small", "CREATE TABLE t USING iceberg AS SELECT i AS id, i / 2 AS v FROM range(1000) r(i)")
    [cold] = measure.alternate(rounds * 3, lambda _: tarn(small, "SELECT v FROM t WHERE id = 500"))
    for what, n, seconds, mb in (("iceberg-200k", 200_000, 0.5, 100), ("iceberg-1m", 1_000_000, 2, 300), ("iceberg-200k-by-day", 200_000, 0.05, 100)):
        table = data(what)
        keys = json.loads((table / "keys.json").read_text())
        day, number = keys[len(keys) * 3 // 4]
        query = f"SELECT v FROM {{}} WHERE day = '{day}' AND id = {number}"
        sides = [lambda _: tarn(WORK / "work", query.format(f"iceberg.`{table}`")),
                 lambda _: duckdb(query.format(f"iceberg_scan('{table}/metadata/v1.metadata.json')"), "parquet", "avro", "iceberg")]
        ours, *theirs = measure.alternate(rounds, *sides[:1 if n > 200_000 else 2])
        if theirs:
            same(what, last_line(ours), last_line(theirs[0]))
        pruned = seconds < 0.1
        yield Line(f"one row of {n:,} files{', manifests by day' if pruned else ''}", ours, theirs[0] if theirs else None, "duckdb CLI + iceberg" if theirs else None,
                   note=f"a cold query {cold.cpu:.3f}" if pruned else "", cpu_s=(ours.cpu, seconds), rss_mb=(ours.rss_mb, mb))


@workload("iceberg-history")
def iceberg_history(rounds):
    """365,000 snapshots in one metadata file."""
    table = data("iceberg-history")
    mb = (table / "metadata/v1.metadata.json").stat().st_size / 1e6
    [ours] = measure.alternate(rounds, lambda _: tarn(WORK / "work", f"SELECT count(*) FROM iceberg.`{table}`"))
    yield Line(f"open a metadata file of {mb:.0f} MB", ours, cpu_s=(ours.cpu, 1.5), rss_mb=(ours.rss_mb, 3 * mb))


@workload("iceberg-equality")
def iceberg_equality(rounds):
    tables = [data("iceberg-equality") / name for name in ("deleted", "plain")]
    for sql, what in ((SCAN, "scan"), ("SELECT count(*) FROM {} WHERE n > 0", "count of one column")):
        sides = [lambda _, sql=sql, table=table: tarn(WORK / "work", sql.format(f"iceberg.`{table}`")) for table in tables]
        ours, plain = measure.alternate(rounds * 2 + 1, *sides)
        yield Line(f"{what} of 1 M rows less 50,000 keys by equality deletes", ours, plain, "the same without deletes",
                   ratio=(ours.cpu / plain.cpu, 1.5))
    count = last_line(tarn(WORK / "work", f"SELECT count(*) FROM iceberg.`{tables[0]}`"))
    same("iceberg-equality", count, "950000")


# Writes.

MERGE = """MERGE INTO t USING (SELECT * FROM read_parquet('{}')) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *"""
COPY_ON_WRITE = "TBLPROPERTIES ('delta.enableDeletionVectors' = 'false')"


def copies(name, table):
    """A lake and a bare table, each with its own copy of a table; data files are never changed, so links do."""
    lake, bare = fresh(f"{name}-lake"), fresh(f"{name}-bare")
    for target in (lake.with_suffix(".table"), bare):
        shutil.rmtree(target, ignore_errors=True)
        shutil.copytree(table, target, copy_function=os.link)
    tarn(lake, f"CREATE TABLE t LOCATION '{lake.with_suffix('.table')}'")
    return lake, bare


@workload("merge")
def merge(rounds):
    folder = data("rows-2m")
    base = lake_of("merge-base", f"CREATE TABLE t PARTITIONED BY (day) {COPY_ON_WRITE} AS SELECT * FROM read_parquet('{folder}/rows.parquet')")
    changes, table = folder / "changes.parquet", base / "lake/main/t"

    def ours(_):
        lake, _ = copies("merge", table)
        cost = tarn(lake, MERGE.format(changes))
        return cost._replace(out=last_line(tarn(lake, "SELECT count(*), sum(n), sum(id) FROM t")))

    def theirs(_):
        _, bare = copies("merge", table)
        cost = peer("merge", bare, changes)
        lake = lake_of("merge-check", f"CREATE TABLE t LOCATION '{bare}'")
        return cost._replace(out=last_line(tarn(lake, "SELECT count(*), sum(n), sum(id) FROM t")))

    a, b = measure.alternate(rounds, ours, theirs)
    same("merge", a.out, b.out)
    yield Line("MERGE of 1 % into 2 M rows, 30 partitions, copy-on-write", a, b, "deltalake", ratio=(a.cpu / b.cpu, 0.5))


ROW_CHANGES = {
    "DELETE of 0.1 %": ("DELETE FROM {} WHERE group_id = 7",) * 2,
    "UPDATE of 1 %": ("UPDATE {} SET n = -2 WHERE group_id BETWEEN 10 AND 19",) * 2,
    "MERGE of 1 %": (
        "MERGE INTO {} USING (SELECT * FROM read_parquet('CHANGES')) AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET * WHEN NOT MATCHED THEN INSERT *",
        "MERGE INTO {} USING 'CHANGES' AS s ON t.id = s.id WHEN MATCHED THEN UPDATE SET n = s.n, k = s.k, group_id = s.group_id, price = s.price, share = s.share,"
        " code = s.code, cat = s.cat, ts = s.ts, day = s.day WHEN NOT MATCHED THEN INSERT"),
}


def bytes_of(folder):
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


MERGE_ON_READ = ", ".join(f"'write.{what}.mode' = 'merge-on-read'" for what in ("delete", "update", "merge"))


def row_changes(rounds, what, using, by_day):
    """Every round begins with the same table: the one that Delta's log or the catalog's pointer says there is."""
    folder = data("rows-2m")
    rows = f"SELECT * FROM read_parquet('{folder}/rows.parquet')"
    base, lake = lake_of("rows-base", f"CREATE TABLE t {using.replace('|', 'PARTITIONED BY (day)' if by_day else '')} AS {rows}"), fresh("rows-ducklake")
    (lake / "data").mkdir(parents=True)
    catalog, kept, pointer = lake / "t.sqlite", lake / "t.kept", base / ".tarn/catalog.db"
    shutil.copy(pointer, base / "kept")

    def ducklake(sql):
        return duckdb(f"ATTACH 'ducklake:sqlite:{catalog}' AS l (DATA_PATH '{lake}/data/'); {sql}", "sqlite_scanner", "ducklake")

    def start():
        if (base / "lake/main/t/_delta_log").is_dir():
            mine, _ = copies("rows", base / "lake/main/t")
            return mine, mine.with_suffix(".table")
        shutil.copy(base / "kept", pointer)
        return base, base / "lake/main/t"

    ducklake(f"CREATE TABLE l.t AS {rows} LIMIT 0; {'ALTER TABLE l.t SET PARTITIONED BY (day);' if by_day else ''} INSERT INTO l.t {rows}")
    shutil.copy(catalog, kept)
    for change, (our_sql, their_sql) in ROW_CHANGES.items():
        written = []

        def ours(_):
            mine, table = start()
            before = bytes_of(table)
            cost = tarn(mine, our_sql.format("t").replace("CHANGES", f"{folder}/changes.parquet"))
            written.append((bytes_of(table) - before) / 1e6)
            return cost._replace(out=last_line(tarn(mine, "SELECT count(*), sum(n), sum(id) FROM t")))

        def theirs(_):
            shutil.copy(kept, catalog)
            before = bytes_of(lake / "data")
            cost = ducklake(their_sql.format("l.t").replace("CHANGES", f"{folder}/changes.parquet"))
            written[:] = [*written[-1:], (bytes_of(lake / "data") - before) / 1e6]
            return cost._replace(out=last_line(ducklake("SELECT count(*), sum(n), sum(id) FROM l.t")))

        a, b = measure.alternate(rounds, ours, theirs)
        same(change, a.out, b.out)
        ours_mb, their_mb = written
        yield Line(f"{change} of 2 M rows, {'30 files' if by_day else 'one file'}, {what}; {ours_mb:.2f} and {their_mb:.2f} MB written", a, b, "duckdb CLI + ducklake",
                   goal=not by_day, ratio=(a.cpu / b.cpu, 0.8), rss_mb=(a.rss_mb, 150), written_mb=(ours_mb, 2 * their_mb))


WORKLOADS["row-deletes"] = lambda rounds: [line for by_day in (True, False) for line in row_changes(rounds, "deletion vectors", "USING delta |", by_day)]
WORKLOADS["iceberg-row-deletes"] = lambda rounds: [
    line for by_day in (True, False) for version, what in ((2, "position deletes"), (3, "Puffin vectors"))
    for line in row_changes(rounds, what, f"USING iceberg | TBLPROPERTIES ('format-version' = '{version}', {MERGE_ON_READ})", by_day)]


@workload("merge-limited")
def merge_limited(rounds):
    folder = data("rows-10m")
    lake = lake_of("merge-limited", f"CREATE TABLE t {COPY_ON_WRITE} AS SELECT * FROM read_parquet('{folder}/rows.parquet')")
    ours = tarn(lake, MERGE.format(folder / "changes.parquet"), "--set", "memory_limit=1GB")
    same("merge-limited", last_line(tarn(lake, "SELECT count(*) FROM t WHERE n = -1")), last_line(tarn(
        lake, f"SELECT count(*) FROM read_parquet('{folder}/changes.parquet') WHERE n = -1")))
    yield Line("MERGE of 1 % into 10 M rows, copy-on-write, memory_limit = 1GB", ours, rss_mb=(ours.rss_mb, 1024))
    shutil.rmtree(lake)


def bulk_tarn(source, *words):
    return tarn(fresh("bulk-tarn"), f"CREATE TABLE t PARTITIONED BY (day) AS SELECT * FROM read_parquet('{source}')", *words)


def bulk_copy(source, compression):
    return duckdb(f"COPY (FROM read_parquet('{source}')) TO '{fresh('bulk-copy')}' (FORMAT parquet, PARTITION_BY (day){compression})")


@workload("bulk")
def bulk(rounds):
    """Beside COPY by the same version of DuckDB with the same compression. DuckDB's shell turns idly for up to a second in some of
    its runs, so that the amount has to be large; deltalake needs too much memory for that."""
    source, what = data("rows-10m") / "rows.parquet", "bulk write of 10 M rows, 30 partitions"
    for codec, compression in (("zstd, the default", ", COMPRESSION zstd, COMPRESSION_LEVEL 1"), ("snappy", "")):
        words = () if compression else ("--set", "write.compression=snappy")
        ours, theirs = measure.alternate(rounds, lambda _: bulk_tarn(source, *words), lambda _: bulk_copy(source, compression))
        yield Line(f"{what}, {codec}", ours, theirs, "duckdb CLI: COPY", ratio=(ours.cpu / theirs.cpu, 1.05))
    source = data("rows-2m") / "rows.parquet"
    ours, theirs = measure.alternate(rounds, lambda _: bulk_tarn(source, "--set", "write.compression=snappy"),
                                     lambda _: peer("write", source, fresh("bulk-deltalake")))
    yield Line("bulk write of 2 M rows, 30 partitions, snappy", ours, theirs, "deltalake")


ROWS = ", ".join(f"({{}} + {k}, {k / 2}, 's{k}')" for k in range(10))
CREATE_SMALL = "CREATE TABLE t (id BIGINT, v DOUBLE, s STRING)"


def appends(first, n):
    return "".join(f"INSERT INTO t VALUES {ROWS.replace('{}', str(first + k * 10))};\n" for k in range(n))


def append_tables(rounds, table_format):
    script = WORK / "appends.sql"

    def ours(_):
        lake = lake_of("appends", CREATE_SMALL + f" USING {table_format}", f"INSERT INTO t VALUES {ROWS.replace('{}', '0')}")
        script.write_text(appends(10, 200))
        cost = measure.run([TARN, "-q", "-w", lake, "sql", "-f", script])
        return cost._replace(out=last_line(tarn(lake, "SELECT count(*) FROM t")))

    def theirs(_):
        table = fresh("appends-deltalake")
        peer("create", table)
        cost = peer("append", table, 10, 200)
        return cost._replace(out=peer("count", table).out)

    def ducklake(_):
        lake = fresh("appends-ducklake")
        (lake / "data").mkdir(parents=True)
        attach = f"ATTACH 'ducklake:sqlite:{lake}/t.sqlite' AS l (DATA_PATH '{lake}/data/', DATA_INLINING_ROW_LIMIT 0); USE l;"
        extensions = ("sqlite_scanner", "ducklake")
        duckdb(f"{attach} {CREATE_SMALL}; INSERT INTO t VALUES {ROWS.replace('{}', '0')}", *extensions)
        cost = duckdb(f"{attach} {appends(10, 200)}", *extensions)
        return cost._replace(out=last_line(duckdb(f"{attach} SELECT count(*) FROM t", *extensions)))

    a, b, c = measure.alternate(rounds, ours, theirs, ducklake)
    same("appends", a.out, b.out, c.out)
    what = f"200 appends of 10 rows by one process, {table_format}"
    yield Line(what, a, c, "duckdb CLI + ducklake", ratio=(a.cpu / c.cpu, 0.5))
    yield Line(what, a, b, "deltalake", note=f"{200 / a.wall:.0f} commits/s, deltalake {200 / b.wall:.0f}", goal=True, wall_s=(a.wall, 200 / 75))


WORKLOADS["appends"] = lambda rounds: append_tables(rounds, "delta")
WORKLOADS["iceberg-appends"] = lambda rounds: append_tables(rounds, "iceberg")


def together(argvs):
    """All at once: CPU of all, wall of the slowest, memory of the largest, and how many failed."""
    start = time.perf_counter()
    children = [subprocess.Popen([str(word) for word in argv], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) for argv in argvs]
    outs = [child.stdout.read().decode() for child in children]
    costs = [measure.wait(child, start) for child in children]
    total = measure.Cost(sum(c.cpu for c in costs), time.perf_counter() - start, max(c.rss_mb for c in costs), "".join(outs))
    return total, sum(child.returncode != 0 for child in children)


@workload("writers")
def writers(rounds):
    """No retry by the caller on either side; what fails is counted."""
    def ours(_):
        lake = lake_of("writers", CREATE_SMALL)
        for k in range(12):
            (WORK / f"writer-{k}.sql").write_text(appends(k * 1000, 20))
        cost, failed = together([[TARN, "-q", "-w", lake, "sql", "-f", WORK / f"writer-{k}.sql"] for k in range(12)])
        rows = int(last_line(tarn(lake, "SELECT count(*) FROM t")))
        return cost._replace(out=json.dumps([failed, 2400 - rows]))

    def theirs(_):
        table = fresh("writers-deltalake")
        peer("create", table)
        cost, _ = together([[sys.executable, "-B", HERE / "peer.py", "append", table, k * 1000, 20] for k in range(12)])
        failed = sum(int(line.split()[1]) for line in cost.out.splitlines())
        return cost._replace(out=json.dumps([failed, 2410 - int(peer("count", table).out)]))

    a, b = measure.alternate(rounds, ours, theirs)
    (failed, missing), (their_failed, _) = json.loads(a.out), json.loads(b.out)
    yield Line("12 writers x 20 appends at once", a, b, "deltalake", note=f"failed: {failed} writers, {missing} rows missing; deltalake {their_failed} appends",
               goal=True, wall_s=(a.wall, 20), failed=(failed + missing, 0))
