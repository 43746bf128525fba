#!/bin/sh
# SPDX-License-Identifier: MIT
# Configure a build directory if need be, and build it: tools/build.sh DIR [MESON-SETUP-ARG...]
# Quiet as long as it works; the log is DIR.log. An earlier state of DIR is brought up to the arguments.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=$1
shift
mkdir -p "$(dirname "$build")"
log=$build.log

configure() {
    if [ -f "$build/build.ninja" ]; then
        meson setup --reconfigure "$build" "$root" "$@" && return
        # made by another Meson, or moved
        rm -rf "$build"
    fi
    meson setup "$build" "$root" "$@"
}

if ! { configure "$@" && ninja -C "$build"; } >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "build: failed; the whole log is $log" >&2
    exit 1
fi
