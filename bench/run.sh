#!/usr/bin/env bash
# run.sh: measures Tarn beside its peers and says which bars it misses. Usage: bench/run.sh [-n ROUNDS] [WORKLOAD…]   (-l lists them)
# Data lies under build/bench, made once; remove the folder to start over. Exit code 1: a bar was missed; 2: a workload could not run.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
export TARN_BUILD_DIR=${TARN_BUILD_DIR:-$root/build} TARN_BENCH_DIR=${TARN_BENCH_DIR:-$root/build/bench}
python=~/.cache/tarn/bench-venv/bin/python
[ -x "$python" ] || "$root/tools/setup.sh" --bench
[ -x "$TARN_BUILD_DIR/tarn" ] || { echo "bench: $TARN_BUILD_DIR/tarn is not there; run make first" >&2; exit 2; }
mkdir -p "$TARN_BENCH_DIR"
gcc -std=gnu17 -D_GNU_SOURCE -O2 -g -Wall -Wextra -Wshadow -Wmissing-prototypes -Werror -I"$root/include" \
    "$root/bench/queries.c" -o "$TARN_BENCH_DIR/queries" -L"$TARN_BUILD_DIR" -ltarn -Wl,-rpath,"$TARN_BUILD_DIR"
exec "$python" -B "$root/bench/main.py" "$@"
