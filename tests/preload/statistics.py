#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""HAKMEM_STATS: when a process reports, where, what, and that it does no harm.

Ends with 0, 1 with what is wrong on standard error, 77 if the case cannot be made here.
"""

import argparse
import os
import pathlib
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile

import runner

FIRST = re.compile(r"^hakmem statistics of process (\d+), (\S+)$", re.M)
LINE = re.compile(r"^(\S.*?) {2,}(\d+)$", re.M)
OK = 3  # exit status of the program, whatever it does


def expect(holds, text):
    if not holds:
        raise runner.Failure(text)


def run(args, *words, library=None, wish=None, folder, **more):
    """Run the program. -> (status, standard error)"""
    env = runner.environment(library or args.library)
    env.pop("HAKMEM_STATS", None)
    if wish is not None:
        env["HAKMEM_STATS"] = str(wish)
    options = {"stderr": subprocess.PIPE, **more}
    done = subprocess.run(
        [args.program, *words], env=env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
        cwd=folder, timeout=runner.TIMEOUT, check=False, **options,
    )
    return done.returncode, (done.stderr or b"").decode()


class Report:
    """One report: its table by size and column, its lines by name."""

    def __init__(self, text):
        self.text = text
        self.process, self.name = FIRST.search(text).groups()
        self.lines = {name: int(number) for name, number in LINE.findall(text)}
        self.rows = {}
        rows = [line for line in text.split("\n\n")[1].split("\n") if line]
        if rows[0].split()[0] == "size":
            names = re.split(r" {2,}| (?=list)", rows[0].strip())[1:]
            for row in rows[1:]:
                size, *numbers = row.split()
                expect(len(numbers) == len(names), f"a row of {len(numbers)} cells below {names}")
                self.rows[size] = dict(zip(names, map(int, numbers)))


def reports(text):
    starts = [found.start() for found in FIRST.finditer(text)]
    return [Report(text[start:end]) for start, end in zip(starts, [*starts[1:], len(text)])]


def only(text):
    found = reports(text)
    expect(len(found) == 1, f"{len(found)} reports instead of one in {text!r}")
    expect(found[0].text == text, f"more than a report: {text!r}")
    return found[0]


def wishes_are_understood(args, folder):
    for wish in (None, "", "0"):
        status, errors = run(args, wish=wish, folder=folder)
        expect((status, errors) == (OK, ""), f"HAKMEM_STATS={wish}: {status}, {errors!r}")
    for wish in ("1", "-"):
        status, errors = run(args, wish=wish, folder=folder)
        report = only(errors)
        expect(status == OK, f"status {status}")
        expect(report.name == pathlib.Path(args.program).name, f"the program is {report.name}")
    expect(not os.listdir(folder), f"files were made: {os.listdir(folder)}")


def files_are_added_to(args, folder):
    place = folder / "stats.txt"
    for count in (1, 2):
        status, errors = run(args, wish=place, folder=folder)
        expect((status, errors) == (OK, ""), f"status {status}, {errors!r}")
        expect(len(reports(place.read_text())) == count, f"not {count} reports")
    mode = stat.S_IMODE(place.stat().st_mode)
    expect(mode == 0o666 & ~args.umask, f"the file's mode is {mode:o}")


def relative_files_lie_where_the_program_started(args, folder):
    status, errors = run(args, "change_directory", wish="here.txt", folder=folder)
    expect((status, errors) == (OK, ""), f"status {status}, {errors!r}")
    only((folder / "here.txt").read_text())


def closed_standard_error_is_remembered(args, folder):
    _, errors = run(args, "close_stderr", wish="1", folder=folder)
    only(errors)
    data = folder / "data"
    _, errors = run(args, "reuse_stderr", str(data), wish="1", folder=folder)
    only(errors)
    expect(data.read_text() == "data\n", f"the program's file holds {data.read_text()!r}")
    status, _ = run(args, wish="1", folder=folder, stderr=None, preexec_fn=lambda: os.close(2))
    expect(status == OK, f"without standard error: {status}")


def unwritable_files_are_told_once(args, folder):
    (folder / "pipe").exists() or os.mkfifo(folder / "pipe")
    for wish, reason in (
        (folder / "no" / "file", "no such file or directory"),
        (folder, "is a directory"),
        (folder / "pipe", "nobody reads it"),
        ("/dev/full", "no space left"),
        ("x" * 5000, "name too long"),
    ):
        status, errors = run(args, wish=wish, folder=folder)
        wanted = f"hakmem: HAKMEM_STATS: cannot write {wish}: {reason}\n"
        expect((status, errors) == (OK, wanted), f"status {status}, {errors!r}, not {wanted!r}")


def gone_readers_do_no_harm(args, folder):
    reader, writer = os.pipe()
    os.close(reader)
    status, _ = run(args, wish="1", folder=folder, stderr=writer)
    os.close(writer)
    expect(status == OK, f"status {status}")


def only_a_normal_end_reports(args, folder):
    status, errors = run(args, "leave", wish="1", folder=folder)
    expect((status, errors) == (OK, ""), f"_exit: {status}, {errors!r}")
    status, errors = run(args, "die", wish="1", folder=folder)
    expect((status, errors) == (-signal.SIGKILL, ""), f"a signal: {status}, {errors!r}")
    for how in ("exit_in_a_thread", "exit_from_a_handler"):
        status, errors = run(args, how, wish="1", folder=folder)
        expect(status == OK, f"{how}: {status}")
        only(errors)


def children_report_for_themselves(args, folder):
    _, errors = run(args, "fork_and_leave", wish="1", folder=folder)
    only(errors)
    _, errors = run(args, "fork_and_exit", wish="1", folder=folder)
    found = reports(errors)
    expect(len(found) == 2, f"{len(found)} reports")
    expect(found[0].process != found[1].process, "both reports are of one process")
    place = folder / "tree.txt"
    shell = f"{args.program}; {args.program}; exit 5"
    done = subprocess.run(
        ["sh", "-c", shell], env={**runner.environment(args.library), "HAKMEM_STATS": str(place)},
        capture_output=True, check=False,
    )
    expect((done.returncode, done.stderr) == (5, b""), f"{done.returncode}, {done.stderr!r}")
    names = [report.name for report in reports(place.read_text())]
    mine = pathlib.Path(args.program).name
    expect(names.count(mine) == 2, f"reports of {names}")


def sums_hold(report):
    for column in report.rows["total"]:
        whole = sum(row[column] for size, row in report.rows.items() if size != "total")
        expect(whole == report.rows["total"][column], f"{column} does not sum to its total")
    for row in report.rows.values():
        expect(row["pages"] == row["leases"] - row["retires"], f"pages: {row}")
        expect(row["partial"] == row["list pushes"] - row["list pops"], f"partial: {row}")
        expect(row["peak"] >= row["partial"], f"peak: {row}")
        expect(row["warm hits"] <= row["leases"], f"warm hits: {row}")
        expect(row["misses"] <= row["visits"], f"misses: {row}")


def blocks_of_others_show_on_both_sides(args, folder):
    _, errors = run(args, "hand_over", library=args.full, wish="1", folder=folder)
    report = only(errors)
    sums_hold(report)
    row = report.rows["944"]
    # other boxes may share their pages, and then no block is another thread's
    known = " v3, pool" in report.text
    expect(row["sent home"] in ((300,) if known else (0, 300)), f"sent home: {row}")
    expect(row["came home"] == row["sent home"], f"came home: {row}")
    expect(report.lines["heaps"] == 2, "a dead thread's heap is gone")
    expect(report.lines["heaps without a thread"] == 1, "a heap without a thread is not told")
    expect(report.lines["page-of failures"] == 0, "page-of failures")
    expect(report.lines["map calls"] >= 1 and report.lines["bytes mapped"] > 0, "nothing is mapped")
    expect(report.lines["superslabs hot"] + report.lines["superslabs draining"] >= 1, "no superslab")
    own = [number for name, number in report.lines.items() if name.startswith("own bytes")]
    expect(len(own) == 7 and all(own), f"own bytes: {own}")


def learner_is_told_where_there_is_one(args, folder):
    _, errors = run(args, "call", "600", wish="1", folder=folder)
    report = only(errors)
    told = {name for name in report.lines if name.startswith("learner: ")}
    expect(bool(told) == (args.policy != "frozen"), f"with policy={args.policy}: {told}")
    if told:
        expect(f"\npolicy {args.policy}" in report.text, "the policy is not told")
        published = report.lines["learner: snapshots published"]
        expect(published <= report.lines["learner: steps"], f"{published} published")
        expect(args.policy == "learn" or published == 0, f"{published} published")


def difference(args, library, folder, count):
    """What `count` rounds of calls add to the rows of a run without."""
    found = []
    for rounds in (0, count):
        status, errors = run(args, "call", str(rounds), library=library, wish="1", folder=folder)
        expect(status == OK, f"status {status}")
        found.append(only(errors))
        sums_hold(found[-1])
    none = {}
    return {
        size: {column: number - found[0].rows.get(size, none).get(column, 0)
               for column, number in row.items()}
        for size, row in found[1].rows.items()
    }


def full_counts_every_call(args, folder):
    for library in (args.full, args.shared):
        rows = difference(args, library, folder, 600)
        for size in ("880", "1008", "7168", "114688"):
            calls = {name: rows[size][name] for name in ("allocs", "frees", "live")}
            wanted = {"allocs": 600, "frees": 400, "live": 200}
            expect(calls == wanted, f"size {size} of {library}: {calls}, not {wanted}")
        for size in ("704", "3072"):
            calls = (rows[size]["allocs"], rows[size]["frees"])
            expect(calls == (300, 300), f"moved blocks of {size}: {calls}")


def both_ways_of_counting_agree(args, folder):
    apart = difference(args, args.full, folder, 500)
    together = difference(args, args.shared, folder, 500)
    expect(apart == together, f"in heaps: {apart}\nshared: {together}")
    _, errors = run(args, wish="1", library=args.shared, folder=folder)
    expect("stats full, shared counters;" in errors, errors)
    expect("cold statistics void" in errors, "void statistics do not say so")
    _, errors = run(args, wish="1", library=args.full, folder=folder)
    expect("cold statistics void" not in errors and "stats full;" in errors, errors)


def live_blocks_show_where_boxes_report_them(args, folder):
    shown = []
    for rounds in ("0", "600"):
        _, errors = run(args, "call", rounds, wish="1", folder=folder)
        expect(("cold statistics void" in errors) == (args.live == "void"), errors)
        shown.append(only(errors).lines.get("blocks out, as boxes report"))
    if args.live in ("void", "unreported"):
        expect(shown == [None, None], f"{shown} blocks of boxes that report nothing")
        return
    expect(None not in shown, "no line of what boxes report")
    if args.live == "exact":
        expect(shown[1] - shown[0] == 400, f"{shown} instead of 400 more")


def off_shows_off(args, folder):
    status, errors = run(args, "call", "50", library=args.off, wish="1", folder=folder)
    report = only(errors)
    expect(status == OK, f"status {status}")
    expect("\nstats off;" in errors and "\nevents and calls: off\n" in errors, errors)
    expect(not report.rows, f"rows: {report.rows}")
    expect("page-of failures" not in report.lines, "a counter shows")
    expect(report.lines["bytes mapped"] > 0, "what is not counted shows as well")


def privileged_processes_have_no_wish(args, folder):
    """A program that the loader lets keep the library, since it is linked with it."""
    program = folder / "privileged"
    shutil.copy(args.linked, program)
    groups = [group for group in os.getgroups() if group != os.getgid()]
    group = 12345 if os.getuid() == 0 else next(iter(groups), None)
    if group is None:
        raise runner.Skip("a second group is needed")
    os.chown(program, -1, group)
    env = {**runner.environment(None), "HAKMEM_STATS": "1"}
    for mode, count in ((0o755, 1), (0o2755, 0)):
        program.chmod(mode)
        done = subprocess.run([program], env=env, capture_output=True, text=True, check=False)
        if mode & stat.S_ISGID and not secure(program, env):
            raise runner.Skip("set-group-ID programs gain nothing here")
        expect(done.returncode == OK, f"status {done.returncode}, {done.stderr!r}")
        expect(len(reports(done.stderr)) == count, f"mode {mode:o}: {done.stderr!r}")


def secure(program, env):
    """Whether the kernel marks the program's process as one that gained something."""
    shown = subprocess.run(
        [program], env={**env, "LD_SHOW_AUXV": "1"}, capture_output=True, text=True, check=False,
    )
    # the loader ignores the request in such a process
    return "AT_SECURE" not in shown.stdout


