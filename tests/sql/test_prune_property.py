"""Pruning is never seen in a result: random tables and random predicates, each query with and without it."""
import os
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tarnlib import Session  # noqa: E402

TABLES, QUERIES = (30, 60) if os.environ.get("TARN_FULL") == "1" else (4, 40)

# Values that statistics get wrong most easily: extremes, NaN, zeros of both signs, long and odd text, nulls.
COLUMNS = {
    "i": ("INT", ["0", "1", "-1", "5", "2147483647", "-2147483648", "NULL"]),
    "l": ("BIGINT", ["0", "9007199254740993", "9007199254740992", "-9223372036854775808", "7", "NULL"]),
    "f": ("DOUBLE", ["0.0", "-0.0", "1.5", "'nan'::DOUBLE", "'inf'::DOUBLE", "'-inf'::DOUBLE", "1e300", "NULL"]),
    "m": ("DECIMAL(12,3)", ["0.001", "-0.001", "123456789.123", "5", "NULL"]),
    "s": ("STRING", ["''", "'a'", "'b'", "'ab'", "repeat('x', 40)", "repeat('x', 39) || 'y'", "repeat('é', 300)", "'Z'", "'𝄞'", "NULL"]),
    "d": ("DATE", ["DATE '1970-01-01'", "DATE '2026-01-31'", "DATE '0001-01-01'", "DATE '9999-12-31'", "NULL"]),
    "t": ("TIMESTAMP", ["TIMESTAMPTZ '2026-01-01 00:00:00.000001+00'", "TIMESTAMPTZ '2026-01-01 00:00:00.0009+00'", "TIMESTAMPTZ '1969-12-31 23:59:59.9+00'", "NULL"]),
    "b": ("BOOLEAN", ["true", "false", "NULL"]),
}


def literal(dice, name):
    return dice.choice(COLUMNS[name][1])


def predicate(dice, depth=0):
    if depth < 3 and dice.random() < 0.45:
        left, right = predicate(dice, depth + 1), predicate(dice, depth + 1)
        return dice.choice([f"({left} AND {right})", f"({left} OR {right})", f"NOT ({left})"])
    name = dice.choice(list(COLUMNS))
    other = dice.choice(list(COLUMNS))
    return dice.choice([
        f"{name} {dice.choice(['=', '<>', '<', '<=', '>', '>='])} {literal(dice, name)}",
        f"{literal(dice, name)} {dice.choice(['=', '<', '>='])} {name}",
        f"{name} IN ({literal(dice, name)}, {literal(dice, name)}, {literal(dice, name)})",
        f"{name} NOT IN ({literal(dice, name)}, {literal(dice, name)})",
        f"{name} BETWEEN {literal(dice, name)} AND {literal(dice, name)}",
        f"{name} IS {dice.choice(['', 'NOT '])}NULL",
        f"{name} IS {dice.choice(['', 'NOT '])}DISTINCT FROM {literal(dice, name)}",
        f"s LIKE '{dice.choice(['a%', 'x%', '%b', '', 'é%'])}'",
        f"i + 1 = {dice.choice(['1', '2', '6'])}",
        f"l {dice.choice(['<', '=', '>'])} {dice.choice(['5.5', '9007199254740992.0::DOUBLE'])}",
        f"t::DATE = {literal(dice, 'd')}", f"d {dice.choice(['<', '>='])} {literal(dice, 't')}", f"year(d) = {dice.choice(['1970', '2026'])}",
        # Evaluated once for each value where these are partition columns.
        f"year(d) = {dice.choice(['1970', '2026'])} AND month(d) {dice.choice(['=', '<>'])} 1",
        f"d + {dice.choice(['0', '1'])} = DATE '2026-01-31'", f"lower(s) {dice.choice(['=', '<'])} {literal(dice, 's')}",
        f"hash(i) % 2 = {dice.choice(['0', '1'])}", f"abs(m) > {dice.choice(['0', '5'])}", f"strftime(d, '%Y') = {dice.choice(['1970', '2026'])}::VARCHAR",
        f"l::VARCHAR LIKE '{dice.choice(['9%', '-%', '%0'])}'", f"CASE WHEN b THEN i > 0 ELSE {name} IS NULL END",
        f"date_trunc('hour', t) = {literal(dice, 't')}", dice.choice(["false", "1 = 0", "NULL", "true"]),
        f"i IN (SELECT {dice.choice(['0', '5', 'NULL'])})", f"coalesce({name} = {literal(dice, name)}, {other} IS NULL)",
    ])


