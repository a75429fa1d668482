"""gen_docs.py [--check]: writes docs/CONFIGURATION.md from src/base/options.def and docs/SQL.md from the statements' help texts;
--check only says whether one is stale."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent
TABLE = ROOT / "src/base/options.def"
PAGE = ROOT / "docs/CONFIGURATION.md"

HEAD = """# Settings

Every setting and every limit of Tarn, made from `src/base/options.def` by `make docs`.

A setting has the value of the first of these that names it: a flag (`settings` of `tarn_open`), `SET name = value` in the
session, the environment (`TARN_` and the name in capitals, dots as `_`), the warehouse, the default. `SHOW SETTINGS` tells which one it was.

Sizes take `kB MB GB TB` (powers of 1000) or `KiB MiB GiB TiB` (of 1024); durations `ms s m h d`, a bare number is ms.

| setting | type | default | range | what it does |
|---|---|---|---|---|
"""

STRING = re.compile(r'"((?:[^"\\]|\\.)*)"')


def arguments(text):
    """Splits the inside of TARN_OPTION(...) at its commas outside of strings."""
    return [part.strip() for part in re.findall(r'(?:"(?:[^"\\]|\\.)*"|[^,"])+', text)]


def literal(text):
    return "".join(STRING.findall(text)).replace('\\"', '"').replace("\\\\", "\\")


def bounds(kind, low, high, choices):
    if kind == "ENUM":
        return ", ".join(f"`{choice}`" for choice in literal(choices).split("|"))
    if kind in ("TEXT", "BOOL"):
        return ""
    low, high = low.strip(), high.strip()
    if high.startswith("INT64_MAX"):
        return f"from {low}"
    high = {"INT32_MAX": str(2**31 - 1)}.get(high, high)
    unit = " ms" if kind == "DURATION" else ""
    return f"{low} to {high}{unit}"


def rows(source):
    for match in re.finditer(r'TARN_OPTION\(((?:[^()"]|"(?:[^"\\]|\\.)*"|\([^()]*\))*)\)', source):
        _, name, kind, default, low, high, choices, secret, text = arguments(match[1])
        kind = kind.removeprefix("TARN_OPT_")
        value = literal(default)
        shown = f"`{value}`" if value else ""
        note = " Never shown." if secret == "true" else ""
        cells = [f"`{literal(name)}`", kind.lower(), shown, bounds(kind, low, high, choices), literal(text) + note]
        yield "| " + " | ".join(cell.replace("|", "\\|").replace("<", "\\<") for cell in cells) + " |\n"


def page():
    source = TABLE.read_text()
    lines = list(rows(source))
    if len(lines) != len(re.findall(r"^TARN_OPTION\(", source, re.M)):
        sys.exit(f"{TABLE}: not every TARN_OPTION could be read; each has nine arguments")
    return HEAD + "".join(lines)


SQL_PAGE = ROOT / "docs/SQL.md"
SQL_HEAD = """# SQL

Queries are DuckDB SQL; lakehouse statements are spelled as Spark and Delta spell them. This page is made from the statements' own help texts by `make docs`;
`HELP` and the shell's `\\h` show the same.

