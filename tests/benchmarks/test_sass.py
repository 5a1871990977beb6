"""Loops and accesses, read off machine code."""

from __future__ import annotations

from benchmarks.gpu.sass import Access, innermost_loops

CODE = """
.text.kernel:
        /*0000*/                   LDC R1, c[0x0][0x28] ;
.L_x_2:
        /*0010*/                   IADD3 R2, R2, 0x1, RZ ;
.L_x_1:
        /*0020*/                   LDG.E.128 R8, desc[UR4][R8.64] ;
        /*0030*/              @!P1 LD.E.U16 R3, desc[UR4][R10.64] ;
        /*0040*/                   LDS.128 R4, [R5] ;
        /*0050*/                   STG.E desc[UR4][R18.64], R4 ;
        /*0060*/               @P0 BRA `(.L_x_1) ;
        /*0070*/               @P2 BRA `(.L_x_2) ;
        /*0080*/                   EXIT ;
.L_x_3:
        /*0090*/                   BRA `(.L_x_3);
"""


def test_the_loop_within_a_loop_and_what_it_moves() -> None:
    (loop,) = innermost_loops(CODE)
    assert len(loop.instructions) == 5
    assert loop.loads == [Access("LDG", 16), Access("LD", 2)]
    assert loop.stores == [Access("STG", 4)]