def make_table(dice, session, name, format):
    partition = dice.choice([[], [], ["l"], ["b"], ["d", "b"], ["i"], ["m"], ["t"], ["s"], ["d", "s"], ["l", "m"]])
    columns = ", ".join(f"{column} {kind}" for column, (kind, _) in COLUMNS.items())
    by = f" PARTITIONED BY ({', '.join(partition)})" if partition else ""
    indexed = dice.choice([0, 3, 32, 32, 32])
    properties = f" TBLPROPERTIES ('delta.dataSkippingNumIndexedCols' = '{indexed}')" if format == "delta" else ""
    session.sql(f"CREATE TABLE {name} ({columns}) USING {format}{by}{properties}")
    for _ in range(dice.randrange(4, 9)):
        rows = [", ".join(literal(dice, column) for column in COLUMNS) for _ in range(dice.randrange(1, 5))]
        if "s" in partition:  # the value is in a folder's name, which has at most 255 bytes
            rows = [row.replace("repeat('é', 300)", "'é'") for row in rows]
        session.sql(f"INSERT INTO {name} VALUES " + ", ".join(f"({row})" for row in rows))
    if dice.random() < 0.5:
        session.sql(f"DELETE FROM {name} WHERE {predicate(dice)}")
    return partition


def totals(dice, partition):
    """A query that metadata may answer, as a form over a table or a subquery, which it never answers."""
    part = dice.choice(partition) if partition else None
    counts = ["count(*)", "count(1) AS n", "count(*) * 2 + 1", "min(i)", "max(i)", "max(l)", "min(d)", "max(d)", "min(m)", "max(t)", "max(s)"]
    items = dice.sample(counts, dice.randrange(1, 5)) + ["count(*)"]
    where = dice.choice(["", f"WHERE {part} {dice.choice(['=', '<', 'IS DISTINCT FROM'])} {literal(dice, part)}", f"WHERE {part} IS NULL"]) if part else ""
    if part and dice.random() < 0.5:
        having = dice.choice(["", "HAVING count(*) > 2"])
        return f"SELECT {part}, {', '.join(items)} FROM {{}} {where} GROUP BY {part} {having} ORDER BY count(*), {part}"
    return f"SELECT {', '.join(items)} FROM {{}} {where}"



@pytest.mark.parametrize("format", ["delta", "iceberg"])
def test_pruned_is_unpruned(tmp_path, format):
    seed = int(os.environ.get("TARN_TEST_SEED", random.randrange(2**32)))
    print(f"TARN_TEST_SEED={seed}")
    dice = random.Random(seed)
    pruned = Session(tmp_path / "lake", {"prune.files_min": "1"})
    whole = Session(tmp_path / "lake", {"prune.files_min": "1000000"})
    for t in range(TABLES):
        partition = make_table(dice, pruned, f"t{t}", format)
        for _ in range(QUERIES // 4):
            query = totals(dice, partition)
            read = pruned.rows(query.format(f"(SELECT * FROM t{t}) AS x"))
            assert pruned.rows(query.format(f"t{t}")) == read, query
            assert whole.rows(query.format(f"t{t} AS y")) == read, query
        for _ in range(QUERIES):
            where = predicate(dice)
            query = f"SELECT count(*), count(i), sum(hash(l, s, d, t)) FROM t{t} WHERE {where}"
            if dice.random() < 0.2:
                query = f"SELECT count(*), count(x.i), sum(hash(x.l, y.s)) FROM t{t} x JOIN t{t} y ON x.i = y.i WHERE x.{dice.choice(['i', 'l'])} = 5"
            assert pruned.rows(query) == whole.rows(query), query
    pruned.close()
    whole.close()