Names are `[catalog.]schema.table`; the first catalog is `lake`, its first schema `main`. A table can be named by its path: `` delta.`/data/t` ``. `t.files`,
`t.history` and `t.partitions` are tables too. Files are read by `read_parquet`, `read_csv`, `read_json` and `read_avro`, or by their path: `` avro.`/data/*.avro` ``.
`t VERSION AS OF 3`, `t TIMESTAMP AS OF '2026-01-31'`, `FOR TIMESTAMP AS OF`, `AT (VERSION => 3)` read an older version.
Iceberg tables of format versions 1 to 3 are read and written: `` iceberg.`path` `` is a table's folder, moved or not, or one of its metadata files. `VERSION AS OF` takes a snapshot
id, else a sequence number, or the name of a branch or tag; `t.branch_x` and `t.tag_x` are such names too (see BRANCHES.md). Their metadata
tables (`t.snapshots`, `t.files`, `t.entries`, …) and how they are kept quick and small: see MAINTENANCE.md. Data files in ORC or Avro and encrypted tables are refused by name.
`write.delete.mode`, `write.update.mode` and `write.merge.mode` = `merge-on-read` mark rows instead of writing files anew: statements on different rows of one file then both stand.
`write.delete|update|merge.isolation-level` is `serializable`, or `snapshot`: files that others have added meanwhile, with rows the statement would have read, are then no conflict.
Rows of version 3 have an id: `_row_id` and `_last_updated_sequence_number`, the sequence number of the commit that wrote the row last, can be named in any query and condition, and
no `*` shows them. A column of such a name that a table had before version 3 hides them; no other gets one. Rows that UPDATE, MERGE and OPTIMIZE move keep
them. `table_changes` follows the past of the version it ends at; commits that only rewrote files are not in it.

"""


def statements():
    order = re.findall(r"X\((\w+)\)", (ROOT / "src/stmt/stmts.c").read_text().split("#define DECLARE")[0])
    found = {}
    for path in sorted((ROOT / "src/stmt").rglob("*.c")):
        for match in re.finditer(r"const tarn_stmt tarn_stmt_(\w+) = \{(.*?)\n?\};", path.read_text(), re.S):
            name = re.search(r'\.name = ("[^"]*")', match[2])
            text = re.search(r'\.help\s*=\s*((?:\s*"(?:[^"\\]|\\.)*")+)', match[2])
            found[match[1]] = (literal(name[1]), literal(text[1]).replace("\\n", "\n"))
    return [found[entry] for entry in order if entry != "name"]


KINDS = {"TABLE": "table", "TEXT": "text", "INT": "whole number", "BOOL": "`TRUE` or `FALSE`", "DOUBLE": "number", "TIMESTAMP": "timestamp",
         "MAP": "`map('key', 'value', …)`", "LIST": "`array(…)`"}
PARAM = re.compile(r'\{\s*"(\w+)",\s*TARN_CALL_(\w+),\s*(true|false)\s*\}')


def procedures():
    order = re.findall(r"X\((\w+)\)", (ROOT / "src/stmt/call/call.c").read_text().split("#define DECLARE")[0])
    found = {}
    for path in sorted((ROOT / "src/stmt/call").glob("*.c")):
        for match in re.finditer(r"const tarn_procedure tarn_procedure_(\w+) = \{(.*?)\n\};", path.read_text(), re.S):
            what = re.search(r'\.help\s*=\s*((?:\s*"(?:[^"\\]|\\.)*")+)', match[2])
            takes = [f"{'' if needed == 'true' else '['}`{name}` {KINDS[kind]}{'' if needed == 'true' else ']'}"
                     for name, kind, needed in PARAM.findall(match[2])]
            found[match[1]] = f"| `{match[1]}` | {', '.join(takes)} | {literal(what[1])} |\n"
    rows = "".join(found[name] for name in order if name != "name")
    return "\n| procedure | takes | what it does |\n|---|---|---|\n" + rows


def sql_page():
    parts = []
    for name, text in statements():
        syntax, _, what = text.rpartition("\n")
        more = procedures() if name == "CALL" else ""
        parts.append(f"## {name}\n\n```sql\n{syntax}\n```\n\n{what}\n{more}")
    return SQL_HEAD + "\n".join(parts)


def main():
    for path, text in ((PAGE, page()), (SQL_PAGE, sql_page())):
        current = path.read_text() if path.exists() else ""
        if sys.argv[1:] == ["--check"]:
            if text != current:
                sys.exit(f"{path.relative_to(ROOT)} is stale; run: make docs")
        elif text != current:
            path.parent.mkdir(exist_ok=True)
            path.write_text(text)
            print(f"wrote {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
