"""conftest.py: what tests of all folders share."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))
from s3server import S3Server  # noqa: E402


@pytest.fixture(scope="session")
def s3():
    server = S3Server()
    yield server
    server.stop()
