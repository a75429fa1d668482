#!/usr/bin/env bash
# versitygw.sh: the suites that run on S3, on versitygw, which is stricter than moto; it is built once, where there is a Go compiler. Exits with 77 where none is.
set -euo pipefail
cd "$(dirname "$0")/../.."
source tools/versions.env
folder=~/.cache/tarn/versitygw-${VERSITYGW##*@}
if [ ! -x "$folder/versitygw" ]; then
    command -v go >/dev/null || { echo "versitygw.sh: no Go compiler; nothing is tried on versitygw"; exit 77; }
    echo "versitygw.sh: building $VERSITYGW (minutes, once)"
    mkdir -p "$folder"
    GOBIN="$folder" nice go install "$VERSITYGW"
fi
export TARN_VERSITYGW="$folder/versitygw" TARN_BUILD_DIR="$PWD/build"
python=~/.cache/tarn/venv/bin/python
for suite in conform_store conform_catalog catalog_object; do
    $python tests/support/with_s3.py "build/tests/test_$suite"
done
$python -m pytest -q -rs -p no:cacheprovider -k s3 tests/sql tests/s3 tests/crash
