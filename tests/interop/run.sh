#!/usr/bin/env bash
# run.sh: the slow judges: every test of tests/interop and tests/crash at full size, and those of object stores on versitygw; ends with what passed.
# What is not there is a skip that is printed; with TARN_INTEROP_REQUIRE=1 it is a failure. Trino is asked where TARN_TRINO names one (engines.py).
set -uo pipefail
cd "$(dirname "$0")/../.."
export TARN_FULL=1 TARN_BUILD_DIR="$PWD/build"
python=~/.cache/tarn/venv/bin/python
require=${TARN_INTEROP_REQUIRE:-0} failed=0 told=

# stage NAME COMMAND…: all stages run, whatever became of the others.
stage() {
    local begin=$SECONDS code=0
    "${@:2}" || code=$?
    [ $code = 0 ] || { [ $code = $NOTHING ] && [ "$require" != 1 ]; } || failed=1
    told+="interop: $1: $([ $code = 0 ] && echo passed || { [ $code = $NOTHING ] && echo SKIPPED || echo FAILED; }), $((SECONDS - begin)) s"$'\n'
}
readonly NOTHING=77 # versitygw.sh says so where there is none

tools/setup.sh --interop || [ "$require" != 1 ] || exit 1
# Minutes long: the store stops at every call of a commit, on a server.
stage "a store that fails, on moto" "$python" tests/support/with_s3.py build/tests/test_crash_commit
stage "object stores, on versitygw" tests/interop/versitygw.sh
stage "engines, writers and crashes" "$python" -m pytest -q -rs -p no:cacheprovider tests/interop tests/crash tests/sql/test_prune_property.py
printf '%s' "$told"
exit $failed
