# SPDX-License-Identifier: MIT
"""A bar chart of time and memory relative to one other allocator, as an SVG file.

Bars left of the line at 1 are better. Ratios above the right end are cut there and keep their
number.
"""
from html import escape

import report

LEFT, WIDTH, STEP, TOP = 150, 480, 30, 60
RATIO_MAX = 2.0
TIME_COLOUR, MEMORY_COLOUR = '#2b6cb0', '#dd8a2e'


def bar(y, value, colour):
    length = min(value, RATIO_MAX) / RATIO_MAX * WIDTH
    return (f'<rect x="{LEFT}" y="{y}" width="{length:.1f}" height="10" fill="{colour}"/>'
            f'<text x="{LEFT + length + 4:.1f}" y="{y + 9}">{value:.2f}</text>')


def row_bars(index, row, cells, ours, other):
    y = TOP + index * STEP
    parts = [f'<text x="{LEFT - 8}" y="{y + 14}" text-anchor="end">{escape(row.name)}</text>']
    for offset, measure, colour in ((0, report.ns_per_op, TIME_COLOUR),
                                    (12, report.mib, MEMORY_COLOUR)):
        _, value = report.ratio(cells, ours, other, measure)
        if value is not None and not (row.clock == 'none' and measure is report.ns_per_op):
            parts.append(bar(y + offset, value, colour))
    return parts


def svg(rows, results, ours, other):
    height = TOP + len(rows) * STEP + 10
    one = LEFT + WIDTH / RATIO_MAX
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{LEFT + WIDTH + 60}" '
             f'height="{height}" font-family="sans-serif" font-size="11">',
             '<rect width="100%" height="100%" fill="white"/>',
             f'<text x="10" y="22" font-size="15">{escape(ours)} relative to {escape(other)}: '
             'below 1 is better</text>',
             f'<rect x="10" y="34" width="10" height="10" fill="{TIME_COLOUR}"/>'
             '<text x="25" y="43">time</text>'
             f'<rect x="70" y="34" width="10" height="10" fill="{MEMORY_COLOUR}"/>'
             '<text x="85" y="43">peak memory</text>']
    for index, row in enumerate(rows):
        parts += row_bars(index, row, results[row.name], ours, other)
    parts.append(f'<line x1="{one}" y1="{TOP - 6}" x2="{one}" y2="{height - 6}" stroke="#333" '
                 'stroke-dasharray="4 3"/></svg>')
    return '\n'.join(parts) + '\n'
