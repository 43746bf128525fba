#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The size-table tool: each kind of bad table is refused with its sentence, good ones are described as
they are, and a suggestion is the best there is.

    check_size_table.py WHAT [--counter LIBRARY]     WHAT: refusals, tables, suggestions, counter
"""

import argparse
import itertools
import os
import pathlib
import random
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
sys.path[:0] = [str(ROOT / "tests" / "checks"), str(ROOT / "tables")]
sys.dont_write_bytecode = True

import common  # noqa: E402
import count_programs  # noqa: E402
import size_rules  # noqa: E402
import size_suggest  # noqa: E402

TOOL = ROOT / "tables" / "size_table.py"
GOOD = [*range(1152, 2049, 128), *range(2304, 4097, 256), *range(4608, 8193, 512)]
LIST = " ".join(map(str, GOOD))


def without(*sizes):
    return " ".join(str(size) for size in GOOD if size not in sizes)


# what is in the file, pool_max, and the sentence after its name
REFUSALS = [
    ("", 8192, ": there is no class in it; write block sizes above 1024"),
    ("# 1152\n\n", 8192, ": there is no class in it; write block sizes above 1024"),
    ("1152\n12k\n", 8192, ':2: "12k" is not a number of bytes; write digits, such as 4096'),
    ("1152 -5", 8192, ':1: "-5" is not a number of bytes; write digits, such as 4096'),
    ("1152 0x600", 8192, ':1: "0x600" is not a number of bytes; write digits, such as 4096'),
    ("1024 " + LIST, 8192, ":1: 1024 is not above 1024, where steps of 16 end; remove it"),
    ("# a\n\n512", 8192, ":3: 512 is not above 1024, where steps of 16 end; remove it"),
    (LIST + "\n2097152", 8192, ":2: 2097152 is above 1048576, where pool_max ends; remove it"),
    ("1152 1152", 8192, ":1: 1152 stands there twice; remove one of them"),
    ("1152 1408\n1280", 8192, ":2: 1280 follows 1408; write the classes in ascending order"),
    ("1160", 8192, ":1: 1160 is not a multiple of 16; write 1152 or 1168"),
    (LIST + "\n9000", 9000, ":2: 9000 is not a multiple of 128, as a class of that size has to be;"
                            " write 8960 or 9088"),
    (LIST + " 8208", 8192, ":1: 8208 is not a multiple of 128, as a class of that size has to be;"
                           " write 8192 or 8320"),
    ("1536", 8192, ":1: a block of 1536 for 1025 bytes wastes 33.3 %, more than 25 %; put a class"
                   " between 1024 and 1536, such as 1360"),
    (without(4096, 4608, 5120), 8192, ":1: a block of 5632 for 3841 bytes wastes 31.8 %, more than"
                                      " 25 %; put a class between 3840 and 5632, such as 5120"),
    (LIST + "\n10240 16384", 8192, ":2: a block of 16384 for 10241 bytes wastes 37.5 %, more than"
                                   " 25 %; put a class between 10240 and 16384, such as 13568"),
    (without(8192), 8192, ": 8192 is not a class, and has to be one, because there the two"
                          " halves meet and blocks aligned to 4096 are served; add it"),
    (LIST + " " + " ".join(map(str, [*range(8320, 16385, 128), *range(16640, 32769, 256),
                                     *range(33280, 65537, 512)])), 8192,
     ": 216 classes are more than 190, which one byte can tell apart; remove 26 of them"),
]
POOL_REFUSALS = [
    (LIST + " 10240 12288 14336 16384", 11000, "; the nearest are 8192, 10240, 12288, 14336"),
    (LIST + " 10240 12288 14336 16384", 20480, "; the nearest are 14336, 16384"),
    (LIST + " 10240 12288 14336 16384", 8000, "; the nearest are 8192, 10240"),
    (LIST + " 10240 12288 14336 16384", 7680, "; the nearest are 8192, 10240"),
    (LIST, 262144, "; the nearest are 8192"),
]


def run(*arguments, status=0):
    """-> standard output or, where failure is expected, standard error."""
    done = subprocess.run([sys.executable, str(TOOL), *map(str, arguments)], text=True,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, check=False)
    if done.returncode != status:
        raise RuntimeError(f"{arguments}: status {done.returncode}: {done.stderr}")
    return done.stderr if status else done.stdout


def check_refusals():
    violations = []
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "table.txt"

        def expect(text, pool_max, message, command="check"):
            path.write_text(text, encoding="utf-8")
            said = run(command, path, "--pool-max", pool_max, status=1)
            if said != message + "\n":
                violations.append(f"{text!r} was refused with {said!r} instead of {message!r}")

        for text, pool_max, message in REFUSALS:
            expect(text, pool_max, f"{path}{message}")
        for text, pool_max, message in POOL_REFUSALS:
            expect(text, pool_max, f"pool_max={pool_max} is not a class of {path} from 8192 on{message}")
        text, pool_max, message = REFUSALS[0]
        for command in ("chart", "header", "report"):
            expect(text, pool_max, f"{path}{message}", command)
        path.write_text(LIST, encoding="utf-8")
        run("check", path, "--pool-max", 8192)
        path.unlink()
        said = run("check", path, status=1)
        if not said.startswith(f"{path}: there is no such file;"):
            violations.append(f"a missing file gave {said!r}")
        path.write_bytes(b"\xff\xfe1152")
        if "cannot be read" not in run("check", path, status=1):
            violations.append("a file that is not text was read")
        path.write_text("1152 3 4\n", encoding="utf-8")
        if "is not a size and a count" not in run("suggest", path, status=1):
            violations.append("a histogram of three columns was read")
    return violations


def constants(text):
    """-> {name: value} of the header's plain numbers."""
    words = (line.split() for line in text.splitlines() if line.startswith("#define HK_TABLE_"))
    return {word[1]: int(word[2]) for word in words if len(word) == 3 and word[2].isdecimal()}


