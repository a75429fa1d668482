#!/usr/bin/env bash
# fuzz.sh BUILD SECONDS: runs every fuzz target that long; fails when one finds a crash.
set -u
build=$1 seconds=$2 found=0
mkdir -p "$build/crashes"
for source in fuzz/*.c; do
    name=$(basename "$source" .c)
    [ "$name" != driver ] || continue
    mkdir -p "$build/corpus/$name" "fuzz/corpus/$name"
    echo "== $name, $seconds s"
    if ! "$build/fuzz/$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 -verbosity=0 \
        -artifact_prefix="$build/crashes/$name-" "$build/corpus/$name" "fuzz/corpus/$name" >"$build/$name.log" 2>&1; then
        found=1
        tail -n 40 "$build/$name.log"
        echo "$name: crashed; the input is $build/crashes/$name-*: mend it and put the input into fuzz/corpus/$name"
    fi
    grep -E 'number_of_executed_units|new_units_added' "$build/$name.log" || true
done
exit $found
