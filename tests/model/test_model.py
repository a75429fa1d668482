"""Random histories of a table by two writers against a plain model in memory: every version, and the changes between them.

TARN_MODEL_HISTORIES (200) says how many, half of them for each format, TARN_MODEL_SEED the first one's seed; a failure prints its seed and
statements."""
import collections
import os
import pathlib
import random
import sys

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from tarnlib import Session, TarnError  # noqa: E402

HISTORIES = (int(os.environ.get("TARN_MODEL_HISTORIES", 200)) + 1) // 2
SEED = int(os.environ.get("TARN_MODEL_SEED", 1))
BATCH = 20  # histories a test case
MARKED = {f"write.{statement}.mode": "merge-on-read" for statement in ("delete", "update", "merge")}
FORMATS = {
    "delta": [{"delta.enableDeletionVectors": "true"}, {"delta.enableDeletionVectors": "false"}],
    "iceberg": [{}, {"format-version": "3"}, {"format-version": "2", **MARKED}, {"format-version": "3", **MARKED}],
}
SPECS = {
    "delta": ["", "(day)", "(k, day)"],
    "iceberg": ["", "(day)", "(k, day)", "(bucket(3, id), day)", "(truncate(1, k), months(day))", "(truncate(2, n), bucket(2, k))", "(years(day))"],
}
BASE = [("id", "INT"), ("k", "STRING"), ("n", "BIGINT"), ("day", "DATE")]
DAYS = ["2026-01-01", "2026-01-02", "2026-01-03"]


def literal(name, value):
    if value is None:
        return "NULL"
    return f"DATE '{value}'" if name == "day" else f"'{value}'" if isinstance(value, str) else str(value)


def compare(op, a, b):
    if a is None or b is None:
        return None
    return {"=": a == b, "<>": a != b, "<": a < b, ">=": a >= b}[op]


class Predicate:
    """The same condition as SQL and as a function of a row (a dict); None is NULL."""

    def __init__(self, sql, test):
        self.sql, self.test = sql, test

    @staticmethod
    def random(dice, depth=0):
        if depth < 2 and dice.random() < 0.3:
            a, b = Predicate.random(dice, depth + 1), Predicate.random(dice, depth + 1)
            if dice.random() < 0.5:
                return Predicate(f"({a.sql} AND {b.sql})", lambda row: False if False in (a.test(row), b.test(row)) else None if None in (a.test(row), b.test(row)) else True)
            return Predicate(f"({a.sql} OR {b.sql})", lambda row: True if True in (a.test(row), b.test(row)) else None if None in (a.test(row), b.test(row)) else False)
        name = dice.choice(["id", "k", "n", "day"])
        if dice.random() < 0.15:
            return Predicate(f"{name} IS NULL", lambda row: row[name] is None)
        value, op = one_value(dice, name) or DAYS[0] if name == "day" else one_value(dice, name), dice.choice(["=", "=", "<>", "<", ">="])
        if value is None:
            return Predicate(f"{name} IS NOT NULL", lambda row: row[name] is not None)
        return Predicate(f"{name} {op} {literal(name, value)}", lambda row: compare(op, row[name], value))


def one_value(dice, name):
    if dice.random() < 0.06:
        return None
    if name == "id":
        return dice.randrange(12)
    if name == "k":
        return dice.choice(["a", "b", "it''s".replace("''", "."), "é"])
    if name == "day":
        return dice.choice(DAYS)
    return dice.randrange(6)


# Of MERGE: conditions of its clauses, and what they set, as SQL and as functions of the table's row and the source's, where it has one.
MATCHED_IF = [("t.n < 3", lambda t, s: compare("<", t["n"], 3)), ("s.n >= 2", lambda t, s: compare(">=", s["n"], 2)),
              ("t.k IS NULL", lambda t, s: t["k"] is None), ("t.day <> s.day", lambda t, s: compare("<>", t["day"], s["day"]))]
MATCHED_SET = [("n = s.n, k = s.k", lambda t, s: {"n": s["n"], "k": s["k"]}), ("day = s.day", lambda t, s: {"day": s["day"]}),
               ("n = t.n + 1, id = s.id + 100", lambda t, s: {"n": None if t["n"] is None else t["n"] + 1, "id": s["id"] + 100})]