def check_tables():
    """Facts about the tables that are here, worked out by hand."""
    # table, pool_max: classes to 8 KiB, above, regular, log2, regular, log2
    facts = {
        ("tables/default.txt", 262144): (24, 20, 1, 3, 1, 2),
        ("tables/default.txt", 1048576): (24, 28, 1, 3, 1, 2),
        ("tables/default.txt", 10240): (24, 1, 1, 3, 1, 2),
        ("tables/default.txt", 229376): (24, 19, 1, 3, 1, 2),
        ("tables/four.txt", 262144): (12, 20, 1, 2, 1, 2),
        ("tables/eight.txt", 1048576): (24, 56, 1, 3, 1, 3),
        ("tests/tables/sixteen.txt", 1048576): (48, 112, 1, 4, 1, 4),
        ("tests/tables/irregular.txt", 802816): (14, 34, 0, 4, 0, 6),
    }
    names = [f"HK_TABLE_{name}" for name in ("FINE_BINS", "COARSE_BINS", "FINE_REGULAR", "FINE_LOG2",
                                             "COARSE_REGULAR", "COARSE_LOG2")]
    violations = []
    for (table, pool_max), expected in facts.items():
        found = constants(run("header", ROOT / table, "--pool-max", pool_max))
        values = tuple(found[name] for name in names)
        if values != expected or found["HK_TABLE_POOL_MAX"] != pool_max:
            violations.append(f"{table} to {pool_max}: {values} instead of {expected}")
    for path in sorted((ROOT / "tables").glob("*.txt")):
        run("check", path)
        run("chart", path)
    for table, worst in {"default": "20.0", "four": "20.0", "eight": "11.1"}.items():
        if f"worst waste {worst} %" not in run("report", ROOT / "tables" / f"{table}.txt"):
            violations.append(f"{table}.txt: its worst waste is not {worst} %")
    return violations + check_waste()


def check_waste():
    """3 blocks of 1152 for 1100 bytes, one of 10240 for 9000; the others are not the table's."""
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "histogram"
        path.write_text("1100 2 # twice\n1100 1\n9000 1\n1024 50\n262145 3\n", encoding="utf-8")
        said = run("report", ROOT / "tables" / "default.txt", path)
    unused = 100 * (3 * 52 + 1240) / (3 * 1152 + 10240)
    expected = f"4 requests served, {unused:.2f} % of their blocks unused"
    return [] if expected in said else [f"{expected} is not in the report: {said}"]


def brute_force(counts, tops, most, waste):
    """The fewest bytes of waste, and of classes, by looking at every choice."""
    best = None
    for number in range(most):
        for chosen in itertools.combinations(tops[:-1], number):
            classes = [*chosen, tops[-1]]
            steps = zip([1024, *classes], classes)
            if 8192 not in classes or any(100 * (b - a - 1) / b > waste for a, b in steps):
                continue
            wasted = sum(count * (min(c for c in classes if c >= size) - size)
                         for size, count in counts.items())
            best = min(best or (wasted, number + 1), (wasted, number + 1))
    return best


