#!/bin/sh
# SPDX-License-Identifier: MIT
# Build everything and run the tests.
# usage: tools/test.sh [--build-dir DIR] [MESON-TEST-ARG...], for example: tools/test.sh --suite unit
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=$root/build-test
packages="binutils g++ gcc git libc6-dev libcmocka-dev meson ninja-build nodejs perl pkg-config
    python3 redis-server spin sqlite3 strace valgrind"

case ${1-} in
    --build-dir)
        [ $# -ge 2 ] || {
            echo "test: a value is missing behind --build-dir" >&2
            exit 2
        }
        build=$2
        shift 2
        ;;
    -h | --help)
        sed -n '3,4s/^# //p' "$0"
        exit 0
        ;;
esac

echo "test: packages"
# shellcheck disable=SC2086 # a list of words
"$root/tools/setup.sh" $packages

echo "test: building in $build"
"$root/tools/build.sh" "$build" -Dtests=enabled

echo "test: running"
exec meson test -C "$build" --no-rebuild --print-errorlogs "$@"
