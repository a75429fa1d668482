"""spark_server.py FOLDER JARS: a Spark session with Delta and Iceberg that answers a line of JSON with a line of JSON, for tests that run in
another Python. Asked {"sql": text}, it tells {"rows": [[cell, …], …], "columns": […]} or {"error": text}; tests/interop/spark.py has the other end.
"""
import base64
import datetime
import decimal
import glob
import json
import os
import sys

from pyspark.sql import Row, SparkSession

CONFIGURATION = {
    "spark.sql.extensions": "io.delta.sql.DeltaSparkSessionExtension,org.apache.iceberg.spark.extensions.IcebergSparkSessionExtensions",
    "spark.sql.catalog.spark_catalog": "org.apache.spark.sql.delta.catalog.DeltaCatalog",
    # Hadoop tables: found by their folder below the warehouse, as Tarn's tables by path are.
    "spark.sql.catalog.hadoop": "org.apache.iceberg.spark.SparkCatalog", "spark.sql.catalog.hadoop.type": "hadoop",
    "spark.sql.catalog.hadoop.cache-enabled": "false",
    # Registered by their metadata file, as tables of another catalog are.
    "spark.sql.catalog.memory": "org.apache.iceberg.spark.SparkCatalog", "spark.sql.catalog.memory.cache-enabled": "false",
    "spark.sql.catalog.memory.catalog-impl": "org.apache.iceberg.inmemory.InMemoryCatalog",
    "spark.sql.catalog.memory.io-impl": "org.apache.iceberg.hadoop.HadoopFileIO",
    "spark.sql.session.timeZone": "UTC", "spark.ui.enabled": "false", "spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1",
    "spark.driver.memory": "1500m", "spark.driver.extraJavaOptions": "-XX:+UseSerialGC -XX:TieredStopAtLevel=1 -Duser.timezone=UTC",
    # Small data: compiling each query and shuffling among many tasks would take most of the time.
    "spark.sql.codegen.wholeStage": "false", "spark.sql.codegen.factoryMode": "NO_CODEGEN", "spark.sql.shuffle.partitions": "1",
    "spark.databricks.delta.snapshotPartitions": "1", "spark.sql.sources.parallelPartitionDiscovery.parallelism": "1",
    "spark.databricks.delta.retentionDurationCheck.enabled": "false",
}


def plain(value):
    """A cell as JSON can hold it, types other than JSON's own marked with their name; the other end makes Python's values of them."""
    if isinstance(value, Row):
        return {"struct": [[name, plain(cell)] for name, cell in value.asDict(recursive=False).items()]}
    if isinstance(value, dict):
        return {"map": [[plain(key), plain(cell)] for key, cell in value.items()]}
    if isinstance(value, list):
        return {"list": [plain(cell) for cell in value]}
    if isinstance(value, (bytes, bytearray)):
        return {"binary": base64.b64encode(bytes(value)).decode()}
    if isinstance(value, decimal.Decimal):
        return {"decimal": str(value)}
    if isinstance(value, datetime.datetime):
        return {"timestamp": value.isoformat()}
    if isinstance(value, datetime.date):
        return {"date": value.isoformat()}
    if isinstance(value, float):
        return {"float": repr(value)}
    return value if value is None or isinstance(value, (bool, int, str)) else {"text": str(value)}


def answer(session, asked):
    try:
        frame = session.sql(asked["sql"])
        return {"columns": frame.columns, "rows": [[plain(cell) for cell in row] for row in frame.collect()]}
    except Exception as error:  # whatever it is, the test that asked is told
        return {"error": f"{type(error).__name__}: {error}"}


def main(folder, jars):
    os.environ["TZ"] = "UTC"
    out, sys.stdout = sys.stdout, sys.stderr
    builder = SparkSession.builder.master("local[1]").appName("tarn").config("spark.jars", ",".join(glob.glob(f"{jars}/*.jar")))
    for key, value in {**CONFIGURATION, "spark.local.dir": f"{folder}/tmp", "spark.sql.warehouse.dir": f"{folder}/spark",
                       "spark.sql.catalog.hadoop.warehouse": f"file://{folder}/hadoop",
                       "spark.sql.catalog.memory.warehouse": f"file://{folder}/memory"}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    print(json.dumps({"ready": session.version}), file=out, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(session, json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
