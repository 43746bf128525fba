#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The arrows of #include point down: gate -> hotbox, pool -> coldbox -> os -> common.

A backend includes common/, its own interface, the parts that its kind shares, and the interface or
seat directly below. A file includes its own folder. --self-test runs the rules over a made-up tree
with a violation of each.
"""

import argparse
import os
import pathlib
import re
import tempfile

import common

# layer: layers that its files may include, beside themselves
SRC_MAY = {
    "common": set(),
    "os": {"common"},
    "coldbox": {"os", "common"},
    "hotbox": {"coldbox", "common"},
    "pool": {"hotbox", "coldbox", "common"},  # the pool's contract and pages are the hot box's
    "gate": {"hotbox", "pool", "coldbox", "os", "common", "include"},
}
BACKEND_MAY = {
    "hotbox": {"hotbox", "coldbox", "common"},
    "pool": {"pool", "hotbox", "coldbox", "common"},
    "os": {"os", "common"},
    "decorator": {"gate/decorator.h", "common"},
}
SEATS = {
    "hk_seat_tiny.h": "hotbox",
    "hk_seat_tiny_base.h": "hotbox",
    "hk_seat_pool.h": "pool",
    "hk_seat_cold.h": "coldbox",
    "hk_seat_os.h": "os",
    "hk_seat_decorator.h": "gate",
}
# whom a seat may serve: the layer directly above; a seat of the same layer would be a circle
SEAT_USERS = {
    "hk_seat_tiny.h": {"gate"},
    "hk_seat_tiny_base.h": {"gate"},
    "hk_seat_pool.h": {"gate"},
    "hk_seat_cold.h": {"hotbox", "pool", "gate"},
    "hk_seat_os.h": {"coldbox", "gate"},
    "hk_seat_decorator.h": {"gate"},
}
# generated, and read through the header that makes sense of it
GENERATED = {"hk_size_table.h": "src/common/sizes.h"}
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')


def includes(path):
    """(line number, name) of each quoted include."""
    lines = path.read_text(encoding="utf-8").splitlines()
    for number, line in enumerate(lines, 1):
        found = INCLUDE.match(line)
        if found:
            yield number, found.group(1)


def resolve(root, path, name):
    """The file that an include means, relative to the root, or None."""
    for base in (path.parent, root / "src", root / "backends", root / "include"):
        target = base / name
        if target.is_file():
            return pathlib.Path(os.path.relpath(target, root))
    return None


def judge_seat(who, name):
    if name not in SEATS:
        return f'"{name}" is a seat that check_layers.py does not know'
    if who not in SEAT_USERS[name]:
        return f"{who} may not include {name}: it is not directly above that seat"
    return None


def judge(root, path, name):
    """What is wrong with one include, or None."""
    parts = path.relative_to(root).parts
    backend = parts[0] == "backends"
    who = parts[1]
    if pathlib.PurePath(name).name.startswith("hk_seat_"):
        return judge_seat(who, name)
    if name in GENERATED:
        by = GENERATED[name]
        return None if str(path.relative_to(root)) == by else f"{name} is included by {by} alone"
    target = resolve(root, path, name)
    if target is None:
        return f'"{name}" is neither in src/, backends/, include/ nor beside the file'
    whom = target.parts
    if whom[0] == "include":
        layer = "include"
    elif whom[0] == "backends":
        own = backend and whom[:3] == parts[:3]
        return None if own else f"{'/'.join(parts[:3])} may not include the box {target}: use its seat"
    else:
        layer = whom[1]
    may = BACKEND_MAY.get(who, set()) if backend else SRC_MAY.get(who, set()) | {who}
    if layer in may or "/".join(whom[1:]) in may:
        return None
    return f"{'/'.join(parts[:2])} may not include {layer} ({name})"


def check_tree(root):
    violations = []
    files = sorted(p for d in ("src", "backends") for p in (root / d).rglob("*.[ch]"))
    if not files:
        raise RuntimeError(f"no source files below {root}")
    for path in files:
        where = path.relative_to(root)
        kind = where.parts[1]
        if kind not in (SRC_MAY if where.parts[0] == "src" else BACKEND_MAY):
            violations.append(f"{where}: {where.parts[0]}/{kind} has no place in the layers")
            continue
        for number, name in includes(path):
            wrong = judge(root, path, name)
            if wrong:
                violations.append(f"{where}:{number}: {wrong}")
    return violations


GOOD = {
    "src/common/a.h": "#include <stddef.h>\n",
    "src/common/sizes.h": '#include "hk_size_table.h"\n',
    "src/os/os.h": '#include "common/a.h"\n',
    "src/coldbox/cold.h": '#include "common/a.h"\n',
    "src/coldbox/cold.c": '#include "coldbox/cold.h"\n#include "hk_seat_os.h"\n',
    "src/hotbox/hot.h": '#include "common/a.h"\n',
    "src/hotbox/hot.c": '#include "hot.h"\n#include "coldbox/cold.h"\n',
    "src/pool/pool.h": '#include "hotbox/hot.h"\n',
    "src/gate/gate.c": '#include "hk_seat_tiny.h"\n#include "hk_seat_pool.h"\n',
    "src/gate/decorator.h": '#include "common/a.h"\n',
    "backends/hotbox/x/x.c": '#include "hotbox/x/x.h"\n#include "coldbox/cold.h"\n',
    "backends/hotbox/x/x.h": '#include "hotbox/hot.h"\n',
    "backends/os/y/y.c": '#include "os/os.h"\n',
    "backends/decorator/z/z.h": '#include "gate/decorator.h"\n',
}
BAD = {  # file: a line that must be reported
    "src/common/bad.c": '#include "os/os.h"',
    "src/common/bad2.c": '#include "hk_size_table.h"',
    "src/os/bad.c": '#include "coldbox/cold.h"',
    "src/coldbox/bad.c": '#include "hotbox/hot.h"',
    "src/coldbox/bad2.c": '#include "hk_seat_tiny.h"',
    "src/hotbox/bad.c": '#include "pool/pool.h"',
    "src/hotbox/bad2.c": '#include "gate/decorator.h"',
    "src/hotbox/bad3.c": '#include "os/os.h"',
    "src/pool/bad.c": ' # include "hk_seat_os.h"',
    "src/gate/bad.c": '#include "hotbox/x/x.h"',
    "src/gate/bad2.c": '#include "nowhere.h"',
    "src/gate/bad3.c": '#include "hk_seat_unknown.h"',
    "src/attic/bad.c": "",
    "backends/hotbox/w/bad.c": '#include "hotbox/x/x.h"',
    "backends/hotbox/w/bad2.c": '#include "hk_seat_os.h"',
    "backends/os/y/bad.c": '#include "coldbox/cold.h"',
    "backends/decorator/z/bad.c": '#include "hotbox/hot.h"',
}


def self_test():
    """The good tree is clean, and each bad line is found alone."""
    violations = []
    with tempfile.TemporaryDirectory() as name:
        root = pathlib.Path(name)
        for path, text in GOOD.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(text, encoding="utf-8")
        violations += [f"self-test: false alarm: {found}" for found in check_tree(root)]
        for path, line in BAD.items():
            (root / path).parent.mkdir(parents=True, exist_ok=True)
            (root / path).write_text(f"\n{line}\n", encoding="utf-8")
            found = check_tree(root)
            if len(found) != 1 or not found[0].startswith(path):
                violations.append(f"self-test: {path}: {line} gave {found}")
            (root / path).unlink()
    return violations


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, default=pathlib.Path(__file__).parents[2])
    parser.add_argument("--self-test", action="store_true")
    args = parser.parse_args()
    common.main(self_test if args.self_test else lambda: check_tree(args.root))


if __name__ == "__main__":
    main()
