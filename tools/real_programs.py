# SPDX-License-Identifier: MIT
"""Real programs and what they are given to do: a second or two each, the same every time.

try_programs.py shows the first three beside the system's malloc, performance.py all of them.
"""
import dataclasses
import os
import shutil
import subprocess
import sys
from pathlib import Path

PYTHON = """
import json
records = [{"id": i, "name": f"record {i}", "tags": [str(i % k) for k in (3, 5, 7)]} for i in range(60_000)]
for _ in range(3):
    text = json.dumps(records)
    records = json.loads(text)
    records.sort(key=lambda r: (r["tags"], -r["id"]))
    index = {r["name"]: r for r in records}
    words = " ".join(index).split()
assert len(index) == 60_000
"""

SQL = """
pragma temp_store = memory;
create table item(id integer primary key, name text, amount real);
with recursive n(i) as (select 1 union all select i + 1 from n where i < 400000)
insert into item select i, 'name ' || (i * 7919 % 400000), i * 0.5 from n;
create index item_name on item(name);
select count(*), sum(amount) from item where name like 'name 1%';
select name, group_concat(id) from item group by substr(name, 1, 7) order by 1 limit 3;
update item set name = upper(name) where id % 3 = 0;
select count(distinct name) from item;
"""

CXX = """
#include <algorithm>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <variant>
#include <vector>
template <int N> struct node {
    std::map<std::string, std::vector<std::unique_ptr<int>>> children;
    std::variant<int, std::string, std::vector<double>> value[N % 7 + 1];
    std::function<int(int)> visit = [this](int i) { return i + N + (int)children.size(); };
    node<N - 1> next;
};
template <> struct node<0> { };
int run(const std::string &text)
{
    node<30> tree;
    std::unordered_map<std::string, int> seen;
    for (size_t at = 0; at < text.size(); at = text.find(' ', at) + 1)
        seen[text.substr(at, 9)]++;
    std::vector<std::pair<int, std::string>> order;
    for (auto &[name, count] : seen)
        order.emplace_back(count, name);
    std::sort(order.begin(), order.end());
    return tree.visit((int)order.size());
}
"""

PERL = r"""
my (%count, @list);
for my $i (1 .. 400000) {
    my $word = join '', map { chr(97 + ($i * $_ * 7919) % 26) } 1 .. 1 + $i % 9;
    $count{$word} .= "$i,";
    push @list, [$word, $i, { length => length $word }] if $i % 3 == 0;
    splice @list, $i % @list, 40 if @list > 50000;
}
my @order = sort { length $count{$a} <=> length $count{$b} || $a cmp $b } keys %count;
my $text = join ' ', map { "$_->[0]=$_->[1]" } @list;
$text =~ s/([a-c]+)=(\d+)/<$2:$1>/g;
print scalar(@order), ' ', length $text, "\n";
"""

NODE = r"""
const zlib = require('zlib');
let total = 0;
for (let round = 0; round < 12; round++) {
  const items = new Map();
  for (let i = 0; i < 30000; i++) items.set('k' + i, Buffer.alloc(i % 900 + 1, i % 256));
  const text = JSON.stringify([...items].map(([key, value]) => [key, value.length]));
  total += JSON.parse(text).length + zlib.gunzipSync(zlib.gzipSync(text)).length;
  for (let i = 0; i < 300; i++) total += Buffer.allocUnsafeSlow(i * 701 + 1).length;
}
console.log(total);
"""


@dataclasses.dataclass(frozen=True)
class Program:
    name: str
    command: tuple
    stdin: str = os.devnull
    environment: dict = dataclasses.field(default_factory=dict)
    # called once, under the system's malloc, before the runs
    prepare: object = None

    @property
    def is_installed(self):
        return shutil.which(self.command[0]) is not None


