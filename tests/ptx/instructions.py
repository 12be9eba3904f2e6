"""PTX instructions as C++ statements, a function a family. What is not in the table is refused by name.

Semantics: NVIDIA's "Parallel Thread Execution ISA". Rounding modifiers must be round-to-nearest-even: nothing else is
what the CPU back end does.
"""

from __future__ import annotations

from collections.abc import Callable

from .expressions import Expressions, c_type, unsigned, variable
from .parser import WIDTHS, PtxError, Statement, operands_of

_COMPARISONS = {"eq": "==", "ne": "!=", "lt": "<", "le": "<=", "gt": ">", "ge": ">="}
_UNSIGNED_COMPARISONS = {"lo": "<", "ls": "<=", "hi": ">", "hs": ">="}
_UPDATES = {
    "add": "old + operand",
    "max": "std::max(old, operand)",
    "min": "std::min(old, operand)",
    "or": "old | operand",
    "and": "old & operand",
    "exch": "operand",
}
_SPACES = ("global", "shared", "param")
_FLOATS = ("f32", "f64")


def cpp_of(statement: Statement, reads: Expressions) -> str:
    """The C++ of an instruction, guard included. Raises PtxError for one that this tool does not know."""
    family = _FAMILIES.get(statement.opcode)
    if family is None:
        raise PtxError(f"line {statement.line}: the instruction {statement.opcode} is not known: {statement}")
    code = family(statement, reads)
    if statement.guard:
        return f"if ({'!' * statement.is_guard_negated}{variable(statement.guard)}) {{ {code} }}"
    return code


def _refuse(s: Statement) -> PtxError:
    return PtxError(f"line {s.line}: this form is not known: {s}")


def _arithmetic(s: Statement, reads: Expressions) -> str:
    """add, sub, mul, div, rem, mad, fma."""
    to, kind = s.operands[0], s.type
    if kind in _FLOATS:
        return _float_arithmetic(s, reads)
    wide = f"{kind[0]}{2 * WIDTHS[kind]}"
    if s.modifiers[0] == "wide":
        a, b = (f"static_cast<{c_type(wide)}>({reads.value(x, kind)})" for x in s.operands[1:3])
        if s.opcode == "mul":
            return reads.assign(to, wide, f"{a} * {b}")
        return reads.assign(to, wide, f"{a} * {b} + {reads.value(s.operands[3], wide)}")
    if s.opcode in ("div", "rem"):
        a, b = (reads.value(x, kind) for x in s.operands[1:3])
        return reads.assign(to, kind, f"{a} {'/' if s.opcode == 'div' else '%'} {b}")
    if s.opcode in ("mul", "mad") and s.modifiers[0] != "lo":
        raise _refuse(s)
    bits = unsigned(WIDTHS[kind])  # wraps around, as signed arithmetic of C++ does not
    a, *rest = (f"static_cast<{bits}>({reads.value(x, kind)})" for x in s.operands[1:])
    if s.opcode == "mad":
        return reads.assign(to, kind, f"{a} * {rest[0]} + {rest[1]}")
    return reads.assign(to, kind, f"{a} {dict(add='+', sub='-', mul='*')[s.opcode]} {rest[0]}")


def _float_arithmetic(s: Statement, reads: Expressions) -> str:
    if s.modifiers[:-1] != ("rn",):
        raise _refuse(s)
    values = [reads.value(x, s.type) for x in s.operands[1:]]
    if s.opcode == "fma":
        return reads.assign(s.operands[0], s.type, f"std::fma({', '.join(values)})")
    sign = dict(add="+", sub="-", mul="*", div="/").get(s.opcode)
    if sign is None:
        raise _refuse(s)
    return reads.assign(s.operands[0], s.type, f"{values[0]} {sign} {values[1]}")


def _extreme(s: Statement, reads: Expressions) -> str:
    """min, max: of floats a number wins over NaN, and -0 lies below +0."""
    a, b = (reads.value(x, s.type) for x in s.operands[1:])
    name = f"float_{s.opcode}" if s.type in _FLOATS else f"std::{s.opcode}<{c_type(s.type)}>"
    return reads.assign(s.operands[0], s.type, f"{name}({a}, {b})")


def _unary(s: Statement, reads: Expressions) -> str:
    value = reads.value(s.operands[1], s.type)
    if s.opcode == "abs" and s.type in _FLOATS:
        return reads.assign(s.operands[0], s.type, f"std::fabs({value})")
    if s.opcode == "neg":
        whole = f"0 - static_cast<{unsigned(WIDTHS[s.type])}>({value})"
        return reads.assign(s.operands[0], s.type, f"-{value}" if s.type in _FLOATS else whole)
    if s.opcode == "not":
        return reads.assign(s.operands[0], s.type, f"{'!' if s.type == 'pred' else '~'}{value}")
    raise _refuse(s)


