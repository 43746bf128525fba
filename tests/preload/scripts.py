# SPDX-License-Identifier: MIT
"""What the programs are given to do: long enough to allocate in many ways, the same every time."""

PYTHON = r"""
import json, multiprocessing, os, re, subprocess, sys, threading, zlib
from concurrent.futures import ThreadPoolExecutor

def table(count):
    return {f"key{i}": [i, str(i) * (i % 30), {"n": i / 7}] for i in range(count)}

def child(seed):
    data = table(2000 + seed)
    return zlib.crc32(json.dumps(data, sort_keys=True).encode())

sums = [0] * 8
def work(at):
    for i in range(20):
        text = json.dumps(table(300 + at))
        sums[at] += len(json.loads(text)) + len(re.findall(r"key(\d+)", text))

threads = [threading.Thread(target=work, args=(i,)) for i in range(8)]
for thread in threads: thread.start()
context = multiprocessing.get_context("fork")
with context.Pool(3) as pool:
    print(pool.map(child, range(12)))
for thread in threads: thread.join()
print(sums)
with ThreadPoolExecutor(4) as pool:
    print(list(pool.map(child, range(8))))
for i in range(5):
    pid = os.fork()
    if pid == 0:
        os._exit(child(i) % 50)
    print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
print(subprocess.run([sys.executable, "-c", "print(sum(range(10**5)))"],
                     capture_output=True, check=True).stdout)
blob = bytearray()
for i in range(200):
    blob += bytes([i % 251]) * (i * 997)
print(len(blob), zlib.crc32(blob), len(zlib.compress(bytes(blob))))
print(len(sorted(os.urandom(8) for _ in range(100000))))
"""

PERL = r"""
my (%count, @list);
for my $i (1 .. 60000) {
    my $word = join '', map { chr(97 + ($i * $_ * 7919) % 26) } 1 .. 1 + $i % 12;
    $count{$word} .= "$i,";
    push @list, [$word, $i, { length => length $word }] if $i % 3 == 0;
    splice @list, $i % @list, 5 if @list > 9000;
}
for my $word ((sort { $a cmp $b } keys %count)[0 .. 200]) {
    printf "%s %d\n", $word, length $count{$word};
}
my $text = join ' ', map { "$_->[0]=$_->[1]" } @list;
$text =~ s/([a-c]+)=(\d+)/<$2:$1>/g;
print length($text), "\n", substr($text, -300), "\n";
my $pid = fork;
if ($pid == 0) { my @more = map { [$_, "x" x $_] } 1 .. 3000; print scalar(@more), "\n"; exit 0 }
waitpid $pid, 0;
print "$?\n", scalar(grep { $_->{length} > 5 } map { $_->[2] } @list), "\n";
"""

NODE = r"""
const { Worker, isMainThread } = require('worker_threads');
const zlib = require('zlib'), crypto = require('crypto');
const source = `
  const { parentPort, workerData } = require('worker_threads');
  const map = new Map();
  for (let i = 0; i < 20000; i++) map.set('k' + i, Buffer.alloc(i % 500, i % 256));
  let sum = 0;
  for (const value of map.values()) sum += value.length;
  parentPort.postMessage([workerData, sum, JSON.stringify([...map.keys()]).length]);
`;
const runs = [0, 1, 2].map(i => new Promise((done, fail) => {
  const worker = new Worker(source, { eval: true, workerData: i });
  worker.on('message', done); worker.on('error', fail);
}));
Promise.all(runs).then(all => {
  console.log(JSON.stringify(all));
  const data = Buffer.from(Array.from({ length: 300000 }, (_, i) => i * i % 251));
  const packed = zlib.gzipSync(data);
  console.log(zlib.gunzipSync(packed).equals(data));
  console.log(crypto.createHash('sha256').update(data).digest('hex'));
  const list = [];
  for (let i = 0; i < 100; i++) list.push(Buffer.alloc(i * 10007, i));
  console.log(Buffer.concat(list).length);
  zlib.deflate(data, (error, out) => console.log(error, zlib.inflateSync(out).length));
});
"""

