"""test_wheel.py: the wheel, installed where nothing else is: the README's example, the bundled libraries, the command."""
import hashlib
import os
import pathlib
import re
import subprocess
import sys
import venv
import zipfile

import pytest

SOURCE = pathlib.Path(os.environ.get("TARN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("TARN_BUILD_DIR", SOURCE / "build"))
VERSION = re.search(r"DUCKDB_VERSION=(\S+)", (SOURCE / "tools/versions.env").read_text())[1]
DUCKDB = pathlib.Path.home() / ".cache/tarn" / f"duckdb-{VERSION}"


def run(*command, **options):
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("TARN_", "PYTHON", "LD_"))}
    done = subprocess.run(command, env=clean, capture_output=True, text=True, timeout=120, **options)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    out = tmp_path_factory.mktemp("dist")
    run(sys.executable, SOURCE / "python/build_wheel.py", BUILD, DUCKDB, out)
    (made,) = out.glob("*.whl")
    return made


@pytest.fixture(scope="module")
def installed(wheel, tmp_path_factory):
    folder = tmp_path_factory.mktemp("bare") / "a venv"
    venv.create(folder, with_pip=True)
    run(folder / "bin/python", "-m", "pip", "install", "--no-deps", "--no-index", wheel)
    return folder


def test_name_and_contents(wheel):
    assert re.fullmatch(r"tarn-\d+\.\d+\.\d+-py3-none-manylinux_2_\d+_\w+\.whl", wheel.name)
    with zipfile.ZipFile(wheel) as content:
        for name in ("lib/libduckdb.so", "extensions/httpfs.duckdb_extension"):
            with content.open("tarn/lib/" + name.split("/")[1]) as packed, open(DUCKDB / name, "rb") as original:
                digests = {hashlib.sha256(file.read()).digest() for file in (packed, original)}
            assert len(digests) == 1, f"{name} was changed"


def test_the_readme_example(installed, tmp_path):
    code, expected = re.search(r"```python\n(.*?)```\n```\n(.*?)```", (SOURCE / "README.md").read_text(), re.S).groups()
    assert run(installed / "bin/python", "-c", code, cwd=tmp_path) == expected


def test_only_its_own_libraries(installed, tmp_path):
    code = ("import tarn; tarn.connect('lake').sql('SELECT 1').fetchall()\n"
            "print(*{line.split(None, 5)[-1].strip() for line in open('/proc/self/maps') if '.so' in line}, sep='\\n')")
    loaded = run(installed / "bin/python", "-c", code, cwd=tmp_path).splitlines()
    for library in ("libtarn", "libduckdb", "libsqlite3", "libroaring"):
        homes = [path for path in loaded if library in path]
        assert homes and all("/a venv/" in path for path in homes), homes


def test_the_command(installed, tmp_path):
    assert run(installed / "bin/tarn", "-w", tmp_path / "lake", "sql", "--format", "csv", "SELECT 42 AS x") == "x\n42\n"
    assert run(installed / "bin/python", "-m", "tarn", "-w", tmp_path / "lake", "doctor").endswith("sound\n")
