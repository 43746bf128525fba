# SPDX-License-Identifier: MIT
"""Draws ratios by row as dots: time and peak memory, one colour for each other allocator."""
import pyplot

from performance_parts import ratios

ROW_HEIGHT = 0.24
TICKS = [step * 10.0**power for power in range(-3, 4) for step in (1, 2, 5)]


def dots(axis, content, measure, rows):
    names = [*ratios.split(content)[1], ratios.ENVELOPE]
    cells = [ratios.all_ratios(content, row, measure)
             if row in ratios.rows_of(content, measure) else {} for row in rows]
    for index, name in enumerate(names):
        points = [(ratio[name].value, -position) for position, ratio in enumerate(cells)
                  if name in ratio and ratio[name].value]
        if not points:
            continue
        is_envelope = name == ratios.ENVELOPE
        axis.scatter(*zip(*points), label=name, s=38 if is_envelope else 20,
                     marker='D' if is_envelope else 'o', zorder=3 if is_envelope else 2,
                     facecolors='none' if is_envelope else f'C{index}',
                     edgecolors='black' if is_envelope else 'none')


def finish(axis, measure, ours):
    axis.set_xscale('log')
    low, high = axis.get_xlim()
    axis.set_xticks(TICKS, [f'{tick:g}' for tick in TICKS])
    axis.set_xticks([], minor=True)
    axis.set_xlim(min(low, 0.48), max(high, 2.1))
    axis.axvline(1, color='black', linewidth=0.9)
    axis.grid(axis='both', linewidth=0.3)
    axis.set_axisbelow(True)
    axis.set_title(f'{measure.name}: {ours} / other, left of 1 is better', fontsize=9)
    axis.tick_params(labelsize=8)


def draw(content, path):
    plot = pyplot.load()
    rows = list(content['results'])
    ours, others = ratios.split(content)
    figure, axes = plot.subplots(1, 2, figsize=(11, ROW_HEIGHT * len(rows) + 1.3), sharey=True)
    for axis, measure in zip(axes, (ratios.TIME, ratios.MEMORY)):
        dots(axis, content, measure, rows)
        finish(axis, measure, ours)
    axes[0].set_yticks([-position for position in range(len(rows))], rows)
    axes[0].set_ylim(0.6 - len(rows), 0.6)
    handles, labels = axes[1].get_legend_handles_labels()
    figure.legend(handles, labels, loc='lower center', ncols=len(others) + 1, fontsize=8)
    figure.tight_layout(rect=(0, 0.4 / figure.get_figheight(), 1, 1))
    figure.savefig(path, metadata={'Date': None})
    plot.close(figure)
