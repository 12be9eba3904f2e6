"""Operands of PTX as C++ expressions. Registers are variables of raw bits; types say how instructions read them."""

from __future__ import annotations

import re

from .parser import WIDTHS, Kernel, PtxError

_SPECIAL = {
    "%tid.x": "static_cast<uint32_t>(t.id)",
    "%ntid.x": "static_cast<uint32_t>(t.block->threads)",
    "%ctaid.x": "t.block->index",
    "%nctaid.x": "t.block->grid",
    **{f"%{name}.{axis}": "0u" for name in ("tid", "ctaid") for axis in "yz"},
    **{f"%{name}.{axis}": "1u" for name in ("ntid", "nctaid") for axis in "yz"},
}
_ADDRESS = re.compile(r"\[\s*([%\w.$]+)\s*(?:\+\s*(-?\d+))?\s*\]$")


def c_type(kind: str) -> str:
    """The C++ type that an instruction of this type computes in."""
    named = {"pred": "bool", "f32": "float", "f64": "double"}
    return named.get(kind) or f"{'int' if kind[0] == 's' else 'uint'}{WIDTHS[kind]}_t"


def unsigned(bits: int) -> str:
    """The C++ type of raw bits."""
    return "bool" if bits == 1 else f"uint{bits}_t"


def variable(register: str) -> str:
    """The C++ variable of a register."""
    return register.replace("%", "r_").replace("$", "_")


class Expressions:
    """Reads and writes operands of one kernel."""

    def __init__(self, kernel: Kernel) -> None:
        self._kernel = kernel

    def bits(self, operand: str, width: int) -> str:
        """Raw bits."""
        if operand in _SPECIAL:
            return _SPECIAL[operand]
        if operand.startswith("%"):
            self._kernel.width(operand)  # refuses what is no register, such as %laneid
            return variable(operand)
        if found := re.match(r"0([fd])([0-9A-Fa-f]+)$", operand):
            return f"0x{found.group(2)}{'U' if found.group(1) == 'f' else 'ULL'}"
        if re.match(r"-?(0x[0-9A-Fa-f]+|\d+)U?$", operand):
            number = int(operand.rstrip("U"), 0)
            if width == 1:
                return "true" if number else "false"
            return f"{number & ((1 << width) - 1)}{'ULL' if width == 64 else 'U'}"
        if operand in self._kernel.shared:
            return f"{self._kernel.shared[operand]}{'ULL' if width == 64 else 'U'}"
        if operand in self._kernel.parameters:
            return f"(kParameters + {self._kernel.parameters[operand].offset}ULL)"
        raise PtxError(f"{self._kernel.name}: cannot read the operand {operand}")

    def value(self, operand: str, kind: str) -> str:
        """As a value of a type."""
        width = WIDTHS[kind]
        if kind == "pred":
            return self.bits(operand, 1)
        if kind in ("f32", "f64"):
            return f"from_bits<{c_type(kind)}>(static_cast<{unsigned(width)}>({self.bits(operand, width)}))"
        return f"static_cast<{c_type(kind)}>({self.bits(operand, width)})"

    def assign(self, register: str, kind: str, expression: str) -> str:
        """A statement that puts a value of a type into a register; one that is wider is extended by the type's sign."""
        if register == "_":
            return f"static_cast<void>({expression});"
        name = variable(register)
        if kind == "pred":
            return f"{name} = ({expression});"
        if kind in ("f32", "f64"):
            return f"{name} = to_bits(static_cast<{c_type(kind)}>({expression}));"
        width = self._kernel.width(register)
        value = f"static_cast<{c_type(kind)}>({expression})"
        if WIDTHS[kind] < width and kind[0] == "s":
            value = f"static_cast<int{width}_t>({value})"
        return f"{name} = static_cast<{unsigned(width)}>({value});"

    def address(self, operand: str, space: str) -> str:
        """Where a bracketed operand points to."""
        found = _ADDRESS.match(operand)
        if found is None:
            raise PtxError(f"{self._kernel.name}: cannot read the address {operand}")
        base, offset = found.group(1), int(found.group(2) or 0)
        sum_ = f"static_cast<uint64_t>({self.bits(base, 64)}) + static_cast<uint64_t>(int64_t{{{offset}}})"
        return f"static_cast<uint32_t>({sum_})" if space == "shared" else f"({sum_})"
