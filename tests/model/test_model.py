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


class Model:
    """A table's rows, as a multiset of tuples under named columns."""

    def __init__(self, columns, rows=()):
        self.columns, self.rows = list(columns), collections.Counter(rows)

    def copy(self):
        return Model(self.columns, self.rows)

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

    def add(self, name):
        self.rows = collections.Counter({row + (None,): count for row, count in self.rows.items()})
        self.columns.append(name)

    def drop(self, name):
        at, rows = self.columns.index(name), collections.Counter()
        for row, count in self.rows.items():
            rows[row[:at] + row[at + 1:]] += count
        self.rows = rows
        del self.columns[at]


class Branch:
    """A branch: its rows, the table's version it goes on from, and what each of its commits left."""

    def __init__(self, model, base):
        self.model, self.base, self.commits = model, base, []


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
        self.at = "t"  # what statements are about
        self.branches, self.tags = {}, {}
        listed = ", ".join(f"'{name}' = '{value}'" for name, value in pairs.items())
        self.run(0, f"CREATE TABLE t ({', '.join(f'{n} {t}' for n, t in BASE)}){by and ' PARTITIONED BY ' + by} TBLPROPERTIES ({listed})")
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

    # One statement each: (SQL, what it does to a model). Both are made before either is run.
    def insert(self):
        rows = [{name: one_value(self.dice, name) for name in self.model.columns} for _ in range(self.dice.randrange(1, 6))]
        values = ", ".join("(" + ", ".join(literal(name, row[name]) for name in self.model.columns) + ")" for row in rows)
        return f"INSERT INTO {self.at} VALUES {values}", lambda model: model.insert(rows)

    def overwrite(self):
        day = self.dice.choice(DAYS)
        rows = [{**{name: one_value(self.dice, name) for name in self.model.columns}, "day": day} for _ in range(self.dice.randrange(1, 4))]
        values = ", ".join("(" + ", ".join(literal(name, row[name]) for name in self.model.columns) + ")" for row in rows)

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
        source = {i: {"id": i, "k": one_value(self.dice, "k"), "n": one_value(self.dice, "n"), "day": self.dice.choice(DAYS)} for i in self.dice.sample(range(14), 4)}
        rows = ", ".join(f"({row['id']}, {literal('k', row['k'])}, {literal('n', row['n'])}, {literal('day', row['day'])})" for row in source.values())
        matched = self.dice.choice(["UPDATE SET n = s.n, k = s.k", "DELETE", "UPDATE SET day = s.day"])
        only, insert, orphan = (self.dice.random() < p for p in (0.3, 0.8, 0.2))
        sql = (f"MERGE INTO {self.at} AS t USING (SELECT * FROM (VALUES {rows}) AS v(id, k, n, day)) AS s ON t.id = s.id WHEN MATCHED{' AND t.n < 3' if only else ''} THEN {matched}"
               + (" WHEN NOT MATCHED THEN INSERT (id, k, n, day) VALUES (s.id, s.k, s.n, s.day)" if insert else "")
               + (" WHEN NOT MATCHED BY SOURCE AND t.n = 0 THEN DELETE" if orphan else ""))

        def apply(model):
            seen, after = set(), collections.Counter()
            for named, row, count in model.dicts():
                s = source.get(named["id"])
                if s is not None:
                    seen.add(named["id"])
                    if only and compare("<", named["n"], 3) is not True:
                        after[row] += count
                    elif matched != "DELETE":
                        after[model.tuple({**named, **({"day": s["day"]} if "day" in matched else {"n": s["n"], "k": s["k"]})})] += count
                elif not (orphan and named["n"] == 0):
                    after[row] += count
            model.rows = after
            if insert:
                model.insert([row for i, row in source.items() if i not in seen])
        return sql, apply

    def change_rows(self):
        return self.dice.choice([self.insert, self.insert, self.overwrite, self.update, self.update, self.delete, self.merge, self.merge])()

    def autocommit(self):
        sql, apply = self.change_rows()
        self.run(self.dice.randrange(2), sql)
        apply(self.model)

    def upkeep(self):
        calls = [f"CALL system.{name}('t')" for name in ("rewrite_data_files", "rewrite_position_delete_files", "rewrite_manifests")]
        sql = self.dice.choice(calls if self.format == "iceberg" and self.dice.random() < 0.4 else ["OPTIMIZE t", "OPTIMIZE t ZORDER BY (id)" if "k" in self.partitioned else "OPTIMIZE t ZORDER BY (id, n)", "VACUUM t DRY RUN", "DESCRIBE DETAIL t"])
        self.run(self.dice.randrange(2), sql)

    def restore(self):
        old = [v for v in self.kept() if self.versions[v].columns == self.model.columns]
        if old:
            version = self.dice.choice(old)
            self.run(self.dice.randrange(2), f"RESTORE TABLE t TO VERSION AS OF {version}")
            self.model = self.versions[version].copy()

    def evolve(self):
        """Branches have the table's columns."""
        self.added += 1
        models = [self.model, *(branch.model for branch in self.branches.values())]
        if self.mapped and self.added > 1 and self.dice.random() < 0.6:
            old = self.dice.choice([name for name in self.model.columns if name.startswith("x")] or [None])
            if old and self.dice.random() < 0.5:
                self.run(0, f"ALTER TABLE t RENAME COLUMN {old} TO x{self.added}")
                for model in models:
                    model.columns[model.columns.index(old)] = f"x{self.added}"
            elif old:
                self.run(0, f"ALTER TABLE t DROP COLUMN {old}")
                for model in models:
                    model.drop(old)
        else:
            self.run(0, f"ALTER TABLE t ADD COLUMNS (x{self.added} INT)")
            for model in models:
                model.add(f"x{self.added}")

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

    def head(self, name):
        return self.sessions[0].rows(f"SELECT snapshot_id FROM t.refs WHERE name = '{name}'")

    def write_branch(self, name, branch):
        for _ in range(self.dice.randrange(1, 4)):
            before, self.at = self.head(name), f"t.branch_{name}"
            sql, apply = self.change_rows()
            self.run(self.dice.randrange(2), sql)
            apply(branch.model)
            self.check(self.at, branch.model, self.dice.randrange(2))
            self.at = "t"
            if self.head(name) != before:
                branch.commits.append(branch.model.copy())

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
        history = [row[0] for row in self.sessions[0].rows("DESCRIBE HISTORY t")]
        self.keep_alive({**self.versions, **dict(zip(history, reversed(branch.commits)))})
        branch.commits = []

    def keep_alive(self, versions):
        alive = {row[0] for row in self.sessions[0].rows("DESCRIBE HISTORY t")}
        self.versions = {v: model for v, model in versions.items() if v in alive or not v}

    def expire(self):
        before, last = self.kept(), self.dice.randrange(1, 5)
        self.run(self.dice.randrange(2), f"CALL system.expire_snapshots('t', now() + INTERVAL 1 DAY, retain_last => {last})")
        self.keep_alive(self.versions)
        assert set(before[-last:]) <= set(self.kept()), f"{before} before, {self.kept()} after"
        assert self.branches or self.tags or self.kept() == before[-last:], f"{before} before, {self.kept()} after"

    def transaction(self):
        """One writer's transaction with another's statement inside: it commits what it did to the rows it saw, or not at all."""
        mine, other = self.model.copy(), self.model.copy()
        self.run(0, "BEGIN")
        for _ in range(self.dice.randrange(1, 4)):
            sql, apply = self.change_rows()
            self.run(0, sql)
            apply(mine)
            self.check("t", mine)
        if self.dice.random() < 0.6:
            sql, apply = self.change_rows()
            self.run(1, sql)
            apply(other)
            self.check("t", other, 1)
        newest = self.version(1)
        raced = newest not in self.versions
        if raced:
            self.versions[newest] = other.copy()
        before, self.model = self.model, other
        if self.dice.random() < 0.2:
            self.run(0, "ROLLBACK")
            return
        try:
            self.run(0, "COMMIT")
        except TarnError as refused:
            self.log.append(f"-- {refused}")
            assert refused.code == "CONFLICT" and raced, refused
            return
        removed, added = before.rows - mine.rows, mine.rows - before.rows
        assert not removed - other.rows, f"both writers took away {removed - other.rows}, and both committed"
        self.model = Model(other.columns, other.rows - removed + added)

    def check_changes(self):
        """Deletes and inserts of the feed lead from one version to the other; table_diff gives nothing else."""
        order = self.kept()
        for _ in range(3 if order else 0):
            a, b = sorted(self.dice.choices(range(len(order)), k=2))
            first, last = self.versions[order[a]], self.versions[order[b]]
            if a == b or any(self.versions[v].columns != last.columns for v in order[a:b + 1]):
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
        steps = [self.autocommit] * 6 + [self.transaction] * 2 + [self.upkeep, self.restore, self.evolve]
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