def _logic(s: Statement, reads: Expressions) -> str:
    a, b = (reads.value(x, s.type) for x in s.operands[1:])
    return reads.assign(
        s.operands[0], s.type, f"{a} {dict(zip(('and', 'or', 'xor'), '&|^', strict=True))[s.opcode]} {b}"
    )


def _function(name: str, result: str, *kinds: str) -> Callable[[Statement, Expressions], str]:
    """A call of a function of arithmetic.h; "" in `kinds` and `result` is the instruction's own type."""

    def family(s: Statement, reads: Expressions) -> str:
        values = (reads.value(x, kind or s.type) for x, kind in zip(s.operands[1:], kinds, strict=True))
        template = f"<{c_type(s.type)}>" if "" in kinds else ""
        return reads.assign(s.operands[0], result or s.type, f"{name}{template}({', '.join(values)})")

    return family


def _funnel_shift(s: Statement, reads: Expressions) -> str:
    side, mode, _ = s.modifiers
    a, b, n = (reads.value(x, "b32") for x in s.operands[1:])
    flags = f"{'true' if side == 'l' else 'false'}, {'true' if mode == 'wrap' else 'false'}"
    return reads.assign(s.operands[0], "b32", f"funnel_shift({flags}, {a}, {b}, {n})")


def _compare(s: Statement, reads: Expressions) -> str:
    """setp: unordered comparisons (equ, ltu ...) are true of NaN, ordered ones are not, `ne` included."""
    if len(s.modifiers) != 2 or "|" in s.operands[0]:
        raise _refuse(s)
    how, kind = s.modifiers
    a, b = (reads.value(x, kind) for x in s.operands[1:3])
    if kind not in _FLOATS:
        sign = (_COMPARISONS | _UNSIGNED_COMPARISONS)[how]
        return reads.assign(s.operands[0], "pred", f"{a} {sign} {b}")
    has_nan = f"(std::isnan({a}) || std::isnan({b}))"
    if how in ("num", "nan"):
        return reads.assign(s.operands[0], "pred", has_nan if how == "nan" else f"!{has_nan}")
    if how in _COMPARISONS:
        return reads.assign(s.operands[0], "pred", f"!{has_nan} && {a} {_COMPARISONS[how]} {b}")
    return reads.assign(s.operands[0], "pred", f"{has_nan} || {a} {_COMPARISONS[how[:-1]]} {b}")


def _select(s: Statement, reads: Expressions) -> str:
    kind = f"b{WIDTHS[s.type]}"
    yes, no = (reads.value(x, kind) for x in s.operands[1:3])
    return f"{variable(s.operands[0])} = {reads.bits(s.operands[3], 1)} ? {yes} : {no};"


def _move(s: Statement, reads: Expressions) -> str:
    """mov, also of a register into parts and back."""
    to, source = s.operands
    width = WIDTHS[s.type]
    if to.startswith("{"):
        parts = operands_of(to[1:-1])
        part, value = width // len(parts), reads.value(source, s.type)
        return " ".join(
            f"{variable(x)} = static_cast<{unsigned(part)}>({value} >> {i * part});"
            for i, x in enumerate(parts)
            if x != "_"
        )
    if source.startswith("{"):
        parts = operands_of(source[1:-1])
        part, whole = width // len(parts), unsigned(width)
        shifted = (f"(static_cast<{whole}>({reads.value(x, f'b{part}')}) << {i * part})" for i, x in enumerate(parts))
        return f"{variable(to)} = {' | '.join(shifted)};"
    if s.type == "pred":
        return reads.assign(to, "pred", reads.bits(source, 1))
    return f"{variable(to)} = static_cast<{unsigned(width)}>({reads.bits(source, width)});"


def _convert(s: Statement, reads: Expressions) -> str:
    *how, to, source = s.modifiers
    value = reads.value(s.operands[1], source)
    allowed: tuple[list[str], ...]
    if source not in _FLOATS and to not in _FLOATS:
        allowed, expression = ([],), value
    elif to not in _FLOATS:
        allowed, expression = (["rzi"],), f"round_to_zero<{c_type(to)}>({value})"
    else:
        allowed, expression = ([], ["rn"]) if source in _FLOATS else (["rn"],), f"static_cast<{c_type(to)}>({value})"
    if how not in allowed:
        raise _refuse(s)
    return reads.assign(s.operands[0], to, expression)


