#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""How the library is linked: the flags that a preloaded allocator needs, and no library that allocates."""

import argparse
import re

import common

NEEDED = re.compile(r"(libc|libdl|libpthread|ld-linux[-\w]*|libgcc_s|libatomic)\.so\.\d+$")
DYNAMIC = re.compile(r"\((\w+)\)\s*(.*)$")


def check(library):
    tags = {}
    for line in common.run_tool("readelf", "-dW", library).splitlines():
        found = DYNAMIC.search(line)
        if found:
            tags.setdefault(found.group(1), []).append(found.group(2))
    flags = " ".join(tags.get("FLAGS", []) + tags.get("FLAGS_1", [])).split()
    # readelf spells DF_1_NOOPEN so
    violations = [f"flag {flag} is missing" for flag in ("NOW", "NODELETE", "NOOPEN") if flag not in flags]
    violations += [f"{tag} is not wanted" for tag in ("TEXTREL", "RPATH", "RUNPATH") if tag in tags]
    for entry in tags.get("NEEDED", []):
        name = entry.split("[")[-1].rstrip("]")
        if not NEEDED.match(name):
            violations.append(f"needs {name}")
    if "GNU_RELRO" not in common.run_tool("readelf", "-lW", library):
        violations.append("no read-only relocations")
    return violations


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("library")
    args = parser.parse_args()
    common.main(lambda: check(args.library))


if __name__ == "__main__":
    main()
