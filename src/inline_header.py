#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Make one header of a header and all that it includes of the project, with the options of the build,
and a source with the symbol by which the linker knows that a program's header is this build's.
"""

import argparse
import hashlib
import re
import sys
from pathlib import Path

INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')
SYMBOL = "hakmem_inline_h_is_of_another_build_than_the_archive"
HEAD = """\
/* SPDX-License-Identifier: MIT */
/* Made by hakmem's build; hakmem_malloc, hakmem_free and hakmem_calloc at the end are for programs,
 * all else is the library's own and changes without notice. */
#ifndef HAKMEM_INLINE_H
#define HAKMEM_INLINE_H
#ifdef __cplusplus
#error "hakmem-inline.h is for C: in C++ call malloc and free"
#endif
#if __STDC_VERSION__ < 199901L || (defined(__STRICT_ANSI__) && !defined(__clang__))
#error "hakmem-inline.h needs GNU C of 1999 or later: compile with -std=gnu11"
#endif
#pragma GCC system_header"""
# Bins in the form of the archive's, or owners would be told by something else. Retained: the linker
# would drop what nothing refers to, and with it the question.
TAIL = """\
#if HK_SEG_BINS
#define HAKMEM_INLINE_BUILD {symbol}_seg
#else
#define HAKMEM_INLINE_BUILD {symbol}
#endif
__attribute__((visibility("hidden"))) extern const char HAKMEM_INLINE_BUILD;
#if !defined(HAKMEM_INLINE_ARCHIVE) && !HK_INLINE_CALLS
#ifdef __has_attribute
#if __has_attribute(retain)
__attribute__((retain))
#endif
#endif
__attribute__((used)) static const char *const hakmem_inline_build = &HAKMEM_INLINE_BUILD;
#endif
#endif
"""
SOURCE = """\
/* SPDX-License-Identifier: MIT */
#define HAKMEM_INLINE_ARCHIVE
#include "{header}"
const char HAKMEM_INLINE_BUILD = 1;
"""


def find(name, folders):
    for folder in folders:
        if (folder / name).is_file():
            return folder / name
    sys.exit(f"inline_header.py: no {name} in {', '.join(map(str, folders))}")


def expand(path, folders, seen):
    """-> the lines of a header with those that it includes in their place, each one once"""
    lines = []
    for line in path.read_text(encoding="utf-8").splitlines():
        included = INCLUDE.match(line)
        if not included:
            lines.append(line)
            continue
        other = find(included[1], [path.parent, *folders])
        if other.resolve() not in seen:
            seen.add(other.resolve())
            lines += expand(other, folders, seen)
    return [line for line in lines if "SPDX-License-Identifier" not in line]


def definitions(words):
    lines = []
    for word in words:
        name, _, value = word.removeprefix("-D").partition("=")
        if word.startswith("-D") and name.startswith("HK_"):
            lines += [f"#define {name} {value or 1}"]
    return lines


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--header", type=Path, required=True)
    parser.add_argument("-I", dest="folders", type=Path, action="append", default=[])
    parser.add_argument("--header-out", type=Path, required=True)
    parser.add_argument("--source-out", type=Path, required=True)
    parser.add_argument("--depfile", type=Path, required=True)
    parser.add_argument("definitions", nargs="*", help="-DNAME=VALUE, after --")
    args = parser.parse_args()
    seen = set()
    body = [*definitions(args.definitions), *expand(args.header, args.folders, seen)]
    args.depfile.write_text(f"{args.header_out}: {' '.join(map(str, sorted(seen)))}\n", encoding="utf-8")
    symbol = f'{SYMBOL}_{hashlib.sha256(chr(10).join(body).encode()).hexdigest()[:12]}'
    args.header_out.write_text("\n".join([HEAD, *body, TAIL.format(symbol=symbol)]), encoding="utf-8")
    args.source_out.write_text(SOURCE.format(header=args.header_out.name), encoding="utf-8")


if __name__ == "__main__":
    main()