ORPHANED_IF = [("t.n = 0", lambda t: t["n"] == 0), ("t.id IS NULL", lambda t: t["id"] is None), ("t.k >= 'b'", lambda t: compare(">=", t["k"], "b"))]


class Model:
    """A table's rows, as a multiset of tuples under named columns; a column that comes under the name of one that went is another one."""

    def __init__(self, columns, rows=(), ids=None):
        self.columns, self.ids, self.rows = list(columns), list(ids or columns), collections.Counter(rows)

    def copy(self):
        return Model(self.columns, self.rows, self.ids)

    def same_columns(self, other):
        return (self.columns, self.ids) == (other.columns, other.ids)

    def dicts(self):
        for row, count in self.rows.items():
            yield dict(zip(self.columns, row)), row, count

    def tuple(self, row):
        return tuple(row.get(name) for name in self.columns)

    def delete(self, test):
        self.rows = collections.Counter({row: count for named, row, count in self.dicts() if test(named) is not True})

    def update(self, test, change):
        after = collections.Counter()
        for named, row, count in self.dicts():
            after[self.tuple({**named, **change(named)}) if test(named) is True else row] += count
        self.rows = after

    def insert(self, rows):
        for row in rows:
            self.rows[self.tuple(row)] += 1

    def add(self, name, at, identity):
        self.rows = collections.Counter({row[:at] + (None,) + row[at:]: count for row, count in self.rows.items()})
        self.columns.insert(at, name)
        self.ids.insert(at, identity)

    def drop(self, name):
        at, rows = self.columns.index(name), collections.Counter()
        for row, count in self.rows.items():
            rows[row[:at] + row[at + 1:]] += count
        self.rows = rows
        del self.columns[at], self.ids[at]


class Branch:
    """A branch: its rows, the table's version it goes on from, and its own versions."""

    def __init__(self, model, base):
        self.model, self.base, self.versions = model, base, {}


