"""The emulator finds each kind of fault where one is planted, and none where it is mended."""

from __future__ import annotations

import re

import numpy as np
import pytest

from nnaccel_kernels.cuda.runtime.cubin import link

from .emulator import KernelError
from .emulator.machine import COMPILER
from .emulator_ptx import kernel, run
from .wheels import has

pytestmark = pytest.mark.skipif(COMPILER is None, reason="needs a C compiler: cc, or CC")

BARRIER = "bar.sync 0;"
STORE = "ld.global.u32 %r1, [%xi]; st.shared.u32 [%tilei], %r1;"
# A thread takes the word of its neighbour in a ring of 64.
NEIGHBOUR = """
    add.u32 %r2, %i, 1; and.b32 %r2, %r2, 63; mad.lo.u32 %r2, %r2, 4, %tile;
    ld.shared.u32 %r3, [%r2];
"""
KEEP = "st.global.u32 [%yi], %r3;"
COPY = "cp.async.ca.shared.global [%tilei], [%xi], 4; cp.async.commit_group;"
WAIT = "cp.async.wait_group 0;"
FRAGMENT = "ldmatrix.sync.aligned.m8n8.x1.shared.b16 {%r3}, [%r2];"
ROW = "and.b32 %r2, %i, 7; mad.lo.u32 %r2, %r2, 16, %tile;"
WORD = "ld.shared.u32 %r3, [%tilei];"
ALL = "setp.lt.u32 %p1, %i, 99;"
FEW = "setp.lt.u32 %p1, %i, 40;"

#: What is found, and a kernel of 64 threads on 64 words with the fault, and without.
PLANTED = {
    "a write beyond an array": (
        "out of bounds.*st.global.u32.*4 bytes",
        "st.global.u32 [%yi+4], %i;",
        "st.global.u32 [%yi], %i;",
    ),
    "a read before an array": (
        "out of bounds.*ld.global.u32.*thread \\(0, 0, 0\\)",
        f"ld.global.u32 %r3, [%xi+-4]; {KEEP}",
        f"ld.global.u32 %r3, [%xi]; {KEEP}",
    ),
    "a read of nobody's memory": (
        "out of bounds",
        f"mov.u64 %xi, 0; ld.global.u32 %r3, [%xi]; {KEEP}",
        f"ld.u32 %r3, [%xi]; {KEEP}",
    ),
    "a register that was never written": (
        "out of bounds",
        f"ld.global.u32 %r3, [%a9]; {KEEP}",
        f"mov.u64 %a9, %xi; ld.global.u32 %r3, [%a9]; {KEEP}",
    ),
    "a write beyond shared memory": (
        "out of bounds.*st.shared",
        f"st.shared.u32 [%tilei+256], %i; st.shared.u32 [%tilei], %i; {WORD} {KEEP}",
        f"st.shared.u32 [%tilei], %i; {WORD} {KEEP}",
    ),
    "an address of the other space": (
        "out of bounds.*ld.shared",
        f"{STORE} mov.u64 %a1, tile; cvta.shared.u64 %a1, %a1; ld.shared.u32 %r3, [%a1]; {KEEP}",
        f"{STORE} mov.u64 %a1, tile; cvta.shared.u64 %a1, %a1; {BARRIER} ld.u32 %r3, [%a1]; {KEEP}",
    ),
    "half a word": (
        "misaligned",
        f"ld.global.u16 %h1, [%xi+1]; cvt.u32.u16 %r3, %h1; {KEEP}",
        f"ld.global.u16 %h1, [%xi+2]; cvt.u32.u16 %r3, %h1; {KEEP}",
    ),
    "a vector at a word": (
        "misaligned.*v2.u32.*8 bytes",
        f"ld.global.v2.u32 {{%r3, %r4}}, [%x+4]; {KEEP}",
        f"ld.global.v2.u32 {{%r3, %r4}}, [%x+8]; {KEEP}",
    ),
    "shared memory that nobody has written": (
        "read before it is written",
        f"@!%p1 bra skip; {STORE} skip: {BARRIER} {NEIGHBOUR} {KEEP}",
        f"@%p1 bra skip; skip: {STORE} {BARRIER} {NEIGHBOUR} {KEEP}",
    ),
    "a read that no barrier orders after a write": (
        "race.*st.shared",
        f"st.shared.u32 [%tilei], %i; {BARRIER} {STORE} {NEIGHBOUR} {KEEP}",
        f"{STORE} {BARRIER} {NEIGHBOUR} {KEEP}",
    ),
    "a write that no barrier orders after a read": (
        "race.*st.shared",
        f"{STORE} {BARRIER} {NEIGHBOUR} st.shared.u32 [%tilei], %r3; {BARRIER} {WORD} {KEEP}",
        f"{STORE} {BARRIER} {NEIGHBOUR} {BARRIER} st.shared.u32 [%tilei], %r3; {WORD} {KEEP}",
    ),
    "two writes of a word": (
        "race.*st.shared",
        f"st.shared.u32 [%tile], %i; {BARRIER} ld.shared.u32 %r3, [%tile]; {KEEP}",
        f"@%p2 st.shared.u32 [%tile], %i; {BARRIER} ld.shared.u32 %r3, [%tile]; {KEEP}",
    ),
    "two threads at a word of an array": (
        "race.*st.global",
        "st.global.u32 [%y], %i;",
        "@%p2 st.global.u32 [%y], %i;",
    ),
    "a barrier for some": (
        "barrier that not all",
        f"{FEW} @%p1 {BARRIER} st.global.u32 [%yi], %i;",
        f"{ALL} @%p1 {BARRIER} st.global.u32 [%yi], %i;",
    ),
    "a barrier that the last ones do not live to see": (
        "barrier that not all.*bar.sync 0",
        f"{FEW} @!%p1 exit; {BARRIER} st.global.u32 [%yi], %i;",
        f"{ALL} @!%p1 exit; {BARRIER} st.global.u32 [%yi], %i;",
    ),
    "two barriers": (
        "barrier that not all",
        f"{FEW} @%p1 bra here; {BARRIER} bra on; here: {BARRIER} on: st.global.u32 [%yi], %i;",
        f"{ALL} @%p1 bra here; {BARRIER} bra on; here: {BARRIER} on: st.global.u32 [%yi], %i;",
    ),
    "a copy that nobody waits for": (
        "copy to it is under way",
        f"{COPY} {WORD} {KEEP}",
        f"{COPY} {WAIT} {WORD} {KEEP}",
    ),
    "a copy that is waited for too early": (
        "copy to it is under way",
        f"{COPY} cp.async.commit_group; cp.async.wait_group 2; {WORD} {KEEP}",
        f"{COPY} cp.async.commit_group; cp.async.wait_group 1; {WORD} {KEEP}",
    ),
    "a copy that only its thread waits for": (
        "race.*cp.async",
        f"{STORE} {BARRIER} {COPY} {WAIT} {NEIGHBOUR} {KEEP}",
        f"{STORE} {BARRIER} {COPY} {WAIT} {BARRIER} {NEIGHBOUR} {KEEP}",
    ),
    "a copy over what others still read": (
        "race.*cp.async",
        f"{STORE} {BARRIER} {NEIGHBOUR} {COPY} {WAIT} {KEEP}",
        f"{STORE} {BARRIER} {NEIGHBOUR} {BARRIER} {COPY} {WAIT} {KEEP}",
    ),
    "a copy of eight bytes from the middle": (
        "misaligned.*cp.async",
        f"cp.async.ca.shared.global [%tile], [%x+4], 8; {WAIT}",
        f"@%p2 cp.async.ca.shared.global [%tile], [%x+8], 8; {WAIT} {KEEP}",
    ),
    "half a warp": (
        "warp that not all",
        f"{STORE} {BARRIER} {ROW} {FEW} @%p1 {FRAGMENT} {KEEP}",
        f"{STORE} {BARRIER} {ROW} {ALL} @%p1 {FRAGMENT} {KEEP}",
    ),
    "a division by zero": (
        "division by zero.*div.s32.*thread \\(0, 0, 0\\)",
        f"mov.u32 %r1, 7; div.s32 %r3, %r1, %i; {KEEP}",
        f"mov.u32 %r1, 7; add.u32 %r2, %i, 1; div.s32 %r3, %r1, %r2; {KEEP}",
    ),
}


