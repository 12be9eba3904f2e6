"""PTX as values: the kernels of a file, their registers, memory and statements.

What nvcc writes for this project's kernels is read, and nothing beyond: a file with anything else is refused with the
line, since a tool that guesses proves nothing.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

WIDTHS = {"pred": 1} | {f"{kind}{bits}": bits for kind in "usb" for bits in (8, 16, 32, 64)}
WIDTHS |= {"f16": 16, "f32": 32, "f64": 64}

_ENTRY = re.compile(r"(?:\.visible\s+)?\.entry\s+(\w+)\s*\((.*?)\)([^{]*)\{", re.DOTALL)
_PARAMETER = re.compile(r"\.param\s+(?:\.align\s+(\d+)\s+)?\.(\w+)\s+(?:\.ptr\s+)?(\w+)(?:\[(\d+)\])?$")
_REGISTERS = re.compile(r"\.reg\s+\.(\w+)\s+%([a-z]+)<(\d+)>$")
_SCOPED_REGISTER = re.compile(r"\.reg\s+\.(\w+)\s+%?([a-z]\w*)$")
_SHARED = re.compile(r"\.shared\s+\.align\s+(\d+)\s+\.(\w+)\s+(\w+)(?:\[(\d+)\])?$")
_INSTRUCTION = re.compile(r"(?:@(!?)(%\w+)\s+)?([a-z][\w.]*)\s*(.*)$", re.DOTALL)
_FILE = re.compile(r"^\s*\.file\s+(\d+)\s+\"([^\"]*)\"", re.MULTILINE)
_LOCATION = re.compile(r"\.loc\s+(\d+) (\d+) \d+(?:, function_name \S+, inlined_at (\d+) (\d+) \d+)?")
_IGNORED = (".pragma",)


class PtxError(Exception):
    """PTX that this tool does not read, with its line."""


@dataclass(frozen=True)
class Span:
    """Bytes of a parameter in a kernel's parameter memory."""

    offset: int
    size: int


@dataclass(frozen=True)
class Statement:
    """A label, or an instruction with its guard (`@%p1`, `@!%p1`), modifiers and operands."""

    line: int
    label: str = ""
    guard: str = ""
    is_guard_negated: bool = False
    opcode: str = ""
    modifiers: tuple[str, ...] = ()
    operands: tuple[str, ...] = ()
    source: str = ""  # core/match.h:179, where an inlined function was called; needs nvcc's -lineinfo

    @property
    def type(self) -> str:
        """The last modifier: what the instruction works on."""
        return self.modifiers[-1] if self.modifiers else ""

    def __str__(self) -> str:
        guard = f"@{'!' * self.is_guard_negated}{self.guard} " if self.guard else ""
        return f"{guard}{'.'.join((self.opcode, *self.modifiers))} {', '.join(self.operands)}".rstrip()


@dataclass
class Kernel:
    """One `.entry`. Registers are counted by prefix; `named` are those of a scope, by the name they are given here."""

    name: str
    max_threads: int
    parameters: dict[str, Span] = field(default_factory=dict)
    parameter_bytes: int = 0
    registers: dict[str, tuple[str, int]] = field(default_factory=dict)
    named: dict[str, str] = field(default_factory=dict)
    shared: dict[str, int] = field(default_factory=dict)
    shared_bytes: int = 0
    statements: list[Statement] = field(default_factory=list)
    source: str = ""  # of the statements that follow, while a kernel is read

    def width(self, register: str) -> int:
        """Bits of a register."""
        if register in self.named:
            return WIDTHS[self.named[register]]
        prefix = re.match(r"%([a-z]+)", register)
        if prefix is None or prefix.group(1) not in self.registers:
            raise PtxError(f"{self.name}: {register} is no register")
        return WIDTHS[self.registers[prefix.group(1)][0]]


def parse(text: str) -> list[Kernel]:
    """The kernels of a PTX file. Raises PtxError for variables of the module, functions, and what cannot be read."""
    text = _without_comments(text)
    if found := re.search(r"^\s*\.(?:global|const|shared)\b[^\n]*|\.func\b", text, re.MULTILINE):
        before = text[: found.start()]
        if before.count("{") == before.count("}"):
            raise PtxError(f"line {before.count(chr(10)) + 1}: {found.group(0).strip()} is outside of a kernel")
    files = {number: _short(path) for number, path in _FILE.findall(text)}
    kernels = []
    for entry in _ENTRY.finditer(text):
        body = text[entry.end() : _end_of_block(text, entry.end())]
        kernels.append(_kernel(entry, body, text.count("\n", 0, entry.end()) + 1, files))
    return kernels


