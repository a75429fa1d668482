"""main.py [-l] [-n ROUNDS] [WORKLOAD…]: runs workloads and prints a line of Markdown for each measurement, with its bar."""
import argparse
import os
import platform
import sys

import measure
import workloads

COLUMNS = ("workload", "Tarn CPU s", "wall s", "peak MB", "beside", "its CPU s", "wall s", "peak MB", "CPU ratio", "bar or goal", "")


def number(value, digits=3):
    return f"{value:.{digits}f}" if value < 10 else f"{value:.1f}"


def cells_of(cost):
    if not cost:
        return ["", "", ""]
    return [number(cost.cpu, 4 if cost.cpu < 0.1 else 3), number(cost.wall) if cost.wall else "", f"{cost.rss_mb:.0f}" if cost.rss_mb else ""]


def row(cells):
    print("| " + " | ".join(cells) + " |", flush=True)


def print_line(line):
    limits = ("goal: " if line.goal else "") + ", ".join(f"{name} {number(value)} ≤ {most:.4g}" for name, value, most in line.limits)
    verdict = "" if not line.limits else "pass" if line.passed() else "miss" if line.goal else "**MISS**"
    ratio = number(line.ours.cpu / line.peer.cpu, 2) if line.peer else ""
    what = line.what + (f" ({line.note})" if line.note else "")
    row([what, *cells_of(line.ours), line.beside or "", *cells_of(line.peer), ratio, limits, verdict])


def main():
    parser = argparse.ArgumentParser(prog="bench/run.sh", description="Measures Tarn beside its peers.")
    parser.add_argument("-l", "--list", action="store_true", help="list the workloads")
    parser.add_argument("-n", "--rounds", type=int, default=3, help="rounds of each (default 3); medians are shown")
    parser.add_argument("names", nargs="*", metavar="WORKLOAD")
    arguments = parser.parse_args()
    unknown = set(arguments.names) - set(workloads.WORKLOADS)
    if unknown:
        parser.error(f"no workload {', '.join(sorted(unknown))}; -l lists them")
    if arguments.list:
        return print("\n".join(workloads.WORKLOADS))
    print(f"{platform.machine()}, {os.cpu_count()} cores, Linux {platform.release()}, load {os.getloadavg()[0]:.1f}; medians of {arguments.rounds}\n")
    row(COLUMNS)
    row(["---"] * len(COLUMNS))
    counts = {(goal, passed): 0 for goal in (False, True) for passed in (False, True)}
    skipped, failed = [], []
    for name in arguments.names or workloads.WORKLOADS:
        try:
            for line in workloads.WORKLOADS[name](arguments.rounds):
                print_line(line)
                counts[line.goal, line.passed()] += bool(line.limits)
        except workloads.Skipped as reason:
            skipped.append(f"{name}: {reason}")
        except measure.Failed as reason:
            failed.append(f"{name}: {reason}")
    missed = counts[False, False]
    print(f"\nbars: {counts[False, True]} passed, {missed} missed; goals: {counts[True, True]} passed, {counts[True, False]} missed; "
          f"workloads: {len(failed)} failed, {len(skipped)} skipped")
    for reason in [*failed, *skipped]:
        print("  " + reason)
    sys.exit(2 if failed else 1 if missed else 0)


if __name__ == "__main__":
    main()
