"""Instructions with results that the manual states, or that Python's integers and NumPy's floats compute."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import numpy as np
import pytest

from .conftest import HEAD, Launch, entry
from .parser import PtxError, parse
from .translate import function_of

pytestmark = pytest.mark.slow

M32, M64 = (1 << 32) - 1, (1 << 64) - 1


def float_bits(value: float) -> int:
    return int(np.float32(value).view(np.uint32))


def double_bits(value: float) -> int:
    return int(np.float64(value).view(np.uint64))


NAN, MINUS_ZERO = 0x7FC00000, 0x80000000
# An instruction that computes %rd9 (or %r9) from a = %rd3 (%r3), b = %rd4 (%r4), c = %rd5 (%r5); operands; the result.
WIDE = {
    "add": ("add.s64 %rd9, %rd3, %rd4;", (M64, 2, 0), 1),
    "sub": ("sub.s64 %rd9, %rd3, %rd4;", (1, 2, 0), M64),
    "mul_lo": ("mul.lo.s64 %rd9, %rd3, %rd4;", (M64, 3, 0), M64 - 2),
    "mad_lo": ("mad.lo.s64 %rd9, %rd3, %rd4, %rd5;", (5, 7, M64), 34),
    "rem": ("rem.s64 %rd9, %rd3, %rd4;", (-7 & M64, 3, 0), -1 & M64),
    "div": ("div.u64 %rd9, %rd3, %rd4;", (M64, 10, 0), M64 // 10),
    "min_signed": ("min.s64 %rd9, %rd3, %rd4;", (M64, 1, 0), M64),
    "max_unsigned": ("max.u64 %rd9, %rd3, %rd4;", (M64, 1, 0), M64),
    "shl_over": ("cvt.u32.u64 %r4, %rd4; shl.b64 %rd9, %rd3, %r4;", (1, 64, 0), 0),
    "shr_sign": ("cvt.u32.u64 %r4, %rd4; shr.s64 %rd9, %rd3, %r4;", (1 << 63, 99, 0), M64),
    "not": ("not.b64 %rd9, %rd3;", (5, 0, 0), M64 - 5),
    "neg": ("neg.s64 %rd9, %rd3;", (5, 0, 0), -5 & M64),
    "popc": ("popc.b64 %r8, %rd3; cvt.u64.u32 %rd9, %r8;", (0xF0F0, 0, 0), 8),
    "clz": ("clz.b64 %r8, %rd3; cvt.u64.u32 %rd9, %r8;", (1, 0, 0), 63),
    "clz_zero": ("clz.b64 %r8, %rd3; cvt.u64.u32 %rd9, %r8;", (0, 0, 0), 64),
    "brev": ("brev.b64 %rd9, %rd3;", (0b1101, 0, 0), 0b1011 << 60),
    "mul_wide": (
        "cvt.u32.u64 %r3, %rd3; cvt.u32.u64 %r4, %rd4; mul.wide.s32 %rd9, %r3, %r4;",
        (-3 & M32, 5, 0),
        -15 & M64,
    ),
    "mad_wide": (
        "cvt.u32.u64 %r3, %rd3; cvt.u32.u64 %r4, %rd4; mad.wide.u32 %rd9, %r3, %r4, %rd5;",
        (M32, M32, 7),
        M32 * M32 + 7,
    ),
    "extend_sign": ("cvt.u32.u64 %r3, %rd3; cvt.s64.s32 %rd9, %r3;", (0x80000000, 0, 0), 0xFFFFFFFF80000000),
    "split": ("mov.b64 {%r6, %r7}, %rd3; mov.b64 %rd9, {%r7, %r6};", (0x1122334455667788, 0, 0), 0x5566778811223344),
    "select": ("setp.lt.s64 %p1, %rd3, %rd4; selp.b64 %rd9, %rd3, %rd5, %p1;", (M64, 0, 9), M64),
    "compare_unsigned": ("setp.lt.u64 %p1, %rd3, %rd4; selp.b64 %rd9, 1, 2, %p1;", (M64, 0, 0), 2),
    "guarded": ("mov.u64 %rd9, 4; setp.eq.s64 %p1, %rd3, %rd4; @!%p1 mov.u64 %rd9, 5;", (1, 2, 0), 5),
    "div_double": ("div.rn.f64 %rd9, %rd3, %rd4;", (double_bits(1.0), double_bits(3.0), 0), double_bits(1 / 3)),
    "double_to_float": (
        "cvt.rn.f32.f64 %r8, %rd3; cvt.u64.u32 %rd9, %r8;",
        (double_bits(0.1), 0, 0),
        float_bits(np.float32(0.1)),
    ),
    "round_to_zero": ("cvt.rzi.s64.f64 %rd9, %rd3;", (double_bits(-2.9), 0, 0), -2 & M64),
    "saturates": ("cvt.rzi.s64.f64 %rd9, %rd3;", (double_bits(1e30), 0, 0), (1 << 63) - 1),
}
NARROW = {
    "bfi": ("bfi.b32 %r8, %r3, %r4, 8, 4;", (0xF, 0xAAAAAAAA, 0), 0xAAAAAFAA),
    "bfe_signed": ("bfe.s32 %r8, %r3, 4, 4;", (0xF0, 0, 0), M32),
    "bfe_unsigned": ("bfe.u32 %r8, %r3, 4, 4;", (0xF0, 0, 0), 0xF),
    "bfind": ("bfind.u32 %r8, %r3;", (0x100, 0, 0), 8),
    "bfind_none": ("bfind.u32 %r8, %r3;", (0, 0, 0), M32),
    "prmt": ("prmt.b32 %r8, %r3, %r4, 0x5410;", (0x22221111, 0x44443333, 0), 0x33331111),
    "prmt_sign": ("prmt.b32 %r8, %r3, %r4, 0x8880;", (0x000000FF, 0, 0), 0xFFFFFFFF),
    "lop3_xor": ("lop3.b32 %r8, %r3, %r4, %r5, 0x96;", (0b1100, 0b1010, 0b1111), 0b1001),
    "lop3_select": ("lop3.b32 %r8, %r3, %r4, %r5, 0xCA;", (0b1100, 0b1010, 0b0101), 0b1001),
    "funnel_left": ("shf.l.wrap.b32 %r8, %r3, %r4, 8;", (0xAABBCCDD, 0x11223344, 0), 0x223344AA),
    "funnel_right": ("shf.r.clamp.b32 %r8, %r3, %r4, 40;", (0xAABBCCDD, 0x11223344, 0), 0x11223344),
    "max_of_nan": ("max.f32 %r8, %r3, %r4;", (NAN, float_bits(2), 0), float_bits(2)),
    "max_of_zeros": ("max.f32 %r8, %r3, %r4;", (MINUS_ZERO, 0, 0), 0),
    "min_of_zeros": ("min.f32 %r8, %r3, %r4;", (0, MINUS_ZERO, 0), MINUS_ZERO),
    "not_equal_nan": ("setp.ne.f32 %p1, %r3, %r4; selp.b32 %r8, 1, 2, %p1;", (NAN, 0, 0), 2),
    "unordered": ("setp.neu.f32 %p1, %r3, %r4; selp.b32 %r8, 1, 2, %p1;", (NAN, 0, 0), 1),
    "is_nan": ("setp.nan.f32 %p1, %r3, %r4; selp.b32 %r8, 1, 2, %p1;", (NAN, 0, 0), 1),
    "fma": (
        "fma.rn.f32 %r8, %r3, %r4, %r5;",
        (float_bits(1 + 2**-12), float_bits(1 + 2**-12), float_bits(-1)),
        float_bits(2**-11 + 2**-24),
    ),
    "mul_rounds": (
        "mul.rn.f32 %r8, %r3, %r4; add.rn.f32 %r8, %r8, %r5;",
        (float_bits(1 + 2**-12), float_bits(1 + 2**-12), float_bits(-1)),
        float_bits(2**-11),
    ),
    "nan_to_int": ("cvt.rzi.s32.f32 %r8, %r3;", (NAN, 0, 0), 0),
    "negative_to_unsigned": ("cvt.rzi.u32.f32 %r8, %r3;", (float_bits(-3), 0, 0), 0),
    "shift_of_the_byte": ("shr.u32 %r8, %r3, 33;", (M32, 0, 0), 0),
}
LOAD = "ld.global.u64 %rd3, [%rd1]; ld.global.u64 %rd4, [%rd1+8]; ld.global.u64 %rd5, [%rd1+16];"
LOW = "cvt.u32.u64 %r3, %rd3; cvt.u32.u64 %r4, %rd4; cvt.u32.u64 %r5, %rd5;"
BODIES = {name: f"{LOAD} {code} st.global.u64 [%rd2], %rd9;" for name, (code, _, _) in WIDE.items()} | {
    name: f"{LOAD} {LOW} {code} cvt.u64.u32 %rd9, %r8; st.global.u64 [%rd2], %rd9;"
    for name, (code, _, _) in NARROW.items()
}


@pytest.fixture(scope="module")
def launch(launcher: Callable[[Mapping[str, str]], Launch]) -> Launch:
    return launcher(BODIES)


@pytest.mark.parametrize("name", BODIES)
def test_an_instruction(launch: Launch, name: str) -> None:
    _, operands, expected = (WIDE | NARROW)[name]
    ran = launch(name, struct.pack("<3Q", *operands))
    assert (ran.status, struct.unpack("<Q", ran.output)[0]) == (0, expected)


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("tex.1d.v4.f32 {%r1, %r2, %r3, %r4}, [t, %r1];", "tex is not known"),
        ("mul.hi.u32 %r8, %r3, %r4;", "this form is not known"),
        ("add.rz.f32 %r8, %r3, %r4;", "this form is not known"),
        ("ld.local.u32 %r8, [%rd1];", "this form is not known"),
        ("mov.u32 %r8, %laneid;", "%laneid is no register"),
    ],
)
def test_what_is_not_known_is_refused(body: str, words: str) -> None:
    (kernel,) = parse(HEAD + entry("k", body))
    with pytest.raises(PtxError, match=words):
        function_of(kernel, "k")
