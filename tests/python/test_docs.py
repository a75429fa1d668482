"""test_docs.py: the Python examples of the pages, run as they are printed, each page from top to bottom."""
import contextlib
import io
import os
import pathlib
import re

import pytest

SOURCE = pathlib.Path(os.environ.get("TARN_SOURCE_DIR", pathlib.Path(__file__).resolve().parents[2]))


@pytest.mark.parametrize("page", ["README.md", "docs/PYTHON.md"])
def test_examples(page, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = re.findall(r"```python\n(.*?)```\n(?:```\n(.*?)```)?", (SOURCE / page).read_text(), re.S)
    assert found
    names = {"__name__": "example"}
    for code, expected in found:
        printed = io.StringIO()
        with contextlib.redirect_stdout(printed):
            exec(compile(code, page, "exec"), names)
        assert printed.getvalue() == expected, code
