#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""Count the sizes that five real programs ask malloc for: makes the files of tables/histograms/.

    count_programs.py --counter build/tables/libcount-sizes.so --out tables/histograms

Tables of classes are about the sizes above 1 KiB; the smaller ones are there for whoever sums up all.
"""

import argparse
import collections
import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "tools"))
sys.dont_write_bytecode = True

import real_programs  # noqa: E402

# the sources are those of Python's library
GIT_PROGRAM = r"""
git init -q repository
cd repository
cp "$0"/[a-p]*.py .
for change in def class return import self; do
    sed -i "s/\\b$change\\b/& /" *.py
    git add .
    git -c user.name=n -c user.email=e commit -q -m "$change"
done
git repack -q -a -d -f
git log -p --stat | wc -c
git grep -c self >/dev/null
git blame argparse.py >/dev/null
"""

PERL_PROGRAM = r"""
my %count;
my @lines = map { join(" ", map { "word" . ($_ * 7919 % 4001) } $_ .. $_ + 60) } 1 .. 20000;
for my $line (@lines) { $count{$1}++ while $line =~ /(\w+7\b)/g }
my @sorted = sort { $count{$b} <=> $count{$a} || $a cmp $b } keys %count;
my $text = join("\n", @lines);
$text =~ s/word(\d+)/<$1>/g;
my @matrix = map { [1 .. 300] } 1 .. 300;
my %by_length;
push @{$by_length{length $_}}, $_ for split /\n/, $text;
print scalar(@sorted), " ", length($text), " ", scalar(keys %by_length), "\n";
"""


def programs(directory):
    """(name, what it does, command, file on standard input, environment)"""
    for program in real_programs.few(directory):
        name = pathlib.Path(program.command[0]).name
        name = "python3" if name.startswith("python") else name
        yield name, program.name, program.command, program.stdin, program.environment
    home = {"HOME": str(directory), "GIT_CONFIG_NOSYSTEM": "1"}
    library = str(pathlib.Path(os.__file__).parent)
    yield ("git", "git, 5 commits of some 100 files, repack, log, grep, blame",
           ["sh", "-e", "-c", GIT_PROGRAM, library], None, home)
    yield "perl", "perl, hashes, sorting, regular expressions", ["perl", "-e", PERL_PROGRAM], None, {}


def run_counted(command, stdin, environment, counter, directory):
    """-> {size: count} over every process that the command starts."""
    base = {key: value for key, value in os.environ.items() if key != "LD_PRELOAD"}
    with tempfile.TemporaryDirectory() as counts, open(stdin or os.devnull, "rb") as source:
        subprocess.run(
            command, stdin=source, stdout=subprocess.DEVNULL, cwd=directory, check=True,
            env={**base, **environment, "LC_ALL": "C", "LD_PRELOAD": str(counter),
                 "SIZE_COUNTS": f"{counts}/sizes"})
        total = collections.Counter()
        for path in pathlib.Path(counts).iterdir():
            for line in path.read_text(encoding="ascii").splitlines():
                size, count = map(int, line.split())
                total[size] += count
    return total


def write(path, label, total):
    with path.open("w", encoding="ascii") as out:
        out.write(f"# {label}: {sum(total.values())} calls of malloc and its kin by size, to 1 MiB.\n")
        for size in sorted(total):
            out.write(f"{size} {total[size]}\n")
    print(f"{path}: {len(total)} sizes, {sum(total.values())} calls")


def main():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--counter", type=pathlib.Path, required=True, help="libcount-sizes.so")
    parser.add_argument("--out", type=pathlib.Path, required=True, help="folder of the files")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        directory = pathlib.Path(name)
        for program, label, command, stdin, environment in programs(directory):
            if shutil.which(command[0]) is None:
                print(f"{command[0]} is not installed: skipped")
                continue
            total = run_counted(command, stdin, environment, args.counter.resolve(), directory)
            write(args.out / f"{program}.txt", label, total)


if __name__ == "__main__":
    main()
