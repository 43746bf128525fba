#!/bin/sh
# SPDX-License-Identifier: MIT
# Install Debian packages that are missing: tools/setup.sh PACKAGE...
# Exit status: 0 when all are there afterwards, 3 when that could not be done, 2 for bad arguments.
set -u

mend() {
    echo "setup: $1" >&2
    echo "setup: install these by hand and run again:$missing" >&2
    exit 3
}

if [ $# -eq 0 ]; then
    echo "usage: tools/setup.sh PACKAGE..." >&2
    exit 2
fi

installed() {
    dpkg-query -W -f='${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed
}

missing=
if command -v dpkg-query >/dev/null 2>&1; then
    for package in "$@"; do
        installed "$package" || missing="$missing $package"
    done
else
    missing=" $*"
    mend "this system has no dpkg-query (not Debian or a relative), so packages cannot be checked"
fi
[ -z "$missing" ] && exit 0

as_root=
if [ "$(id -u)" -ne 0 ]; then
    command -v sudo >/dev/null 2>&1 || mend "packages are missing, and this is neither root nor is there sudo"
    as_root="sudo env"
fi
command -v apt-get >/dev/null 2>&1 || mend "packages are missing, and there is no apt-get"

echo "setup: installing$missing"
log=$(mktemp) || exit 3
trap 'rm -f "$log"' EXIT
# 'env' so that one spelling serves root and sudo
apt() {
    ${as_root:-env} DEBIAN_FRONTEND=noninteractive \
        apt-get -q -o DPkg::Lock::Timeout=300 "$@" </dev/null >>"$log" 2>&1
}
# shellcheck disable=SC2086 # a list of words
if ! apt install -y --no-install-recommends $missing; then
    # the package lists may be absent or old
    if ! { apt update && apt install -y --no-install-recommends $missing; }; then
        tail -n 15 "$log" >&2
        mend "apt-get failed (its last lines are above)"
    fi
fi