class History:
    def __init__(self, seed, table_format, folder):
        self.dice = random.Random(seed)
        self.log = [f"-- seed {seed}, {table_format}"]
        self.format = table_format
        self.sessions = [Session(folder / f"lake{seed}", {"default_format": table_format}) for _ in range(2)]
        properties = self.dice.choice(FORMATS[table_format])
        by = self.dice.choice(SPECS[table_format])
        self.model = Model([name for name, _ in BASE])
        self.versions = {}
        pairs = {**properties, **({"delta.columnMapping.mode": "name"} if table_format == "delta" and self.dice.random() < 0.3 else {}),
                 **({"delta.checkpointInterval": "3"} if table_format == "delta" and self.dice.random() < 0.5 else {}),
                 **({"delta.enableChangeDataFeed": "true"} if table_format == "delta" and self.dice.random() < 0.5 else {})}
        self.mapped = table_format != "delta" or "delta.columnMapping.mode" in pairs
        self.partitioned = by
        self.added = self.named = 0
        self.gone = set()  # names of columns that were dropped or renamed
        self.at = "t"  # what statements are about
        self.branches, self.tags, self.expired = {}, {}, set()
        listed = ", ".join(f"'{name}' = '{value}'" for name, value in pairs.items())
        self.run(0, f"CREATE TABLE t ({', '.join(f'{n} {t}' for n, t in BASE)}){by and ' PARTITIONED BY ' + by} TBLPROPERTIES ({listed})")
        self.beside = Model(self.model.columns)  # the table u, which transactions change too
        if table_format == "iceberg":
            self.run(0, f"CREATE TABLE u ({', '.join(f'{n} {t}' for n, t in BASE)}) TBLPROPERTIES ({listed})")
        self.note()

    def run(self, writer, sql):
        self.log.append(f"{'AB'[writer]}: {sql}")
        return self.sessions[writer].rows(sql)

    def version(self, writer=0):
        """The newest one: an Iceberg table has none before its first rows, and keeps its number when only its columns change."""
        newest = self.sessions[writer].rows("DESCRIBE HISTORY t LIMIT 1")
        return newest[0][0] if newest else 0

    def kept(self):
        """The versions that can be named."""
        return sorted(v for v in self.versions if v or self.format != "iceberg")

    def note(self):
        """Remembers what the newest version holds."""
        version = self.version()
        if version not in self.versions:
            self.versions[version] = self.model.copy()

    def rows(self, source, model, writer=0, where=""):
        names = ", ".join(f'"{name}"' for name in model.columns)
        got = self.sessions[writer].rows(f"SELECT {names} FROM {source}{where}")
        return collections.Counter(tuple(str(v) if name == "day" and v is not None else v for name, v in zip(model.columns, row)) for row in got)

    def check(self, source, model, writer=0):
        got = self.rows(source, model, writer)
        assert got == model.rows, f"{source}: too many {got - model.rows}, missing {model.rows - got}"

    def columns(self):
        return (self.beside if self.at == "u" else self.model).columns

    # One statement each: (SQL, what it does to a model). Both are made before either is run.
    def insert(self):
        rows = [{name: one_value(self.dice, name) for name in self.columns()} for _ in range(self.dice.randrange(1, 6))]
        values = ", ".join("(" + ", ".join(literal(name, row[name]) for name in self.columns()) + ")" for row in rows)
        return f"INSERT INTO {self.at} VALUES {values}", lambda model: model.insert(rows)

    def overwrite(self):
        day = self.dice.choice(DAYS)
        rows = [{**{name: one_value(self.dice, name) for name in self.columns()}, "day": day} for _ in range(self.dice.randrange(1, 4))]
        values = ", ".join("(" + ", ".join(literal(name, row[name]) for name in self.columns()) + ")" for row in rows)

        def apply(model):
            model.delete(lambda row: compare("=", row["day"], day))
            model.insert(rows)
        return f"INSERT INTO {self.at} REPLACE WHERE day = DATE '{day}' VALUES {values}", apply

    def update(self):
        where = Predicate.random(self.dice)
        name, sql, change = self.dice.choice([
            ("n", "n + 1", lambda row: None if row["n"] is None else row["n"] + 1), ("k", "'z'", lambda row: "z"),
            ("day", "DATE '2026-01-02'", lambda row: "2026-01-02"), ("id", "NULL", lambda row: None)])
        return f"UPDATE {self.at} SET {name} = {sql} WHERE {where.sql}", lambda model: model.update(where.test, lambda row: {name: change(row)})

    def delete(self):
        where = Predicate.random(self.dice)
        return f"DELETE FROM {self.at} WHERE {where.sql}", lambda model: model.delete(where.test)

    def merge(self):
        """Up to two clauses of each kind; the first that fits decides. Keys are unique in the source but for NULL, which is nobody's key."""
        keys = self.dice.sample(range(14), 4) + [None] * self.dice.choice([0, 0, 1, 2])
        source = [{"id": i, "k": one_value(self.dice, "k"), "n": one_value(self.dice, "n"), "day": self.dice.choice(DAYS)} for i in keys]
        rows = ", ".join("(" + ", ".join(literal(name, row[name]) for name, _ in BASE) + ")" for row in source)
        whole = set(self.columns()) == {name for name, _ in BASE}  # else * would name columns that the source lacks
        always = ("", lambda *rows: True)
        conditions = lambda some: [(f" AND {sql}", test) for sql, test in self.dice.sample(some, self.dice.randrange(2))] + [always]
        updates = MATCHED_SET + ([("*", lambda t, s: s)] if whole else [])
        matched = [(*condition, *self.dice.choice([*updates, (None, None)])) for condition in conditions(MATCHED_IF)][:self.dice.choice([1, 2, 2])]
        inserts = [condition for condition in conditions([("s.n >= 2", lambda s: compare(">=", s["n"], 2)), ("s.id IS NOT NULL", lambda s: s["id"] is not None)])]
        inserts = inserts[:self.dice.choice([0, 1, 2, 2])]
        orphans = [(f" AND {sql}", test, self.dice.random() < 0.5) for sql, test in self.dice.sample(ORPHANED_IF, self.dice.choice([0, 0, 0, 1, 2]))]
        sql = f"MERGE INTO {self.at} AS t USING (SELECT * FROM (VALUES {rows}) AS v(id, k, n, day)) AS s ON t.id = s.id"
        sql += "".join(f" WHEN MATCHED{also} THEN " + (f"UPDATE SET {what}" if what else "DELETE") for also, _, what, _ in matched)
        for also, _ in inserts:
            sql += f" WHEN NOT MATCHED{also} THEN INSERT " + ("*" if whole and self.dice.random() < 0.5 else "(id, k, n, day) VALUES (s.id, s.k, s.n, s.day)")
        sql += "".join(f" WHEN NOT MATCHED BY SOURCE{also} THEN " + ("DELETE" if gone else "UPDATE SET n = 7") for also, _, gone in orphans)

        def apply(model):
            by_key, seen, after = {row["id"]: row for row in source if row["id"] is not None}, set(), collections.Counter()
            for named, row, count in model.dicts():
                s = by_key.get(named["id"])
                if s is not None:
                    seen.add(named["id"])
                    change = next((change or "gone" for _, test, _, change in matched if test(named, s) is True), lambda *rows: {})
                    if change != "gone":
                        after[model.tuple({**named, **change(named, s)})] += count
                else:
                    gone = next((gone for _, test, gone in orphans if test(named) is True), None)
                    if not gone:
                        after[row if gone is None else model.tuple({**named, "n": 7})] += count
            model.rows = after
            model.insert([row for row in source if row["id"] not in seen and any(test(row) is True for _, test in inserts)])
        return sql, apply

    def change_rows(self):
        return self.dice.choice([self.insert, self.insert, self.overwrite, self.update, self.update, self.delete, self.merge, self.merge])()

    def one_of(self, writer):
        return self.dice.randrange(2) if writer is None else writer

    def autocommit(self, writer=None):
        sql, apply = self.change_rows()
        self.run(self.one_of(writer), sql)
        apply(self.model)

    def upkeep(self, writer=None):
        calls = [f"CALL system.{name}('t')" for name in ("rewrite_data_files", "rewrite_position_delete_files", "rewrite_manifests")]
        sql = self.dice.choice(calls if self.format == "iceberg" and self.dice.random() < 0.4 else ["OPTIMIZE t", "OPTIMIZE t ZORDER BY (id)" if "k" in self.partitioned else "OPTIMIZE t ZORDER BY (id, n)", "VACUUM t DRY RUN", "DESCRIBE DETAIL t"])
        self.run(self.one_of(writer), sql)

    def restore(self):
        """Columns are restored too; those of branches are the table's."""
        old = [v for v in self.kept() if not self.branches or self.versions[v].same_columns(self.model)]
        if old:
            version = self.dice.choice(old)
            self.run(self.dice.randrange(2), f"RESTORE TABLE t TO VERSION AS OF {version}")
            self.model = self.versions[version].copy()

    def evolve(self):
        """Columns come, also in between and under the names of others that went, are renamed, widened and dropped. Branches have the table's columns."""
        self.added += 1
        models = [self.model, *(branch.model for branch in self.branches.values())]
        mine = [name for name in self.model.columns if name.startswith("x")]
        gone = sorted(self.gone - set(self.model.columns))
        name = self.dice.choice(gone) if gone and self.dice.random() < 0.5 else f"x{self.added}"
        how = self.dice.choice(["add", "rename", "drop", "widen"]) if self.mapped and mine else "add"
        old = self.dice.choice(mine or [None])
        if how == "widen" and self.format == "iceberg":
            self.run(1, f"ALTER TABLE t ALTER COLUMN {self.dice.choice([old, 'id'])} TYPE BIGINT")
        elif how == "drop":
            self.run(0, f"ALTER TABLE t DROP COLUMN {old}")
            self.gone.add(old)
            for model in models:
                model.drop(old)
        elif how == "rename":
            self.run(0, f"ALTER TABLE t RENAME COLUMN {old} TO {name}")
            self.gone.add(old)
            for model in models:
                model.columns[model.columns.index(old)] = name
        else:
            at = self.dice.choice([len(self.model.columns), len(self.model.columns), self.dice.randrange(len(self.model.columns))])
            place = "" if at == len(self.model.columns) else f" AFTER {self.model.columns[at - 1]}" if at else " FIRST"
            self.run(0, f"ALTER TABLE t ADD COLUMNS ({name} INT{place})")
            for model in models:
                model.add(name, at, self.added)

    def repartition(self):
        self.partitioned = self.dice.choice(SPECS[self.format])
        self.run(self.dice.randrange(2), f"ALTER TABLE t SET PARTITION SPEC {self.partitioned or '()'}")

    def branch(self):
        """Names for versions: rows written to a branch are the branch's until the table is fast-forwarded to it."""
        kept = self.kept()
        self.named += 1
        if not kept or self.dice.random() < 0.2:
            if kept:
                version = self.dice.choice(kept)
                self.run(0, f"ALTER TABLE t CREATE TAG g{self.named} AS OF VERSION {version}")
                self.tags[f"g{self.named}"] = self.versions[version].copy()
            return
        if not self.branches or self.dice.random() < 0.2:
            self.run(1, f"ALTER TABLE t CREATE BRANCH b{self.named}")
            self.branches[f"b{self.named}"] = Branch(self.model.copy(), self.version())
        name = self.dice.choice(sorted(self.branches))
        what = self.dice.choice(["write", "write", "write", "forward", "drop"])
        if what == "write":
            self.write_branch(name, self.branches[name])
        elif what == "forward":
            self.forward(name, self.branches[name])
        else:
            self.run(0, f"ALTER TABLE t DROP BRANCH {name}")
            del self.branches[name]

    def write_branch(self, name, branch):
        for _ in range(self.dice.randrange(1, 4)):
            self.at = f"t.branch_{name}"
            sql, apply = self.change_rows()
            self.run(self.dice.randrange(2), sql)
            apply(branch.model)
            self.check(self.at, branch.model, self.dice.randrange(2))
            self.at = "t"
            for version, *_ in self.sessions[0].rows(f"DESCRIBE HISTORY t.branch_{name} LIMIT 1"):
                if version not in self.versions:
                    branch.versions.setdefault(version, branch.model.copy())

    def forward(self, name, branch):
        """Only where the branch goes on from the table's newest version."""
        possible = branch.base == self.version()
        try:
            self.run(self.dice.randrange(2), f"CALL system.fast_forward('t', 'main', '{name}')")
        except TarnError as refused:
            assert not possible, refused
            self.log.append(f"-- {refused}")
            return
        assert possible, f"the table moved on from version {branch.base}"
        self.model = branch.model.copy()
        branch.base = self.version()
        self.versions.update(branch.versions)
        branch.versions = {}
        self.keep_alive()

    def keep_alive(self):
        self.expired |= {v for v in self.versions if v and not self.alive(v)}
        self.versions = {v: model for v, model in self.versions.items() if v not in self.expired}

    def alive(self, version):
        try:
            return self.sessions[0].rows(f"SELECT count(*) FROM t VERSION AS OF {version}")
        except TarnError as gone:
            assert gone.code == "NOTFOUND", gone

    def expire(self, writer=None):
        before, last = self.kept(), self.dice.randrange(1, 5)
        self.run(self.one_of(writer), f"CALL system.expire_snapshots('t', now() + INTERVAL 1 DAY, retain_last => {last})")
        self.keep_alive()
        assert set(before[-last:]) <= set(self.kept()), f"{before} before, {self.kept()} after"
        assert self.branches or self.tags or self.kept() == before[-last:], f"{before} before, {self.kept()} after"

    def transaction(self):
        """One writer's transaction, of both tables where the format can, with another's statement inside: it commits what it did to the rows it saw, or nothing at all."""
        both = self.format == "iceberg" and self.dice.random() < 0.5
        before = {"t": self.model, **({"u": self.beside} if both else {})}
        mine, other = ({name: model.copy() for name, model in before.items()} for _ in range(2))
        self.run(0, "BEGIN")
        for _ in range(self.dice.randrange(1, 4)):
            self.change_one(0, mine)
        if self.dice.random() < 0.6:
            self.change_one(1, other)
        newest = self.version(1)
        raced = newest not in self.versions
        if raced:
            self.versions[newest] = other["t"].copy()
        self.model, self.beside = other["t"], other.get("u", self.beside)
        if self.dice.random() < 0.2:
            self.run(0, "ROLLBACK")
            return
        try:
            self.run(0, "COMMIT")
        except TarnError as refused:
            self.log.append(f"-- {refused}")
            assert refused.code == "CONFLICT" and any(other[name].rows != before[name].rows for name in before) or raced, refused
            return
        for name in before:
            removed, added = before[name].rows - mine[name].rows, mine[name].rows - before[name].rows
            assert not removed - other[name].rows, f"both writers took away {removed - other[name].rows} of {name}, and both committed"
            other[name].rows = other[name].rows - removed + added

    def change_one(self, writer, models):
        """One of these tables."""
        self.at = self.dice.choice(list(models))
        sql, apply = self.change_rows()
        self.run(writer, sql)
        apply(models[self.at])
        self.check(self.at, models[self.at], writer)
        self.at = "t"

    def pinned(self):
        """A reader's transaction sees the version it began with, or an error when the files of that are gone, whatever the other does meanwhile."""
        pinned = self.model.copy()
        self.run(0, "BEGIN")
        self.check("t", pinned)
        steps = self.dice.sample([self.autocommit, self.upkeep] + [self.expire] * (self.format == "iceberg"), 2)
        for step in steps:
            step(1)
            self.note()
        try:
            self.check("t", pinned)
        except TarnError as gone:
            self.log.append(f"-- {gone}")
            assert gone.code in ("NOTFOUND", "IO") and self.expire in steps, gone
        self.run(0, "ROLLBACK")

    def check_changes(self):
        """Deletes and inserts of the feed lead from one version to the other; table_diff gives nothing else."""
        order = self.kept()
        for _ in range(3 if order else 0):
            a, b = sorted(self.dice.choices(range(len(order)), k=2))
            first, last = self.versions[order[a]], self.versions[order[b]]
            if a == b or any(order[a] < v < order[b] for v in self.expired) or not all(self.versions[v].same_columns(last) for v in order[a:b + 1]):
                continue
            self.log.append(f"-- changes after {order[a]} up to {order[b]}")
            feed = f"table_changes('t', {order[a + 1]}, {order[b]})"
            came = self.rows(feed, last, where=" WHERE _change_type IN ('insert', 'update_postimage')")
            went = self.rows(feed, last, where=" WHERE _change_type IN ('delete', 'update_preimage')")
            assert first.rows + came - went == last.rows, f"{feed}: {came} came, {went} went"
            diff = f"table_diff('t', {order[a]}, {order[b]})"
            came, went = (self.rows(diff, last, where=f" WHERE _change_type = '{kind}'") for kind in ("insert", "delete"))
            assert came == last.rows - first.rows and went == first.rows - last.rows, f"{diff}: {came} came, {went} went"

    def check_names(self):
        for name, branch in self.branches.items():
            self.check(f"t.branch_{name}", branch.model, self.dice.randrange(2))
        for name, model in self.tags.items():
            self.check(f"t VERSION AS OF '{name}'", model, self.dice.randrange(2))

    def vacuum(self):
        """Nothing that is needed goes."""
        self.sessions[1].rows("SET vacuum.retention_check = false")
        self.run(1, "VACUUM t RETAIN 0 HOURS")
        self.check("t", self.model)
        self.check("t", self.model, 1)
        self.check_names()

    def play(self):
        steps = [self.autocommit] * 6 + [self.transaction] * 2 + [self.upkeep, self.restore, self.evolve, self.pinned]
        if self.format == "iceberg":
            steps += [self.repartition] + [self.branch] * 3 + [self.expire]
        for _ in range(self.dice.randrange(6, 16)):
            self.dice.choice(steps)()
            self.check("t", self.model, self.dice.randrange(2))
            self.note()
        for version in self.dice.sample(self.kept(), min(4, len(self.kept()))):
            self.log.append(f"-- version {version}")
            self.check(f"t VERSION AS OF {version}", self.versions[version])
        self.check_changes()
        self.check_names()
        if self.format == "iceberg":
            self.check("u", self.beside)
        if self.dice.random() < 0.5:
            self.vacuum()

    def close(self):
        for session in self.sessions:
            session.close()


@pytest.mark.parametrize("table_format", FORMATS)
@pytest.mark.parametrize("batch", range((HISTORIES + BATCH - 1) // BATCH))
def test_histories(batch, table_format, tmp_path):
    for seed in range(SEED + batch * BATCH, SEED + min(HISTORIES, (batch + 1) * BATCH)):
        history = History(seed, table_format, tmp_path)
        try:
            history.play()
        except (AssertionError, TarnError) as failure:
            pytest.fail("\n".join(history.log) + f"\n{failure}", pytrace=False)
        finally:
            history.close()
