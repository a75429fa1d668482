"""engines.py: the other engines that judge Tarn, started when a test first asks for them, and their rows as Python values that compare equal."""
import base64
import collections
import datetime
import decimal
import importlib.util
import json
import os
import pathlib
import shutil
import socket
import subprocess
import time
import urllib.request

import duckdb
import pytest

HERE = pathlib.Path(__file__).resolve().parent
CACHE = pathlib.Path.home() / ".cache/tarn"
START_S, ANSWER_S = 180, 300


def missing(what):
    """A skip that is printed and counted, or where all engines have to be there a failure; never a test that passes without them."""
    if os.environ.get("TARN_INTEROP_REQUIRE") == "1":
        pytest.fail(f"{what}, and TARN_INTEROP_REQUIRE is set")
    pytest.skip(what)


class SparkError(Exception):
    """What Spark said to a statement it did not take."""


class TrinoError(Exception):
    """What Trino said to a statement it did not take."""


class Spark:
    """One session of Spark in a process of its own; see spark_server.py."""

    def __init__(self, folder):
        python, jars = CACHE / "engines/bin/python", CACHE / "engines-jars"
        if not python.exists() or len(list(jars.glob("*.jar"))) < 3 or not shutil.which("java"):
            missing("no Spark: tools/setup.sh --interop fetches it")
        folder.mkdir(parents=True, exist_ok=True)
        self.folder, self.log = folder, open(folder / "spark.log", "wb")
        self.process = subprocess.Popen([python, "-B", HERE / "spark_server.py", folder, jars], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=self.log, env={**os.environ, "SPARK_LOCAL_IP": "127.0.0.1"}, cwd=folder)
        self.version = self._hear()["ready"]

    def _hear(self):
        line = self.process.stdout.readline()
        assert line, f"Spark ended: {(self.folder / 'spark.log').read_text(errors='replace')[-2000:]}"
        return json.loads(line)

    def ask(self, **what):
        self.process.stdin.write(json.dumps(what).encode() + b"\n")
        self.process.stdin.flush()
        answer = self._hear()
        if "error" in answer:
            raise SparkError(answer["error"])
        return answer

    def sql(self, text):
        """The rows as dicts."""
        return self.rows(sql=text)

    def rows(self, **what):
        answer = self.ask(**what)
        return [dict(zip(answer["columns"], map(from_json, row))) for row in answer["rows"]]

    def close(self):
        self.process.stdin.close()
        self.process.wait(60)
        self.log.close()


class Trino:
    """A server of one node, with catalogs `iceberg` and `delta` whose tables are registered by their folder; TARN_TRINO is its unpacked folder."""
    OPTIONS = ["-Xmx1500M", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djdk.attach.allowAttachSelf=true", "-XX:+EnableDynamicAgentLoading",
               "--enable-native-access=ALL-UNNAMED", "--add-modules=jdk.incubator.vector", "--sun-misc-unsafe-memory-access=allow"]

    def __init__(self, folder):
        home, java = os.environ.get("TARN_TRINO"), os.environ.get("TARN_TRINO_JAVA", "java")
        if not home:
            pytest.skip("no Trino: TARN_TRINO names the unpacked folder of a trino-server 476, TARN_TRINO_JAVA a java 24 or newer")
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.url = f"http://127.0.0.1:{free.getsockname()[1]}"
        (folder / "catalogs").mkdir(parents=True)
        (folder / "config").write_text(f"coordinator=true\nnode-scheduler.include-coordinator=true\nhttp-server.http.port={self.url.rpartition(':')[2]}\n"
                                       f"discovery.uri={self.url}\nquery.max-memory=500MB\nquery.max-memory-per-node=500MB\nmemory.heap-headroom-per-node=250MB\n")
        for name, lines in {"iceberg": "connector.name=iceberg\niceberg.catalog.type=TESTING_FILE_METASTORE\niceberg.register-table-procedure.enabled=true\n",
                            "delta": "connector.name=delta_lake\nhive.metastore=file\ndelta.register-table-procedure.enabled=true\n"}.items():
            (folder / f"catalogs/{name}.properties").write_text(f"{lines}hive.metastore.catalog.dir=file://{folder}/{name}\nfs.hadoop.enabled=true\n")
        settings = {"node.environment": "tarn", "node.data-dir": folder / "data", "node.bind-ip": "127.0.0.1", "node.internal-address": "127.0.0.1",
                    "config": folder / "config", "plugin.dir": f"{home}/plugin", "catalog.config-dir": folder / "catalogs"}
        self.log = open(folder / "trino.log", "wb")
        self.process = subprocess.Popen([java, *self.OPTIONS, *(f"-D{name}={value}" for name, value in settings.items()), "-cp", f"{home}/lib/*",
                                         "io.trino.server.TrinoServer"], stdout=self.log, stderr=self.log, cwd=folder)
        deadline = time.monotonic() + START_S
        while True:
            try:
                self.sql("CREATE SCHEMA IF NOT EXISTS iceberg.s")
                self.sql("CREATE SCHEMA IF NOT EXISTS delta.s")
                return
            except (OSError, TrinoError):
                ended = self.process.poll() is not None
                if ended or time.monotonic() > deadline:
                    self.close()
                    pytest.fail(f"Trino does not start: {(folder / 'trino.log').read_text(errors='replace')[-2000:]}")
                time.sleep(1)

    def sql(self, text):
        """The rows as dicts, of the types that JSON has."""
        asked = urllib.request.Request(f"{self.url}/v1/statement", data=text.encode(), headers={"X-Trino-User": "tarn", "X-Trino-Time-Zone": "UTC"})
        rows, columns = [], []
        while asked:
            with urllib.request.urlopen(asked, timeout=ANSWER_S) as told:
                answer = json.load(told)
            if "error" in answer:
                raise TrinoError(answer["error"]["message"])
            columns = [column["name"] for column in answer.get("columns") or []] or columns
            rows += answer.get("data") or []
            asked = answer.get("nextUri")
        return [dict(zip(columns, row)) for row in rows]

    def close(self):
        self.process.terminate()
        self.process.wait(60)
        self.log.close()


