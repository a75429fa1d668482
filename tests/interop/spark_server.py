"""spark_server.py FOLDER JARS: a Spark session with Delta and Iceberg that answers a line of JSON with a line of JSON, for tests that run in
another Python. Asked {"sql": text}, it tells {"rows": [[cell, …], …], "columns": […]} or {"error": text}; engines.py has the other end. {"load": path} reads
an Iceberg table by a metadata file. Asked {"table": name, "columns": […], "keys": [[cell, …], …]}, it adds an equality delete file, which SQL cannot, by
Iceberg's Java API.
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


def delete_by_key(session, name, columns, keys):
    jvm, gateway = session._jvm, session.sparkContext._gateway
    iceberg = jvm.org.apache.iceberg
    table = iceberg.spark.Spark3Util.loadIcebergTable(session._jsparkSession, name)
    schema = table.schema().select(columns)
    ids = gateway.new_array(jvm.int, len(columns))
    for place, column in enumerate(columns):
        ids[place] = table.schema().findField(column).fieldId()
    parquet = iceberg.FileFormat.PARQUET
    file = iceberg.io.OutputFileFactory.builderFor(table, 1, 1).format(parquet).build().newOutputFile()
    writer = iceberg.data.GenericAppenderFactory(table.schema(), table.spec(), ids, schema, None).newEqDeleteWriter(file, parquet, None)
    for key in keys:
        record = iceberg.data.GenericRecord.create(schema)
        for column, cell in zip(columns, key):
            record.setField(column, cell)
        writer.write(record)
    writer.close()
    table.newRowDelta().addDeletes(writer.toDeleteFile()).commit()


def answer(session, asked):
    try:
        if "keys" in asked:
            delete_by_key(session, asked["table"], asked["columns"], asked["keys"])
            return {}
        frame = session.read.format("iceberg").load(asked["load"]) if "load" in asked else session.sql(asked["sql"])
        return {"columns": frame.columns, "rows": [[plain(cell) for cell in row] for row in frame.collect()]}
    except Exception as error:  # whatever it is, the test that asked is told
        lines = [line for line in str(error).splitlines() if not line.lstrip().startswith(("at ", "... ", "Suppressed:"))]
        return {"error": f"{type(error).__name__}: " + "\n".join(lines)[:2000]}


def main(folder, jars):
    os.environ["TZ"] = "UTC"
    out, sys.stdout = sys.stdout, sys.stderr
    builder = SparkSession.builder.master("local[1]").appName("tarn").config("spark.jars", ",".join(glob.glob(f"{jars}/*.jar")))
    for key, value in {**CONFIGURATION, "spark.local.dir": f"{folder}/tmp", "spark.sql.warehouse.dir": f"{folder}/spark",
                       "spark.sql.catalog.hadoop.warehouse": f"file://{folder}/hadoop"}.items():
        builder = builder.config(key, value)
    session = builder.getOrCreate()
    session.sparkContext.setLogLevel("ERROR")
    print(json.dumps({"ready": session.version}), file=out, flush=True)
    for line in sys.stdin:
        print(json.dumps(answer(session, json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