def _short(path: str) -> str:
    """The folder and the name of a source file."""
    return "/".join(path.split("/")[-2:])


def operands_of(text: str) -> tuple[str, ...]:
    """What commas separate outside of braces and brackets."""
    found, depth, start = [], 0, 0
    for at, character in enumerate(text):
        depth += (character in "{[") - (character in "}]")
        if character == "," and depth == 0:
            found.append(text[start:at].strip())
            start = at + 1
    found.append(text[start:].strip())
    return tuple(operand for operand in found if operand)


def _without_comments(text: str) -> str:
    """Lines stay where they are."""
    text = re.sub(r"/\*.*?\*/", lambda found: "\n" * found.group(0).count("\n"), text, flags=re.DOTALL)
    return re.sub(r"//[^\n]*", "", text)


def _end_of_block(text: str, start: int) -> int:
    depth = 1
    for at in range(start, len(text)):
        depth += (text[at] == "{") - (text[at] == "}")
        if depth == 0:
            return at
    raise PtxError("a kernel does not end")


def _kernel(entry: re.Match[str], body: str, line: int, files: dict[str, str]) -> Kernel:
    limit = re.search(r"\.maxntid\s+(\d+)", entry.group(3))
    kernel = Kernel(entry.group(1), int(limit.group(1)) if limit else 1024)
    for text in operands_of(entry.group(2)):
        found = _PARAMETER.match(text)
        if found is None:
            raise PtxError(f"line {line}: cannot read the parameter {text}")
        size = WIDTHS[found.group(2)] // 8 * int(found.group(4) or 1)
        align = int(found.group(1) or size)
        offset = -(-kernel.parameter_bytes // align) * align
        kernel.parameters[found.group(3)] = Span(offset, size)
        kernel.parameter_bytes = offset + size
    scopes: list[dict[str, str]] = []
    for text, number in _pieces(body, line):
        if text == "{":
            scopes.append({})
        elif text == "}":
            scopes.pop()
        elif text.startswith(".loc"):
            kernel.source = _location(text, files)
        else:
            _read(kernel, text, number, scopes)
    return kernel


def _location(text: str, files: dict[str, str]) -> str:
    found = _LOCATION.match(text)
    if found is None:
        return ""
    file, line = (found.group(3), found.group(4)) if found.group(3) else (found.group(1), found.group(2))
    return f"{files.get(file, '?')}:{line}"


def _pieces(body: str, line: int) -> Iterator[tuple[str, int]]:
    """Statements without their semicolon, labels with their colon, and the braces of scopes."""
    start = 0
    while start < len(body):
        if body[start].isspace():
            start += 1
            continue
        number = line + body.count("\n", 0, start)
        if body[start] in "{}":
            yield body[start], number
            start += 1
            continue
        if body.startswith(".loc", start):  # ends with its line
            end = body.index("\n", start)
            yield body[start:end].strip(), number
            start = end
            continue
        label = re.compile(r"[$\w]+:").match(body, start)
        end = label.end() if label else body.index(";", start)
        yield " ".join(body[start:end].split()), number
        start = end if label else end + 1


def _read(kernel: Kernel, text: str, line: int, scopes: list[dict[str, str]]) -> None:
    """One piece into the kernel."""
    if text.endswith(":"):
        kernel.statements.append(Statement(line, label=text[:-1].replace("$", "_")))
    elif found := _REGISTERS.match(text):
        kernel.registers[found.group(2)] = (found.group(1), int(found.group(3)))
    elif scopes and (found := _SCOPED_REGISTER.match(text)):
        name = f"%scoped{len(kernel.named)}"
        scopes[-1][found.group(2)] = name
        kernel.named[name] = found.group(1)
    elif found := _SHARED.match(text):
        align, size = int(found.group(1)), WIDTHS[found.group(2)] // 8 * int(found.group(4) or 1)
        offset = -(-kernel.shared_bytes // align) * align
        kernel.shared[found.group(3)] = offset
        kernel.shared_bytes = offset + size
    elif not text.startswith(_IGNORED):
        for scope in scopes:
            for own, name in scope.items():
                text = re.sub(rf"(?<![\w%])%?{own}\b", name, text)
        kernel.statements.append(_instruction(text, line, kernel.source))


def _instruction(text: str, line: int, source: str) -> Statement:
    found = _INSTRUCTION.match(text)
    if found is None:
        raise PtxError(f"line {line}: cannot read: {text}")
    negated, guard, name, rest = found.groups()
    opcode, *modifiers = name.split(".")
    return Statement(line, "", guard or "", bool(negated), opcode, tuple(modifiers), operands_of(rest), source)
