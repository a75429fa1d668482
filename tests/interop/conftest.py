"""Fixtures of the interop tests: one Spark for all of them, for it starts slowly and needs much memory; it starts when a test first asks."""
import os
import pathlib
import sys

import pytest

sys.path[:0] = [str(pathlib.Path(__file__).resolve().parents[1] / "support"), str(pathlib.Path(__file__).resolve().parent)]
import engines  # noqa: E402
import tables  # noqa: E402


@pytest.fixture(scope="session")
def spark(tmp_path_factory):
    if not os.environ.get("TARN_FULL"):
        pytest.skip("Spark takes minutes: make interop asks it")
    session = engines.Spark(tmp_path_factory.mktemp("spark"))
    yield session
    session.close()


@pytest.fixture(scope="session")
def trino(tmp_path_factory):
    server = engines.Trino(tmp_path_factory.mktemp("trino"))
    yield server
    server.close()


@pytest.fixture
def delta_table(spark, tmp_path):
    table = tables.DeltaTable(spark, tmp_path)
    yield table
    table.session.close()


@pytest.fixture
def iceberg_table(spark, tmp_path):
    table = tables.IcebergTable(spark, tmp_path)
    yield table
    table.session.close()
