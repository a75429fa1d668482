"""The README's examples, run as they are printed: what a new user sees is what a new user gets."""
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