def _convert_address(s: Statement, reads: Expressions) -> str:
    """cvta: shared memory has a window of its own among generic addresses, global ones are generic already."""
    to_space = s.modifiers[0] == "to"
    space = s.modifiers[1] if to_space else s.modifiers[0]
    if space not in _SPACES[:2]:
        raise _refuse(s)
    moved = {True: "- kShared", False: "+ kShared"}[to_space] if space == "shared" else ""
    return f"{variable(s.operands[0])} = {reads.bits(s.operands[1], 64)} {moved};"


def _access(s: Statement, reads: Expressions) -> str:
    """ld, st, one to four elements at once."""
    modifiers = s.modifiers[:-1]
    space = next((m for m in modifiers if m in (*_SPACES, "local")), "generic")
    count = next((int(m[1]) for m in modifiers if m in ("v2", "v4")), 1)
    is_load = s.opcode == "ld"
    data, memory = (0, 1) if is_load else (1, 0)
    elements = operands_of(s.operands[data][1:-1]) if s.operands[data].startswith("{") else (s.operands[data],)
    if space == "local" or len(elements) != count:
        raise _refuse(s)
    size, raw = WIDTHS[s.type] // 8, unsigned(WIDTHS[s.type])
    kept = "true" if {"volatile", "relaxed"} & set(modifiers) else "false"
    address = reads.address(s.operands[memory], space)
    call = f"t.{'load' if is_load else 'store'}_{space}({address}, {size * count}, {kept}, {s.line})"
    if is_load:
        kind = s.type if s.type[0] == "s" else f"u{WIDTHS[s.type]}"
        parts = [reads.assign(x, kind, f"peek<{raw}>(p + {i * size})") for i, x in enumerate(elements) if x != "_"]
        return f"{{ const char* p = {call}; {' '.join(parts)} }}"
    parts = [f"poke<{raw}>(p + {i * size}, {reads.value(x, f'b{8 * size}')});" for i, x in enumerate(elements)]
    return f"{{ char* p = {call}; {' '.join(parts)} }}"


def _atomic(s: Statement, reads: Expressions) -> str:
    """atom, red."""
    modifiers, kind = s.modifiers[:-1], c_type(s.type)
    space = next((m for m in modifiers if m in _SPACES[:2]), "generic")
    update = next((m for m in modifiers if m in _UPDATES), None)
    if update is None:
        raise _refuse(s)
    first = 1 if s.opcode == "atom" else 0
    address, operand = reads.address(s.operands[first], space), reads.value(s.operands[first + 1], s.type)
    kept = reads.assign(s.operands[0], s.type, "old") if first else ""
    return (
        f"{{ char* p = t.atomic_{space}({address}, {WIDTHS[s.type] // 8}, {s.line}); "
        f"const {kind} old = peek<{kind}>(p); const {kind} operand = {operand}; "
        f"poke<{kind}>(p, static_cast<{kind}>({_UPDATES[update]})); {kept} }}"
    )


def _branch(s: Statement, reads: Expressions) -> str:
    return f"goto {s.operands[0].replace('$', '_')};"


def _end(s: Statement, reads: Expressions) -> str:
    return "return;"


def _barrier(s: Statement, reads: Expressions) -> str:
    if s.operands != ("0",):
        raise _refuse(s)
    return f"t.barrier({s.line});"


def _fence(s: Statement, reads: Expressions) -> str:
    return ";"  # accesses here take place one after the other as it is


_FAMILIES: dict[str, Callable[[Statement, Expressions], str]] = {
    **dict.fromkeys(("add", "sub", "mul", "div", "rem", "mad", "fma"), _arithmetic),
    **dict.fromkeys(("min", "max"), _extreme),
    **dict.fromkeys(("neg", "abs", "not"), _unary),
    **dict.fromkeys(("and", "or", "xor"), _logic),
    "shl": _function("shift_left", "", "", "u32"),
    "shr": _function("shift_right", "", "", "u32"),
    "shf": _funnel_shift,
    "clz": _function("leading_zeros", "u32", ""),
    "popc": _function("ones", "u32", ""),
    "brev": _function("reversed", "", ""),
    "bfind": _function("highest_one", "u32", ""),
    "bfi": _function("insert_bits", "", "", "", "u32", "u32"),
    "bfe": _function("extract_bits", "", "", "u32", "u32"),
    "prmt": _function("permute_bytes", "", "b32", "b32", "b32"),
    "lop3": _function("logic_of_three", "", "b32", "b32", "b32", "b32"),
    "setp": _compare,
    "selp": _select,
    "mov": _move,
    "cvt": _convert,
    "cvta": _convert_address,
    **dict.fromkeys(("ld", "st"), _access),
    **dict.fromkeys(("atom", "red"), _atomic),
    "bra": _branch,
    **dict.fromkeys(("ret", "exit"), _end),
    **dict.fromkeys(("bar", "barrier"), _barrier),
    **dict.fromkeys(("membar", "fence"), _fence),
}
