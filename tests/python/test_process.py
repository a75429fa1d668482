"""test_process.py: what a process does to the package: threads, Ctrl-C, forks, ten thousand queries."""
import gc
import os
import signal
import subprocess
import sys
import threading
import time

import pyarrow
import pytest

import tarn

SLOW = "SELECT count(*) FROM range(100000000) a, range(1000) b WHERE hash(a.range) % 7 = b.range % 7"


def interrupt_after(seconds):
    timer = threading.Timer(seconds, lambda: os.kill(os.getpid(), signal.SIGINT))
    timer.start()
    return timer


@pytest.mark.parametrize("take", [
    lambda lake: lake.sql(SLOW).fetchall(), lambda lake: lake.sql(SLOW).arrow(), lambda lake: repr(lake.sql(SLOW)),
    lambda lake: lake.sql("CREATE TABLE t AS " + SLOW), lambda lake: lake.sql("SELECT * FROM range(10000000000)").fetchall()],
    ids=["query", "arrow", "repr", "ctas", "rows"])
def test_ctrl_c_cancels(lake, take):
    lake.sql("SELECT 1").fetchall()
    start = time.monotonic()
    timer = interrupt_after(0.5)
    with pytest.raises(KeyboardInterrupt):
        take(lake)
    assert 0.4 < time.monotonic() - start < 5
    timer.join()
    assert lake.sql("SELECT 42").fetchall() == [(42,)]
    assert lake.sql("SHOW TABLES").fetchall() == []


def test_cancel_from_another_thread(lake):
    session = lake.session
    timer = threading.Timer(0.5, session.cancel)
    timer.start()
    with pytest.raises(tarn.Cancelled):
        lake.sql(SLOW).fetchall()
    timer.join()
    assert lake.sql("SELECT 42").fetchall() == [(42,)] and session.progress() <= 100


def test_the_gil_is_free_while_a_query_runs(lake):
    lake.sql("SELECT 1").fetchall()
    ticks = []
    worker = threading.Thread(target=lambda: ticks.append(lake.sql(SLOW.replace("100000000", "1000000")).fetchall()))
    worker.start()
    turns = 0
    while worker.is_alive():
        turns += 1
        time.sleep(0.001)
    assert ticks and turns > 10


def test_threads_have_their_own_sessions(lake):
    lake.script("CREATE SCHEMA a; CREATE SCHEMA b; CREATE TABLE t (who STRING, n BIGINT)")
    failures = []

    def work(schema):
        try:
            lake.sql(f"USE {schema}")
            lake.sql("CREATE TABLE own (n BIGINT)")
            for n in range(5):
                lake.sql("INSERT INTO own VALUES (?)", [n])
                lake.sql("INSERT INTO main.t VALUES (?, ?)", [schema, n])
            assert lake.sql("SELECT sum(n) FROM own").fetchone() == (10,)
        except BaseException as why:
            failures.append(why)

    threads = [threading.Thread(target=work, args=(name,)) for name in ("a", "b")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert lake.sql("SELECT who, count(*) FROM t GROUP BY who ORDER BY who").fetchall() == [("a", 5), ("b", 5)]
    assert "main" in lake.sql("SELECT current_schema()").fetchone()[0]


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
def test_a_child_process_is_refused_and_can_open_its_own(lake, tmp_path):
    lake.sql("CREATE TABLE t AS SELECT 1 AS id")
    rows, reader = lake.sql("SELECT * FROM range(100000)"), lake.sql("SELECT * FROM range(100000)").arrow_reader()
    rows.fetchone()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            for use in (lambda: lake.sql("SELECT 1"), rows.fetchall):
                try:
                    use()
                    os._exit(2)
                except tarn.Invalid as why:
                    assert "fork" in why.message
            try:
                reader.read_next_batch()
                os._exit(3)
            except (pyarrow.ArrowInvalid, OSError) as why:
                assert "fork" in str(why)
            del rows, reader
            lake.close()
            gc.collect()
            with tarn.connect(tmp_path / "lake") as own:
                assert own.table("t").version == 0
            status = 0
        finally:
            os._exit(status)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert len(rows.fetchall()) == 99999


LEAK = """
import os, sys, tarn, pyarrow
lake = tarn.connect(sys.argv[1])
lake.sql("CREATE TABLE t AS SELECT range AS id, 'name ' || range AS name FROM range(100)")
frame = pyarrow.table({"id": [1, 2, 3]})
def rss():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE") >> 10
def work(n):
    for i in range(n):
        kind = i % 10
        if kind == 0:
            lake.sql("SELECT name FROM frame JOIN t USING (id)").fetchall()
        elif kind == 1:
            lake.sql("SELECT * FROM t WHERE id = ?", [i % 100]).arrow()
        elif kind == 2:
            repr(lake.sql("SELECT ? AS x", ["text"]))
        elif kind == 3:
            try:
                lake.sql("SELECT * FROM nope")
            except tarn.NotFound:
                pass
        elif kind == 4:
            lake.sql("SELECT 1").__arrow_c_stream__()
        else:
            lake.sql("SELECT ? AS x", [i]).fetchall()
work(2000)
before = rss()
work(10000)
print(rss() - before)
"""


def test_nothing_leaks_in_10000_queries(tmp_path):
    done = subprocess.run([sys.executable, "-c", LEAK, str(tmp_path)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 10_000, f"{done.stdout.strip()} KB grew in 10,000 queries"


STREAM = """
import resource, sys, tarn
lake = tarn.connect(sys.argv[1], memory_limit="500MB")
reader = lake.sql("SELECT range AS a, range * 2 AS b, range * 3 AS c, range * 4 AS d FROM range(30000000)").arrow_reader()
before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
rows = sum(batch.num_rows for batch in reader)
assert rows == 30000000, rows
print((resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) >> 10)
"""


def test_a_reader_never_holds_the_whole_result(tmp_path):
    done = subprocess.run([sys.executable, "-c", STREAM, str(tmp_path)], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) < 200, f"960 MB of rows took {done.stdout.strip()} MB"
