"""conftest.py: the package is tested from the source tree, over the library that was just built."""
import os
import pathlib
import sys

import pytest

SOURCE = pathlib.Path(os.environ.get("TARN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("TARN_BUILD_DIR", SOURCE / "build"))
os.environ["TARN_LIBRARY"] = str(BUILD / "libtarn.so")
os.environ["PYTHONPATH"] = str(SOURCE / "python")
sys.path.insert(0, str(SOURCE / "python"))


@pytest.fixture
def lake(tmp_path):
    import tarn
    with tarn.connect(tmp_path / "lake") as opened:
        yield opened