def planted(body: str) -> str:
    """%p1 is set for 20 threads, %p2 for the first."""
    return kernel(f"setp.lt.u32 %p1, %i, 20; setp.eq.u32 %p2, %i, 0; {body}", shared=256)


def words() -> tuple[np.ndarray, np.ndarray]:
    return np.arange(64, dtype=np.uint32), np.zeros(64, np.uint32)


@pytest.mark.parametrize("name", PLANTED)
def test_a_planted_fault_is_found(name: str) -> None:
    what, faulty, _ = PLANTED[name]
    with pytest.raises(KernelError, match=what):
        run(planted(faulty), *words(), threads=64)


@pytest.mark.parametrize("name", PLANTED)
def test_a_mended_kernel_runs(name: str) -> None:
    run(planted(PLANTED[name][2]), *words(), threads=64)


def test_blocks_that_write_one_word_race() -> None:
    with pytest.raises(KernelError, match=r"race.*block \(1, 0, 0\)"):
        run(kernel("st.global.u32 [%yi], %i;"), *words(), blocks=2)
    with pytest.raises(KernelError, match=r"race.*ld.global"):
        run(kernel("ld.global.u32 %r1, [%y]; st.global.u32 [%yi], %r1;"), *words())


def test_each_block_has_shared_memory_of_its_own() -> None:
    body = f"mov.u32 %r4, %ctaid.x; setp.eq.u32 %p1, %r4, 0; @!%p1 bra read; {STORE} read: {WORD}"
    with pytest.raises(KernelError, match=r"before it is written.*block \(1, 0, 0\)"):
        run(kernel(body, shared=256), *words(), blocks=2)


def test_an_instruction_of_a_warp_needs_a_whole_one() -> None:
    body = f"{STORE} {BARRIER} {ROW} {FRAGMENT} {KEEP}"
    with pytest.raises(KernelError, match="warp that not all"):
        run(kernel(body, shared=256), *words(), threads=40)


def test_an_unknown_instruction_is_named() -> None:
    with pytest.raises(NotImplementedError, match=r"lacks popc.b32, add it to opcodes.py"):
        run(kernel("popc.b32 %r1, %i;"), *words())
    with pytest.raises(NotImplementedError, match=r"knows no %smid"):
        run(kernel("mov.u32 %r1, %smid;"), *words())


@pytest.mark.skipif(not has("cuda.bindings.nvjitlink"), reason="needs nvJitLink")
def test_planted_kernels_are_valid_ptx() -> None:
    """All of them in one text, where each has names of its own."""
    texts = [planted(body) for _, *bodies in PLANTED.values() for body in bodies]
    header = texts[0][: texts[0].index(".shared")]
    kernels = [
        re.sub(r"(?<!%)\b(tile|kernel)\b", rf"\g<1>{number}", text.removeprefix(header))
        for number, text in enumerate(texts)
    ]
    assert link(header + "".join(kernels), (9, 0))[:4] == b"\x7fELF"