def from_json(cell):
    if not isinstance(cell, dict):
        return cell
    (kind, value), = cell.items()
    makers = {"struct": lambda: {name: from_json(inner) for name, inner in value}, "map": lambda: [(from_json(k), from_json(v)) for k, v in value],
              "list": lambda: [from_json(inner) for inner in value], "binary": lambda: base64.b64decode(value), "decimal": lambda: decimal.Decimal(value),
              "timestamp": lambda: datetime.datetime.fromisoformat(value), "date": lambda: datetime.date.fromisoformat(value),
              "float": lambda: float(value), "text": lambda: value}
    return makers[kind]()


def comparable(value):
    """One form for what engines hand out in several: times without zone are UTC, maps have no order, NaN equals itself."""
    if isinstance(value, dict):
        return {name: comparable(inner) for name, inner in value.items()}
    if isinstance(value, list) and value and isinstance(value[0], tuple):
        return sorted(((comparable(k), comparable(v)) for k, v in value), key=repr)
    if isinstance(value, list):
        return [comparable(inner) for inner in value]
    if isinstance(value, datetime.datetime) and value.tzinfo:
        return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return repr(value) if isinstance(value, float) else value


def rows_of(rows):
    """Rows as dicts, in one order."""
    return sorted(({name: comparable(cell) for name, cell in row.items()} for row in rows), key=repr)


def same_rows(**sides):
    """Each side's rows are those of the first; the message names the side and what differs."""
    (first, wanted), *others = [(name, rows_of(rows)) for name, rows in sides.items()]
    for name, got in others:
        if got == wanted:
            continue
        counts = collections.Counter(map(repr, wanted)), collections.Counter(map(repr, got))
        lacks, adds = [list((a - b).elements())[:3] for a, b in (counts, counts[::-1])]
        pytest.fail(f"{name} has {len(got)} rows, {first} {len(wanted)}; only {first}: {lacks}; only {name}: {adds}")
    return wanted


def duckdb_with(*extensions):
    """A connection of DuckDB with its own extensions of these names."""
    connection = duckdb.connect(config={"allow_unsigned_extensions": "true"})
    for name in extensions:
        found = importlib.util.find_spec(f"duckdb_extension_{name}")
        places = [pathlib.Path(found.origin).parent] if found else []
        places += CACHE.glob(f"engines/lib/python*/site-packages/duckdb_extension_{name}")
        files = [file for place in places for file in place.rglob(f"{name}.duckdb_extension")]
        if not files:
            missing(f"no DuckDB extension {name}: tools/setup.sh --interop fetches it")
        connection.execute(f"LOAD '{files[0]}'")
    return connection


def duckdb_rows(connection, sql):
    return connection.execute(sql).to_arrow_table().to_pylist()
