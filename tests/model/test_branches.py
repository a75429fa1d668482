"""Random histories of a table and its branches by two writers against a plain model in memory: every branch, tag and version after each step.

TARN_MODEL_HISTORIES (200) says how many, an eighth of it, TARN_MODEL_SEED the first one's seed; a failure prints its seed and statements."""
import sys
import pathlib

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))
from test_model import HISTORIES, SEED, History  # noqa: E402
from tarnlib import TarnError  # noqa: E402

BATCH = 5
NONE = -1


class Branches(History):
    """Versions are snapshots by their ids: a model of the rows, and the snapshot each was made on."""

    def __init__(self, seed, folder):
        super().__init__(seed, "iceberg", folder)
        self.models, self.parent, self.appends, self.picked = {NONE: self.model.copy()}, {}, set(), {}
        self.heads, self.tags = {"main": NONE}, {}
        self.write("main")

    def note(self):
        """The versions are noted by write()."""

    def refs(self, kind):
        return {name: snapshot for name, of, snapshot in self.sessions[1].rows("SELECT name, type, snapshot_id FROM t.refs") if of == kind}

    def past(self, snapshot):
        while snapshot != NONE:
            yield snapshot
            snapshot = self.parent[snapshot]

    def on(self, branch, sql):
        """The statement with the branch in place of the table."""
        if branch == "main":
            return sql
        name = f"t.branch_{branch}"
        return (sql.replace("MERGE INTO t ", f"MERGE INTO {name} ").replace("INSERT INTO t ", f"INSERT INTO {name} ")
                .replace("UPDATE t ", f"UPDATE {name} ").replace("DELETE FROM t ", f"DELETE FROM {name} "))

    def moved(self, branch, model):
        """Takes note of the snapshot that a commit made, if it made one."""
        head = self.refs("BRANCH").get(branch, NONE)
        if head != self.heads[branch]:
            assert head not in self.models
            self.models[head], self.parent[head] = model, self.heads[branch]
            self.heads[branch] = head
            if self.run(1, f"SELECT operation FROM t.snapshots WHERE snapshot_id = {head}") == [("append",)]:
                assert not self.models[self.parent[head]].rows - model.rows
                self.appends.add(head)
        assert self.models[head].rows == model.rows

    def refused(self, sql, codes):
        try:
            self.run(self.dice.randrange(2), sql)
        except TarnError as refused:
            assert refused.code in codes, refused
        else:
            raise AssertionError(f"done, not refused: {sql}")

    def write(self, branch=None, writer=None):
        branch = branch or self.dice.choice(list(self.heads))
        sql, apply = self.insert() if self.heads[branch] == NONE else self.change_rows()
        model = self.models[self.heads[branch]].copy()
        self.run(self.dice.randrange(2) if writer is None else writer, self.on(branch, sql))
        apply(model)
        self.moved(branch, model)

    def name(self):
        place = self.dice.choice([None, self.dice.choice(list(self.parent))])
        kind, held = self.dice.choice([("BRANCH", self.heads), ("BRANCH", self.heads), ("TAG", self.tags)])
        name = f"{kind[0].lower()}{self.dice.randrange(3)}"
        sql = f"{kind} {name}" + (f" AS OF VERSION {place}" if place else "")
        place = place or self.heads["main"]
        if name not in held:
            self.refused(f"ALTER TABLE t REPLACE {sql}", ["NOTFOUND"])
            self.run(0, f"ALTER TABLE t CREATE {sql}")
            held[name] = place
        elif self.dice.random() < 0.5:
            self.refused(f"ALTER TABLE t CREATE {sql}", ["EXISTS"])
            self.run(1, f"ALTER TABLE t CREATE OR REPLACE {sql}")
            held[name] = place
        else:
            self.run(1, f"ALTER TABLE t DROP {kind} {name}")
            del held[name]

    def move(self):
        target = self.dice.choice(list(self.parent))
        if self.dice.random() < 0.5:
            self.run(0, f"CALL system.set_current_snapshot('t', {target})")
        elif target in self.past(self.heads["main"]):
            self.run(0, f"CALL system.rollback_to_snapshot('t', {target})")
        else:
            self.refused(f"CALL system.rollback_to_snapshot('t', {target})", ["INVALID"])
            return
        self.heads["main"] = target

    def forward(self):
        branch, to = self.dice.choice(list(self.heads)), self.dice.choice(list(self.heads) + list(self.tags))
        target = {**self.heads, **self.tags}[to]
        sql = f"CALL system.fast_forward('t', '{branch}', '{to}')"
        if self.heads[branch] in self.past(target):
            self.run(1, sql)
            self.heads[branch] = target
        else:
            self.refused(sql, ["INVALID"])

    def pick(self):
        source, head = self.dice.choice(list(self.parent)), self.heads["main"]
        sql = f"CALL system.cherrypick_snapshot('t', {source})"
        past = list(self.past(head))
        if source in past or any(self.picked.get(old) == source for old in past):
            self.refused(sql, ["INVALID"])
        elif self.parent[source] == head:
            self.run(1, sql)
            self.heads["main"] = source
        elif source in self.appends:
            self.run(1, sql)
            model = self.models[head].copy()
            model.rows += self.models[source].rows - self.models[self.parent[source]].rows
            self.moved("main", model)
            self.picked[self.heads["main"]] = source
        else:
            self.refused(sql, ["UNSUPPORTED"])

    def two_writers(self):
        """A transaction on one branch, with another writer's statement inside: it fails only where both write to one branch."""
        mine, other = self.dice.choice(list(self.heads)), self.dice.choice(list(self.heads))
        model = self.models[self.heads[mine]].copy()
        self.run(0, "BEGIN")
        for _ in range(self.dice.randrange(1, 3)):
            sql, apply = self.change_rows()
            self.run(0, self.on(mine, sql))
            apply(model)
            self.check(f"t.branch_{mine}", model)
        before = self.models[self.heads[mine]]
        self.write(other, 1)
        now = self.models[self.heads[mine]]
        try:
            self.run(0, "COMMIT")
        except TarnError as refused:
            self.log.append(f"-- {refused}")
            assert refused.code == "CONFLICT" and now is not before, refused
            return
        removed, added = before.rows - model.rows, model.rows - before.rows
        assert not removed - now.rows, f"both writers took away {removed - now.rows}, and both committed"
        model.rows = now.rows - removed + added
        self.moved(mine, model)

    def play(self):
        steps = [self.write] * 5 + [self.name] * 3 + [self.two_writers] * 2 + [self.move, self.forward, self.pick, self.pick, self.optimize]
        for _ in range(self.dice.randrange(8, 18)):
            self.dice.choice(steps)()
            self.check("t", self.models[self.heads["main"]], self.dice.randrange(2))
            assert self.refs("BRANCH") == self.heads and self.refs("TAG") == self.tags
            for name, head in self.heads.items():
                self.check(f"t.branch_{name}", self.models[head], self.dice.randrange(2))
            for name, head in self.tags.items():
                self.check(f"t.tag_{name}", self.models[head])
        for snapshot in self.dice.sample(list(self.parent), min(4, len(self.parent))):
            self.check(f"t VERSION AS OF {snapshot}", self.models[snapshot])

    def optimize(self):
        branch = self.dice.choice(list(self.heads))
        model = self.models[self.heads[branch]].copy()
        self.run(1, "OPTIMIZE t" if branch == "main" else f"OPTIMIZE t.branch_{branch}")
        self.moved(branch, model)


@pytest.mark.parametrize("first", range(0, max(HISTORIES // 4, 1), BATCH))
def test_histories(first, tmp_path):
    for seed in range(SEED + first, SEED + first + BATCH):
        history = Branches(seed, tmp_path)
        try:
            history.play()
        except (AssertionError, TarnError) as failure:
            pytest.fail("\n".join(history.log) + f"\n{type(failure).__name__}: {failure}", pytrace=False)
        finally:
            for session in history.sessions:
                session.close()
