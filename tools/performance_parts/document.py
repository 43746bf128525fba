# SPDX-License-Identifier: MIT
"""Stores what sections measured, and makes docs/performance.md of whatever is stored."""
import hashlib
import json
import shutil
from pathlib import Path

from matrix_parts.compositions import ROOT
from matrix_parts.report import put_between

from performance_parts import machine
from performance_parts.registry import SECTIONS

DOCS = ROOT / 'docs'
NAME = 'performance.md'
BEGIN, END = '<!-- made by tools/performance.py --report -->', '<!-- end -->'


def circumstances(context):
    """What the numbers of one section were measured with."""
    library = Path(context.allocators[0].library).read_bytes()
    return {
        'machine': machine.description(),
        'rounds': context.rounds,
        'quick': context.quick,
        'allocators': [allocator.name for allocator in context.allocators],
        'library': hashlib.sha256(library).hexdigest()[:12],
    }


def store(directory, name, content):
    directory.mkdir(parents=True, exist_ok=True)
    path = directory / f'{name}.json'
    path.write_text(json.dumps(content, indent=1) + '\n', encoding='utf-8')
    return path


def load(directory):
    """-> {section: content} of those that are stored, in the report's order"""
    paths = {name: directory / f'{name}.json' for name in SECTIONS}
    return {name: json.loads(path.read_text(encoding='utf-8'))
            for name, path in paths.items() if path.is_file()}


def measured_with(content):
    word = 'short' if content['quick'] else 'full'
    return (f"Rounds: {content['rounds']}, of {word} length. Machine: {content['machine']}. Build of "
            f"hakmem: `{content['library']}`.")


def text_of(name, content):
    """Tables of one section, with what was left out."""
    parts = [SECTIONS[name].about, measured_with(content), SECTIONS[name].tables(content)]
    if content.get('left_out'):
        parts.append('Left out:\n\n' + '\n'.join(f'- {line}' for line in content['left_out']))
    return '\n\n'.join(parts)


def chart_name(name):
    return f'performance-{name}.svg'


def build_warning(contents):
    builds = {content['library'] for content in contents.values()}
    return ['Not all sections were measured with the same build of hakmem; the build is named at '
            'each.'] if len(builds) > 1 else []


def made_part(contents):
    parts = build_warning(contents)
    for name, content in contents.items():
        parts.append(f'### {SECTIONS[name].title}')
        if SECTIONS[name].draw:
            parts.append(f'![{SECTIONS[name].title}]({chart_name(name)})')
        parts.append(text_of(name, content))
    missing = [f'`{name}`' for name in SECTIONS if name not in contents]
    if missing:
        parts.append('Sections that were not measured: ' + ', '.join(missing) + '.')
    return '\n\n'.join(parts)


def needs_charts(names):
    return any(SECTIONS[name].draw for name in names)


def write(contents, docs):
    """The charts and the document, in `docs`; its hand-written text is that of the tree's."""
    docs.mkdir(parents=True, exist_ok=True)
    document = docs / NAME
    if not document.exists():
        shutil.copyfile(DOCS / NAME, document)
    for name, content in contents.items():
        if SECTIONS[name].draw:
            SECTIONS[name].draw(content, docs / chart_name(name))
    put_between(document, BEGIN, END, made_part(contents))
    return document