def c_program(function_count):
    """A C file that keeps a compiler busy."""
    lines = ['#include <stdio.h>', 'struct point { double x, y; long tag; };']
    for i in range(function_count):
        lines.append(
            f'static long work{i}(struct point *p, long n)\n{{\n'
            f'    long sum = {i};\n'
            '    for (long i = 0; i < n; i++) {\n'
            f'        p[i].x = p[i].y * {i + 1} + (double)sum;\n'
            f'        switch ((p[i].tag + sum) % 5) {{\n'
            f'        case 0: sum += p[i].tag ^ {i}; break;\n'
            '        case 1: sum -= (long)p[i].x; break;\n'
            f'        case 2: sum = sum * 31 + {i}; break;\n'
            '        default: printf("%ld\\n", sum); break;\n'
            '        }\n    }\n    return sum;\n}')
    calls = ' + '.join(f'work{i}(p, n)' for i in range(function_count))
    lines.append(f'long all(struct point *p, long n)\n{{\n    return {calls};\n}}')
    return '\n'.join(lines) + '\n'


def write(path, text):
    path.write_text(text, encoding='utf-8')
    return str(path)


def few(directory):
    """Three that are on nearly every machine."""
    source = write(directory / 'program.c', c_program(250))
    return [
        # Python's own small-object pools would hide the allocator
        Program('python3, JSON and sorting',
                (sys.executable, write(directory / 'program.py', PYTHON)),
                environment={'PYTHONMALLOC': 'malloc', 'PYTHONHASHSEED': '0'}),
        Program('sqlite3, 400000 rows', ('sqlite3', ':memory:'),
                stdin=write(directory / 'program.sql', SQL)),
        Program('gcc -O2, 250 functions',
                ('gcc', '-O2', '-c', source, '-o', str(directory / 'program.o'))),
    ]


def git_history(commit_count, file_count=40):
    """What `git fast-import` reads: files of text that change a little from commit to commit."""
    parts = []
    files = {i: [f'file {i} line {j}: {j * 7919 % 1009}' for j in range(300)]
             for i in range(file_count)}
    for commit in range(commit_count):
        parts.append('commit refs/heads/main\n'
                     f'committer A <a@example.org> {1000000000 + commit * 60} +0000\n'
                     f'data <<END\nchange {commit}\nEND\n')
        for i in (commit % file_count, commit * 7 % file_count):
            files[i][commit * 31 % 300] = f'file {i} changed by {commit}: {commit * 7919 % 10007}'
            text = '\n'.join(files[i])
            parts.append(f'M 100644 inline dir{i % 5}/file{i}\ndata <<END\n{text}\nEND\n')
    return ''.join(parts)


def git_program(directory):
    repository = directory / 'repository'
    quiet = {'HOME': str(directory), 'GIT_CONFIG_NOSYSTEM': '1', 'GIT_PAGER': 'cat'}

    def prepare():
        environment = {**os.environ, **quiet}
        # repacked, so that the first run finds what the later ones find
        for command, text in ((['init', '-q', '--bare', repository], ''),
                              (['-C', repository, 'fast-import', '--quiet'], git_history(2500)),
                              (['-C', repository, 'repack', '-a', '-d', '-f', '-q'], '')):
            subprocess.run(['git', *command], input=text, env=environment, check=True,
                           encoding='utf-8', stdout=subprocess.DEVNULL)

    script = ('git -C "$1" log --stat main && git -C "$1" log -p -200 main && '
              'git -C "$1" -c pack.threads=1 repack -a -d -f -q')
    return Program('git, log and repack', ('sh', '-ec', script, 'sh', str(repository)),
                   environment=quiet, prepare=prepare)


def all_programs(directory):
    """-> the programs that are installed, and the names of those that are not"""
    directory = Path(directory)
    source = write(directory / 'program.cpp', CXX)
    found = few(directory) + [
        Program('g++ -O1, templates and STL', ('g++', '-std=c++17', '-O1', '-c', source, '-o',
                                               str(directory / 'cxx.o'))),
        Program('perl, hashes and strings', ('perl', write(directory / 'program.pl', PERL)),
                environment={'PERL_HASH_SEED': '0'}),
        Program('node, JSON and buffers', ('node', write(directory / 'program.js', NODE))),
    ]
    missing = [program.name for program in found if not program.is_installed]
    found = [program for program in found if program.is_installed]
    if shutil.which('git'):
        found.append(git_program(directory))
    else:
        missing.append('git, log and repack')
    return found, missing
