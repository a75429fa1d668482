"""Runs tests/sql/*.test, each on every table format and every kind of warehouse there is.

A file is blocks apart by blank lines, lines with # are comments:
    statement ok                 the SQL below runs
    statement error CODE[|CODE] [@line:column] regex
                                 it fails with this code, there, and the message (with its hint) matches
    query [rowsort] [only regex] its rows are those below ----, cells apart by " | "; with a regex, of the rows that match
                                 the parts that do
    reopen                       the lake is closed and opened again, by all sessions
    only FORMAT                  as the first line of a block: for tables of that format alone; as a block: so is the rest
    session name                 what follows is another user's, who opened the lake for himself; the first is "main"
${tmp} is the test's folder (on S3 a prefix), ${format} the table format.
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
FORMATS = ["delta", "iceberg"]
STORES = ["local", "s3"]


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
    options, _, only = header.partition(" only ")
    if only:
        got = [match[0] for match in (re.search(only, row) for row in got) if match]
    if options == "query rowsort":
        got, expected = sorted(got), sorted(expected)
    assert got == expected


def run_block(session, header, body):
    if header.startswith("query"):
        run_query(session, header, body)
    elif header == "statement ok":
        session.sql("\n".join(body))
    else:
        code, place, pattern = re.fullmatch(r"statement error ([A-Z|]+) (?:@(\d+:\d+) )?(.+)", header).groups()
        with pytest.raises(TarnError) as failed:
            session.sql("\n".join(body))
        error = failed.value
        assert error.code in code.split("|"), error
        assert place in (None, f"{error.line}:{error.column}"), f"{error} at {error.line}:{error.column}"
        assert re.search(pattern, f"{error.message}\n{error.hint}"), error


class Sessions:
    """One lake, opened anew for each session, so that no two share what they know of it."""

    def __init__(self, lake, table_format):
        self.lake, self.table_format, self.opened, self.name = lake, table_format, {}, "main"

    def current(self):
        if self.name not in self.opened:
            self.opened[self.name] = Session(self.lake, {"default_format": self.table_format})
        return self.opened[self.name]

    def close(self):
        for session in self.opened.values():
            session.close()
        self.opened, self.name = {}, "main"


@pytest.mark.parametrize("store", STORES)
@pytest.mark.parametrize("table_format", FORMATS)
@pytest.mark.parametrize("path", sorted(HERE.glob("*.test")), ids=lambda path: path.stem)
def test_file(path, table_format, store, tmp_path, request):
    folder = tmp_path if store == "local" else request.getfixturevalue("s3").prefix()

    def replace(line):
        return line.replace("${tmp}", str(folder)).replace("${format}", table_format)

    sessions = Sessions(f"{folder}/lake", table_format)
    for number, header, body in blocks(path, replace):
        if header.startswith("only "):
            if header.removeprefix("only ") != table_format:
                if not body:
                    break
                continue
            if not body:
                continue
            header, body = body[0], body[1:]
        if header == "reopen":
            sessions.close()
        elif header.startswith("session "):
            sessions.name = header.removeprefix("session ")
        else:
            try:
                run_block(sessions.current(), header, body)
            except (AssertionError, TarnError) as failure:
                pytest.fail(f"{path.name}:{number}: {header}\n" + "\n".join(body) + f"\n{failure}", pytrace=False)
    sessions.close()
