"""From PTX to a C++ file: a function a kernel, and the table by which the machine finds them."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from .expressions import Expressions, unsigned, variable
from .instructions import cpp_of
from .parser import WIDTHS, Kernel, parse


def translate(files: Iterable[Path]) -> str:
    """C++ of all kernels of some PTX files. Raises PtxError, naming the file, for what is not known."""
    functions, table = [], []
    for file in files:
        for kernel in parse(file.read_text()):
            name = f"kernel_{len(table)}"
            functions += [function_of(kernel, name), _sites(kernel, name)]
            table.append(_entry(kernel, name, file.name))
    return "\n".join(
        (
            '#include "machine.h"',
            "using namespace ptx;",
            *functions,
            "namespace ptx {",
            "const Kernel kKernels[] = {",
            *table,
            "};",
            f"const int kKernelCount = {len(table)};",
            "}",
            "",
        )
    )


def function_of(kernel: Kernel, name: str) -> str:
    """The C++ function that one thread of a kernel runs."""
    reads = Expressions(kernel)
    lines = [
        f"  {unsigned(WIDTHS[kind])} {', '.join(f'r_{prefix}{i} = 0' for i in range(count))};"
        for prefix, (kind, count) in kernel.registers.items()
    ]
    lines += [f"  {unsigned(WIDTHS[kind])} {variable(register)} = 0;" for register, kind in kernel.named.items()]
    for statement in kernel.statements:
        if statement.label:
            lines.append(f"{statement.label}: ;")
        else:
            lines.append(f"  {cpp_of(statement, reads)}  // {statement.line}")
    return "\n".join((f"static void {name}(Thread& t) {{", *lines, "}"))


def _sites(kernel: Kernel, name: str) -> str:
    """Where the instructions come from that touch memory or wait, by their lines in the PTX file."""
    kept = [s for s in kernel.statements if s.opcode in ("ld", "st", "atom", "red", "bar", "barrier") and s.source]
    pairs = "".join(f'  {{{s.line}, "{s.source}"}},\n' for s in kept)
    return f"static const std::map<int, const char*> {name}_sites = {{\n{pairs}}};"


def _entry(kernel: Kernel, name: str, file: str) -> str:
    spans = ", ".join(f"{{{span.offset}, {span.size}}}" for span in kernel.parameters.values())
    return (
        f'  {{"{kernel.name}", "{file}", {name}, {{{spans}}}, {kernel.parameter_bytes}, {kernel.max_threads}, '
        f"{kernel.shared_bytes}, &{name}_sites}},"
    )
