#!/usr/bin/env bash
# run.sh: the slow judges: every test of tests/interop and tests/crash at full size; ends with pytest's count.
# An engine that is not there is a skip that is printed and counted; with TARN_INTEROP_REQUIRE=1 it is a failure.
set -euo pipefail
cd "$(dirname "$0")/../.."
export TARN_FULL=1 TARN_BUILD_DIR="$PWD/build"
tools/setup.sh --interop || [ "${TARN_INTEROP_REQUIRE:-0}" != 1 ]
# Minutes long: the store stops at every call of a commit, on a server.
~/.cache/tarn/venv/bin/python tests/support/with_s3.py build/tests/test_crash_commit
tests/interop/versitygw.sh
exec ~/.cache/tarn/venv/bin/python -m pytest -q -rs -p no:cacheprovider tests/interop tests/crash tests/sql/test_prune_property.py
