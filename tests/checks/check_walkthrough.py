#!/usr/bin/env python3
# SPDX-License-Identifier: MIT
"""The commands of a page of docs/ do what the page says: its sh blocks are run in order, in an empty
folder, over a copy of the sources ($HAKMEM). Every command has to succeed.
"""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import tempfile

import common

BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.M | re.S)
LEFT_OUT = shutil.ignore_patterns(".git", "build*", "__pycache__")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("page", type=pathlib.Path)
    parser.add_argument("--root", type=pathlib.Path, required=True)
    args = parser.parse_args()
    common.main(lambda: check(args))


def check(args):
    blocks = BLOCK.findall(args.page.read_text(encoding="utf-8"))
    if not blocks:
        raise RuntimeError(f"{args.page} has no sh block")
    for tool in ("meson", "pkg-config"):
        if shutil.which(tool) is None:
            raise common.Skip(f"{tool} is not installed")
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        shutil.copytree(args.root, folder / "hakmem", ignore=LEFT_OUT)
        (folder / "work").mkdir()
        clean = {key: value for key, value in os.environ.items() if not key.startswith("MESON")}
        done = subprocess.run(
            ["sh", "-eux"], input="\n".join(blocks), text=True, cwd=folder / "work", check=False,
            env={**clean, "HAKMEM": str(folder / "hakmem")}, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, errors="replace",
        )
    if done.returncode:
        return [*done.stdout.splitlines()[-40:], f"{args.page.name}: a command failed (above)"]
    return []


if __name__ == "__main__":
    main()
