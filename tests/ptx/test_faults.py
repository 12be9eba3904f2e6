"""The machine sees what a GPU would not tell: each kind of fault once, beside the same kernel without it."""

from __future__ import annotations

import struct
from collections.abc import Callable, Mapping

import pytest

from .conftest import FAULT, Launch

pytestmark = pytest.mark.slow

OWN = "mul.wide.u32 %rd3, %r1, 4; add.s64 %rd4, %rd2, %rd3;"  # %rd4: this thread's word of the output
SHARED = ".shared .align 4 .b8 box[1024]; mov.u32 %r2, box; shl.b32 %r3, %r1, 2; add.s32 %r2, %r2, %r3;"
TURNED = "xor.b32 %r4, %r1, 1; shl.b32 %r4, %r4, 2; mov.u32 %r5, box; add.s32 %r5, %r5, %r4;"  # the neighbour's word
BODIES = {
    "own_word": f"{OWN} st.global.u32 [%rd4], %r1;",
    "beyond": f"{OWN} st.global.u32 [%rd4+4], %r1;",
    "before": "ld.global.u32 %r8, [%rd1+-4]; st.global.u32 [%rd2], %r8;",
    "null": "mov.u64 %rd5, 0; ld.global.u32 %r8, [%rd5]; st.global.u32 [%rd2], %r8;",
    "misaligned": "ld.global.u32 %r8, [%rd1+2]; st.global.u32 [%rd2], %r8;",
    "unwritten_shared": f"{SHARED} ld.shared.u32 %r8, [%r2]; {OWN} st.global.u32 [%rd4], %r8;",
    "beyond_shared": f"{SHARED} st.shared.u32 [%r2+1024], %r1;",
    "same_word": "st.global.u32 [%rd2], %r1;",
    "same_word_atomically": "atom.global.add.u32 %r8, [%rd2], 1;",
    "without_barrier": f"{SHARED} {TURNED} st.shared.u32 [%r2], %r1; ld.shared.u32 %r8, [%r5]; {OWN} "
    "st.global.u32 [%rd4], %r8;",
    "with_barrier": f"{SHARED} {TURNED} st.shared.u32 [%r2], %r1; bar.sync 0; ld.shared.u32 %r8, [%r5]; {OWN} "
    "st.global.u32 [%rd4], %r8;",
    "some_at_barrier": "setp.gt.u32 %p1, %r1, 2; @%p1 bra $leave; bar.sync 0; $leave: mov.u32 %r8, 0;",
    "blocks_apart": "mov.u32 %r6, %ctaid.x; mul.wide.u32 %rd3, %r6, 4; add.s64 %rd4, %rd2, %rd3; "
    "st.global.u32 [%rd4], %r6;",
    "blocks_together": "mov.u32 %r6, %ctaid.x; ld.global.u32 %r8, [%rd2]; setp.eq.u32 %p1, %r6, 0; "
    "@%p1 st.global.u32 [%rd2], 5;",
}


@pytest.fixture(scope="module")
def launch(launcher: Callable[[Mapping[str, str]], Launch]) -> Launch:
    return launcher(BODIES)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_kernels_without_a_fault(launch: Launch, seed: int) -> None:
    threads = 16
    ran = launch("own_word", out=4 * threads, threads=threads, PTX_SEED=seed)
    assert (ran.status, struct.unpack("<16I", ran.output)) == (0, tuple(range(threads)))
    ran = launch("with_barrier", out=4 * threads, threads=threads, PTX_SEED=seed, PTX_PREEMPT=2)
    assert (ran.status, struct.unpack("<16I", ran.output)) == (0, tuple(i ^ 1 for i in range(threads)))
    ran = launch("same_word_atomically", threads=threads, grid=3, PTX_SEED=seed)
    assert (ran.status, struct.unpack("<II", ran.output)[0]) == (0, 48)
    assert launch("blocks_apart", out=12, grid=3, PTX_SEED=seed).status == 0


@pytest.mark.parametrize(
    ("name", "words", "threads", "grid"),
    [
        ("beyond", "a write out of bounds at kernels.ptx:", 2, 1),
        ("before", "a read out of bounds", 1, 1),
        ("null", "a read out of bounds", 1, 1),
        ("misaligned", "a misaligned access", 1, 1),
        ("unwritten_shared", "a read of memory that nothing has written", 1, 1),
        ("beyond_shared", "an access out of bounds of shared memory", 1, 1),
        ("same_word", "two writes race", 2, 1),
        ("without_barrier", "race", 2, 1),
        ("some_at_barrier", "a barrier that some threads of the block never reach", 8, 1),
        ("blocks_together", "race", 1, 2),
    ],
)
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_faults_are_named_in_every_order_of_threads(
    launch: Launch, name: str, words: str, threads: int, grid: int, seed: int
) -> None:
    ran = launch(name, struct.pack("<2Q", 1, 2), out=4 * threads, threads=threads, grid=grid, PTX_SEED=seed)
    assert ran.status == FAULT
    assert words in ran.said