def check_suggestions():
    violations = []
    numbers = random.Random(3)
    tops = [1360, 1536, 1808, 2048, 2400, 2688, 3200, 4096, 5120, 6144, 6656, 8192, 9216, 10880, 14336]
    honest = size_suggest.candidates
    size_suggest.candidates = lambda pool_max: [size for size in tops if size <= pool_max]
    for _ in range(12):
        counts = {numbers.randrange(1025, 14337): numbers.randrange(1, 100) for _ in range(9)}
        most = numbers.randrange(10, 14)
        found = size_suggest.best_table(counts, tops[-1], most, 25)
        wasted = size_suggest.Waste(found, counts)
        answer = (wasted.given - wasted.asked, len(found))
        expected = brute_force(counts, tops, most, 25)
        if answer != expected:
            violations.append(f"{counts}, {most} classes: {answer} instead of {expected}")
    size_suggest.candidates = honest
    with tempfile.TemporaryDirectory() as directory:
        path = pathlib.Path(directory) / "table.txt"
        path.write_text(run("suggest", ROOT / "tables/histograms/gcc.txt", "--classes", 40,
                            "--waste", 22), encoding="utf-8")
        table = size_rules.load(path)
        if len(table.classes) > 40:
            violations.append(f"{len(table.classes)} classes instead of 40 at most")
        said = run("suggest", ROOT / "tables/histograms/gcc.txt", "--classes", 9, status=1)
        if "9 classes are too few to reach 262144" not in said:
            violations.append(f"9 classes gave {said!r}")
    return violations


PROGRAM = r"""
import ctypes, os
libc = ctypes.CDLL(None)
libc.malloc.restype = libc.calloc.restype = libc.realloc.restype = ctypes.c_void_p
libc.aligned_alloc.restype = ctypes.c_void_p
for _ in range(1000):
    block = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(77777)))
block = libc.realloc(block, ctypes.c_size_t(88888))
libc.calloc(ctypes.c_size_t(3), ctypes.c_size_t(33333))
libc.aligned_alloc(ctypes.c_size_t(64), ctypes.c_size_t(66624))
libc.malloc(ctypes.c_size_t(1048577))
if os.fork() == 0:
    libc.malloc(ctypes.c_size_t(55555))
else:
    os.wait()
"""


def check_programs(directory):
    """The programs whose sizes are counted are those of which there are histograms."""
    counted = {name for name, *_ in count_programs.programs(pathlib.Path(directory))}
    kept = {path.stem for path in (ROOT / "tables" / "histograms").iterdir()}
    return [] if counted == kept else [f"of {sorted(counted)} there are {sorted(kept)}"]


def check_counter(counter):
    with tempfile.TemporaryDirectory() as directory:
        violations = check_programs(directory)
    with tempfile.TemporaryDirectory() as directory:
        environment = {**os.environ, "LD_PRELOAD": counter, "SIZE_COUNTS": f"{directory}/sizes"}
        subprocess.run([sys.executable, "-c", PROGRAM], env=environment, check=True)
        files = [path.read_text(encoding="ascii") for path in pathlib.Path(directory).iterdir()]
    parent = [text for text in files if "77777 1000\n" in text]
    if len(files) != 2 or len(parent) != 1:
        return [f"{len(files)} processes counted, {len(parent)} of them with the calls"]
    for line in ("88888 1", "99999 1", "66624 1"):
        if line not in parent[0].splitlines():
            violations.append(f"'{line}' was not counted")
    child = files[1 - files.index(parent[0])].splitlines()
    if "55555 1" not in child or any(line.startswith("77777 ") for line in child):
        violations.append("a forked child did not count for itself")
    if any(int(line.split()[0]) > 1 << 20 for text in files for line in text.splitlines()):
        violations.append("a size above 1 MiB was counted")
    return violations


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("what", choices=("refusals", "tables", "suggestions", "counter"))
    parser.add_argument("--counter")
    args = parser.parse_args()
    checks = {"refusals": check_refusals, "tables": check_tables, "suggestions": check_suggestions,
              "counter": lambda: check_counter(args.counter)}
    common.main(checks[args.what])


if __name__ == "__main__":
    main()
