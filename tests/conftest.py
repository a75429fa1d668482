"""conftest.py: what tests of all folders share."""
import pathlib
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent / "support"))
from s3server import S3Server  # noqa: E402
from tarnlib import Session  # noqa: E402


@pytest.fixture(scope="session")
def s3():
    """A server that this process, and those it starts, are clients of."""
    server = S3Server()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in server.env.items():
            patch.setenv(name, value)
        yield server
    server.stop()


@pytest.fixture
def session(tmp_path):
    opened = Session(tmp_path / "lake")
    yield opened
    opened.close()
