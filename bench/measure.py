"""measure.py: runs processes and says what they cost: CPU seconds (user and system), wall seconds, peak resident memory."""
import os
import statistics
import subprocess
import tempfile
import time
import typing


class Failed(Exception):
    """A process that was to be measured ended badly; says which and why."""


class Cost(typing.NamedTuple):
    cpu: float
    wall: float
    rss_mb: float
    out: str


def run(argv, stdin=None, env=None):
    """One process from start to end. The peak includes this process' own few MB before exec, so nothing big is imported here."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        start = time.perf_counter()
        process = subprocess.Popen([str(word) for word in argv], stdin=stdin or subprocess.DEVNULL, stdout=out, stderr=err,
                                   env={**os.environ, **(env or {})})
        cost = wait(process, start)
        out.seek(0), err.seek(0)
        if process.returncode != 0:
            words = " ".join(str(word) for word in argv)[:300]
            raise Failed(f"{words}: exit {process.returncode}: {err.read().decode(errors='replace').strip()[-400:]}")
        return cost._replace(out=out.read().decode(errors="replace"))


def wait(process, start):
    """Waits as wait4 does, which alone tells one child's own cost."""
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    return Cost(usage.ru_utime + usage.ru_stime, time.perf_counter() - start, usage.ru_maxrss / 1024, "")


def median(costs):
    return Cost(*(statistics.median(getattr(cost, field) for cost in costs) for field in ("cpu", "wall", "rss_mb")), costs[-1].out)


def alternate(rounds, *sides):
    """The medians of `rounds` rounds; in each every side runs once, so that all meet the same weather. A side is a function of the
    round's number that returns a Cost; what it prepares before it measures is not counted."""
    costs = [[] for _ in sides]
    for number in range(rounds):
        for side, got in zip(sides, costs):
            got.append(side(number))
    return [median(got) for got in costs]
