#!/bin/sh
# SPDX-License-Identifier: MIT
# Configure a build directory if need be, and build it: tools/build.sh DIR [--for "SUITE..."] [MESON-SETUP-ARG...]
# --for: only what tests of these suites need; -SUITE: but not of this one.
# Quiet as long as it works; the log is DIR.log. An earlier state of DIR is brought up to the arguments.
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
build=$1
shift
suites=
if [ "${1-}" = --for ]; then
    suites=$2
    shift 2
fi
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

# A line for each file that the tests of these suites depend on.
targets() {
    python3 - "$build" "$suites" <<'END'
import json, os, sys

build, words = sys.argv[1], sys.argv[2].split()
without = {word[1:] for word in words if word.startswith("-")}
suites = set(words)
def info(name):
    with open(os.path.join(build, "meson-info", f"intro-{name}.json"), encoding="utf-8") as file:
        return json.load(file)
needed = set()
for test in info("tests"):
    own = {suite.split(":")[-1] for suite in test["suite"]}
    if suites & own and not without & own:
        needed.update(test["depends"])
for target in info("targets"):
    if target["id"] in needed:
        print(*(os.path.relpath(name, build) for name in target["filename"]), sep="\n")
END
}

# In a list of conditions set -e is off: each step says itself whether it failed.
compile() {
    if [ -z "$suites" ]; then
        ninja -C "$build"
        return
    fi
    needed=$(targets) || return
    # shellcheck disable=SC2086 # a list of words
    [ -z "$needed" ] || ninja -C "$build" $needed
}

if ! { configure "$@" && compile; } >"$log" 2>&1; then
    tail -n 40 "$log" >&2
    echo "build: failed; the whole log is $log" >&2
    exit 1
fi
