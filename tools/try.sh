#!/bin/sh
# SPDX-License-Identifier: MIT
# Build the default profile and run real programs and benches beside the system's malloc.
# usage: tools/try.sh [--rounds COUNT] [--build-dir DIR]
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build-try
rounds=5
packages="gcc libc6-dev meson ninja-build pkg-config python3 sqlite3"

usage_error() {
    echo "try: $1; usage: tools/try.sh [--rounds COUNT] [--build-dir DIR]" >&2
    exit 2
}

while [ $# -gt 0 ]; do
    case $1 in
        --rounds | --build-dir) [ $# -ge 2 ] || usage_error "a value is missing behind $1" ;;
    esac
    case $1 in
        --rounds) rounds=$2 && shift ;;
        --build-dir) build=$2 && shift ;;
        -h | --help) sed -n '3,4s/^# //p' "$0" && exit 0 ;;
        *) usage_error "unknown argument '$1'" ;;
    esac
    shift
done

echo "try: packages"
# shellcheck disable=SC2086 # a list of words
"$root/tools/setup.sh" $packages

echo "try: building the default profile in $build"
"$root/tools/build.sh" "$build" --native-file "$root/profiles/default.ini" -Dtests=disabled

library=$build/src/libhakmem-malloc.so
echo "try: real programs, $rounds rounds of each, medians (about a minute)"
python3 "$root/tools/try_programs.py" --lib "$library" --rounds "$rounds"
echo
echo "try: two benches, one thread and two (about half a minute)"
python3 "$root/tools/bench_run.py" --build "$build" --quick --rounds 3 \
    --workload mixed_ws400 --workload larson
echo
echo "try: run your own: $build/tools/hakmem run -- CMD [ARG...]"
