# SPDX-License-Identifier: MIT
"""What a section of the performance report is, and what it is given.

A section measures, and returns a content that can be written as JSON: `results` has
{row: {allocator: [sample, ...]}}, where a sample is a dict of numbers or a failure as the harness
makes it; `left_out` has a line for each thing that could not be measured, and `wrong` one for each
that must not be: then the tool ends with 1. Whatever else its tables need it adds itself. The tables
and the chart are made of the stored content alone.
"""
import dataclasses
import typing
from pathlib import Path

import harness

TIMEOUT = 120


class LeftOut(Exception):
    """The section cannot be measured here; the text says what it needs."""


@dataclasses.dataclass(frozen=True)
class Context:
    build: Path  # absolute; the programs of bench/ are in its bench/
    allocators: list  # hakmem, the system's, and the others
    rounds: int
    quick: bool
    suite: typing.Optional[Path]
    timeout: int = TIMEOUT

    def interleave(self, rows, run_one):
        results = harness.interleave(rows, self.allocators, self.rounds, run_one,
                                     harness.show_progress)
        harness.end_progress()
        return results


@dataclasses.dataclass(frozen=True)
class Section:
    name: str
    title: str
    about: str  # Markdown: what is measured, and how
    measure: typing.Callable  # (Context) -> content; raises LeftOut
    tables: typing.Callable  # (content) -> Markdown
    draw: typing.Optional[typing.Callable] = None  # (content, path of an SVG file)