BASH = r"""
declare -A seen
list=()
for ((i = 0; i < 4000; i++)); do
    list+=("item$((i * 7919 % 10007))")
    seen[${list[-1]}]+="$i "
done
echo "${#list[@]} ${#seen[@]} ${seen[item7919]}"
text=$(for word in "${list[@]}"; do echo "$word"; done)
echo "${#text} ${text//item/x}" | cut -c 1-200
for i in 1 2 3 4 5 6 7 8; do
    (unset 'list[i]'; (echo "sub $i $BASHPID" | sed 's/ [0-9]*$//'; echo "${list[*]:0:5}"))
done
sum() { while read -r n; do ((s += n)); echo "$s"; done; }
(for ((i = 0; i < 500; i++)); do echo "$i"; done) | sum | tail -1
wait < <(sleep 0 & sleep 0 & wait; echo done)
printf '%s\n' {a..z}{0..9} | while read -r w; do
    [[ $w =~ ^([a-f])([0-9])$ ]] && echo -n "${BASH_REMATCH[2]}"
done
deep() { local x=$1; ((x > 0)) && deep $((x - 1)); [[ $x == 300 ]] && echo deep; return 0; }
deep 300
"""

SQLITE = r"""
CREATE TABLE item(id INTEGER PRIMARY KEY, name TEXT, size INTEGER, body BLOB);
WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40000)
  INSERT INTO item SELECT i, 'name' || (i * 7919 % 10007), i * 37 % 1009, zeroblob(i % 400) FROM n;
CREATE INDEX by_name ON item(name);
CREATE INDEX by_size ON item(size, name);
SELECT count(*), sum(size), sum(length(body)) FROM item;
SELECT name, group_concat(id) FROM item WHERE size < 30 GROUP BY name ORDER BY name LIMIT 50;
UPDATE item SET body = zeroblob(length(body) * 3) WHERE id % 7 = 0;
DELETE FROM item WHERE id % 5 = 1;
SELECT a.size, count(*) FROM item a JOIN item b ON a.name = b.name AND a.id < b.id
  GROUP BY a.size ORDER BY 2 DESC, 1 LIMIT 20;
VACUUM;
SELECT json_group_array(json_object('id', id, 'name', name)) FROM item WHERE id < 300;
PRAGMA integrity_check;
"""

GIT = r"""
rm -rf tree && mkdir tree && cd tree
git init -q -b main .
git config user.name Someone && git config user.email someone@example.org
git config gc.auto 0 && git config pack.threads 4
for round in 1 2 3 4 5 6; do
    for i in $(seq 1 25); do
        seq $((i * round)) $((i * round + 300)) > "file$((i % 40)).txt"
        mkdir -p "dir$((i % 7))" && cp "file$((i % 40)).txt" "dir$((i % 7))/copy$i.txt"
    done
    git add -A && git commit -q -m "round $round"
done
git checkout -q -b side HEAD~2 && echo more > more.txt && git add -A && git commit -q -m side
git checkout -q main && git merge -q -m merged side
git log --stat --format='%H %ad %s' --date=iso
git diff --stat HEAD~3 && git blame -s file3.txt | tail -3
git repack -q -a -d -f --depth=20 --window=20 && git gc -q --prune=now
git fsck --full --strict && git rev-parse HEAD && git count-objects -v | grep -v size
"""


def c_source(count):
    """-> a C program of `count` functions that call each other."""
    parts = ["struct node { struct node *next; int value[8]; };\n"]
    for i in range(count):
        parts.append(
            f"static int step{i}(struct node *at, int n) {{\n"
            f"    int sum = {i};\n"
            f"    for (int k = 0; k < n; k++) {{\n"
            f"        switch ((k * {i * 7 + 3}) % 5) {{\n"
            f"        case 0: sum += at->value[k & 7] * {i % 13}; break;\n"
            f"        case 1: sum ^= at->value[(k + {i}) & 7] << {i % 5}; break;\n"
            f"        case 2: if (at->next) at = at->next; break;\n"
            f"        default: sum -= k / ({i} + 1); break;\n"
            f"        }}\n"
            f"    }}\n"
            f"    return sum{f' + step{i - 1}(at, n / 2)' if i else ''};\n"
            f"}}\n"
        )
    parts.append(f"int all(struct node *at, int n) {{ return step{count - 1}(at, n); }}\n")
    return "".join(parts)
