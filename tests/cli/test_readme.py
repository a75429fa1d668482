"""The examples of the README and the guides, run as they are printed: what a new user sees is what a new user gets."""
import os
import pathlib
import re
import subprocess

import pytest

SOURCE = pathlib.Path(os.environ.get("TARN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))
BUILD = pathlib.Path(os.environ.get("TARN_BUILD_DIR", SOURCE / "build"))


def examples(text):
    """The commands of the console blocks in order, each with the lines printed under it."""
    for block in re.findall(r"```console\n(.*?)```", text, re.S):
        command, expected = None, []
        for line in block.splitlines():
            if line.startswith("$ "):
                if command:
                    yield command, expected
                command, expected = line[2:], []
            else:
                expected.append(line)
        yield command, expected


@pytest.mark.parametrize("page", ["README.md"])
def test_examples(page, tmp_path):
    env = dict(os.environ, PATH=f"{BUILD}:{os.environ['PATH']}")
    found = list(examples((SOURCE / page).read_text()))
    assert len(found) > 5
    for command, expected in found:
        ran = subprocess.run(command, shell=True, cwd=tmp_path, env=env, text=True, timeout=60,
                             stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert ran.stdout.splitlines() == expected, command


# SQL.md holds syntax, not statements.
GUIDES = sorted(path.name for path in (SOURCE / "docs").glob("*.md") if path.name != "SQL.md" and "```sql" in path.read_text())


@pytest.mark.parametrize("page", GUIDES)
def test_guides(page, tmp_path):
    """The statements of a guide's blocks, one after the other; a table orders is there, unless the guide makes it."""
    blocks = re.findall(r"```sql\n(.*?)```", (SOURCE / "docs" / page).read_text(), re.S)
    if "CREATE TABLE orders" not in blocks[0]:
        blocks.insert(0, "CREATE TABLE orders (id INT, total INT) USING iceberg; INSERT INTO orders VALUES (1, 10);")
    (tmp_path / "guide.sql").write_text("\n".join(blocks))
    ran = subprocess.run([BUILD / "tarn", "-w", tmp_path / "lake", "sql", "-f", tmp_path / "guide.sql"],
                         capture_output=True, text=True, timeout=60, check=False)
    assert ran.returncode == 0, ran.stderr
