"""Runs tests/sql/*.test, each on every table format there is.

A file is blocks apart by blank lines, lines with # are comments:
    statement ok                 the SQL below runs
    statement error CODE regex   it fails with this code, and the message (with its hint) matches
    query [rowsort]              its rows are those below ----, cells apart by " | "
    reopen                       the lake is closed and opened again
${tmp} is the test's folder, ${format} the table format.
"""
import datetime
import decimal
import json
import pathlib
import re
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tarnlib import Session, TarnError  # noqa: E402

HERE = pathlib.Path(__file__).parent
FORMATS = ["delta"]


def text(value):
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, datetime.datetime):
        return value.isoformat(sep=" ") if value.tzinfo is None else value.astimezone(datetime.timezone.utc).strftime("%Y-%m-%d %H:%M:%S.%fZ")
    if isinstance(value, (datetime.date, decimal.Decimal)):
        return str(value)
    if isinstance(value, (list, dict, tuple)):
        return json.dumps(value, default=text)
    return "(empty)" if value == "" else str(value).replace("\n", "\\n")


def blocks(path, replace):
    """(line number, header, body lines)"""
    block, start = [], 0
    for number, line in enumerate(path.read_text().splitlines() + [""], 1):
        if line.startswith("#"):
            continue
        if line.strip():
            start = start if block else number
            block.append(replace(line))
        elif block:
            yield start, block[0], block[1:]
            block = []


def run_query(session, header, body):
    sql, expected = body[: body.index("----")], body[body.index("----") + 1:]
    got = [" | ".join(text(cell) for cell in row) for row in session.rows("\n".join(sql))]
    if "rowsort" in header:
        got, expected = sorted(got), sorted(expected)
    assert got == expected


def run_block(session, header, body):
    if header.startswith("query"):
        run_query(session, header, body)
    elif header == "statement ok":
        session.sql("\n".join(body))
    else:
        _, _, code, pattern = header.split(" ", 3)
        with pytest.raises(TarnError) as failed:
            session.sql("\n".join(body))
        error = failed.value
        assert error.code == code, error
        assert re.search(pattern, f"{error.message}\n{error.hint}"), error


@pytest.mark.parametrize("table_format", FORMATS)
@pytest.mark.parametrize("path", sorted(HERE.glob("*.test")), ids=lambda path: path.stem)
def test_file(path, table_format, tmp_path):
    def replace(line):
        return line.replace("${tmp}", str(tmp_path)).replace("${format}", table_format)

    session = Session(tmp_path / "lake", {"default_format": table_format})
    for number, header, body in blocks(path, replace):
        if header == "reopen":
            session.close()
            session = Session(tmp_path / "lake", {"default_format": table_format})
            continue
        try:
            run_block(session, header, body)
        except (AssertionError, TarnError) as failure:
            pytest.fail(f"{path.name}:{number}: {header}\n" + "\n".join(body) + f"\n{failure}", pytrace=False)
    session.close()
