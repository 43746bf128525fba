# SPDX-License-Identifier: MIT
"""Read an x86-64 function out of a library: instructions, flow, and which data it touches."""

import bisect
import dataclasses
import re

import common

LINE = re.compile(r"^\s*([0-9a-f]+):\t(.*)$")
TARGET = re.compile(r"^([0-9a-f]+)\b")
RIP = re.compile(r"\(%rip\).*#\s*([0-9a-f]+)")
PREFIXES = ("notrack", "bnd", "lock", "rep", "repz", "repnz", "data16", "cs", "ds")


@dataclasses.dataclass
class Instruction:
    address: int
    name: str  # without prefixes
    operands: str
    locked: bool

    @property
    def text(self):
        return f"{self.address:x}: {'lock ' if self.locked else ''}{self.name} {self.operands}".strip()

    @property
    def is_mark(self):  # does no work
        return self.name.startswith("nop") or self.name == "endbr64"

    @property
    def is_call(self):
        return self.name.startswith("call")

    @property
    def is_return(self):
        return self.name.startswith("ret")

    @property
    def is_jump(self):
        return self.name.startswith("j")

    @property
    def is_branch(self):
        return self.is_jump and not self.name.startswith("jmp")

    @property
    def is_indirect(self):
        return (self.is_call or self.is_jump) and self.operands.startswith("*")

    @property
    def target(self):
        found = TARGET.match(self.operands)
        return int(found.group(1), 16) if found and (self.is_jump or self.is_call) else None

    @property
    def data_address(self):
        """Address of a rip-relative operand."""
        found = RIP.search(self.operands)
        return int(found.group(1), 16) if found else None

    @property
    def stores(self):
        """Writes to memory other than the stack."""
        if self.name.startswith(("cmp", "test", "lea", "push", "call", "j", "nop", "prefetch", "bt")):
            return False
        operand = re.split(r"\s+[#<]", self.operands)[0].strip()
        last = re.split(r",(?![^(]*\))", operand)[-1]
        return last.endswith(")") and "%rsp" not in last or re.match(r"%[fg]s:", last) is not None


def parse(line):
    found = LINE.match(line)
    if not found:
        return None
    words = found.group(2).split(None, 1)
    locked = False
    while words and words[0] in PREFIXES and len(words) > 1:
        locked = locked or words[0] == "lock"
        words = words[1].split(None, 1)
    operands = words[1].strip() if len(words) > 1 else ""
    return Instruction(int(found.group(1), 16), words[0], operands, locked)


def extent(library, function):
    """Address and size of a function; several names may share one."""
    for line in common.run_tool("nm", "-S", "--defined-only", library).splitlines():
        fields = line.split()
        if len(fields) == 4 and fields[2] in "tTwW" and fields[3] == function:
            return int(fields[0], 16), int(fields[1], 16)
    raise RuntimeError(f"{library} has no function {function} (stripped?)")


def disassemble(library, function):
    """The instructions of one function, in order of address."""
    start, size = extent(library, function)
    text = common.run_tool(
        "objdump", "-d", "--no-show-raw-insn", f"--start-address={start}",
        f"--stop-address={start + size}", library,
    )
    found = [instruction for instruction in map(parse, text.splitlines()) if instruction]
    if not found:
        raise RuntimeError(f"{library}: {function} cannot be disassembled")
    return found


class Data:
    """Names for the addresses that instructions refer to."""

    def __init__(self, library):
        self.symbols = []  # (address, size, name), sorted
        for line in common.run_tool("nm", "-S", "--defined-only", library).splitlines():
            fields = line.split()
            if len(fields) == 4 and fields[2] in "bBdDrRVv":
                self.symbols.append((int(fields[0], 16), int(fields[1], 16), fields[3].split("@")[0]))
        self.symbols.sort()
        self.tls = {}  # offset in the TLS segment: name
        for line in common.run_tool("readelf", "-sW", library).splitlines():
            fields = line.split()
            if len(fields) >= 8 and fields[3] == "TLS" and fields[6] != "UND":
                self.tls[int(fields[1], 16)] = fields[7].split("@")[0]
        self.slots = {}  # address of a GOT slot: name of what it leads to
        for line in common.run_tool("readelf", "-rW", library).splitlines():
            fields = line.split()
            if len(fields) >= 4 and fields[2].startswith("R_X86_64_"):
                self.slots[int(fields[0], 16)] = self.slot_name(fields)

    def slot_name(self, fields):
        kind = fields[2]
        if kind == "R_X86_64_TPOFF64":
            if len(fields) >= 5 and not re.fullmatch(r"[0-9a-f]+", fields[4]):
                return "tls:" + fields[4].split("@")[0]
            return "tls:" + self.tls.get(int(fields[3], 16), "+" + fields[3])
        if kind == "R_X86_64_RELATIVE":
            return "got:" + (self.symbol(int(fields[3], 16)) or fields[3])
        return "got:" + (fields[4].split("@")[0] if len(fields) >= 5 else fields[3])

    def symbol(self, address):
        """The data symbol that holds the address, or None."""
        place = bisect.bisect_right(self.symbols, (address, 1 << 64, "")) - 1
        if place >= 0:
            start, size, name = self.symbols[place]
            if start <= address < start + max(size, 1):
                return name
        return None

    def name(self, address):
        return self.symbol(address) or self.slots.get(address) or f"unnamed data at {address:x}"


def shortest_working_path(code):
    """The fewest instructions from the entry to a return that store something and call nothing.

    That leaves out free(NULL) and every route that ends in another function. None if there is no such
    path.
    """
    index = {instruction.address: i for i, instruction in enumerate(code)}
    seen = {}
    queue = [(0, False, (0,))]
    while queue:
        following = []
        for place, stored, path in queue:
            instruction = code[place]
            stored = stored or instruction.stores
            if (place, stored) in seen or instruction.is_call:
                continue
            seen[place, stored] = True
            if instruction.is_return:
                if stored:
                    return [code[i] for i in path if not code[i].is_mark]
                continue
            exits = []
            if instruction.is_jump and instruction.target in index:
                exits.append(index[instruction.target])
            if not instruction.name.startswith("jmp") and place + 1 < len(code):
                exits.append(place + 1)
            following += [(exit_, stored, path + (exit_,)) for exit_ in exits]
        queue = following
    return None
