"""Small kernels in PTX, for the tests of the emulator."""

from __future__ import annotations

import numpy as np

from .emulator import launch

_FRAME = """
.version 8.0
.target sm_90
.address_size 64
{shared}
.visible .entry kernel(.param .u64 x, .param .u64 y)
{{
    .reg .pred %p<8>;
    .reg .b16 %h<8>;
    .reg .b32 %r<64>;
    .reg .f32 %f<16>;
    .reg .f64 %d<8>;
    .reg .b64 %x, %y, %xi, %yi, %a<16>;
    .reg .b32 %i, %tile, %tilei;
    ld.param.u64 %x, [x];
    ld.param.u64 %y, [y];
    mov.u32 %i, %tid.x;
    mad.wide.u32 %xi, %i, 4, %x;
    mad.wide.u32 %yi, %i, 4, %y;
    {tile}
{body}
    ret;
}}
"""


def kernel(body: str, shared: int = 0) -> str:
    """A kernel of pointers x and y, with so many bytes in shared memory.

    %i is the thread, %xi and %yi are addresses of its words of x and y, and %tilei that of its word
    of what is shared, from %tile on.
    """
    if not shared:
        return _FRAME.format(body=body, shared="", tile="")
    array = f".shared .align 16 .b8 tile[{shared}];"
    return _FRAME.format(
        body=body, shared=array, tile="mov.u32 %tile, tile; mad.lo.u32 %tilei, %i, 4, %tile;"
    )


def run(ptx: str, x: np.ndarray, y: np.ndarray, threads: int = 32, blocks: int = 1) -> None:
    """Run such a kernel; y is filled."""
    launch(ptx, (blocks,), (threads,), [x.ctypes.data, y.ctypes.data], [x, y])