CASES = [
    blocks_of_others_show_on_both_sides,
    both_ways_of_counting_agree,
    children_report_for_themselves,
    closed_standard_error_is_remembered,
    files_are_added_to,
    full_counts_every_call,
    gone_readers_do_no_harm,
    learner_is_told_where_there_is_one,
    live_blocks_show_where_boxes_report_them,
    off_shows_off,
    only_a_normal_end_reports,
    privileged_processes_have_no_wish,
    relative_files_lie_where_the_program_started,
    unwritable_files_are_told_once,
    wishes_are_understood,
]


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    for name in ("program", "library", "full", "shared", "off", "linked"):
        parser.add_argument("--" + name, required=True, type=os.path.abspath)
    parser.add_argument("--policy", required=True, choices=("frozen", "observe", "learn"))
    parser.add_argument("--live", required=True, choices=("exact", "late", "void", "unreported"))
    parser.add_argument("case", choices=[case.__name__ for case in CASES])
    args = parser.parse_args()
    args.umask = os.umask(0o022)
    os.umask(args.umask)
    case = next(case for case in CASES if case.__name__ == args.case)
    try:
        with tempfile.TemporaryDirectory() as folder:
            case(args, pathlib.Path(folder))
    except runner.Skip as reason:
        print(reason, file=sys.stderr)
        return 77
    except runner.Failure as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
