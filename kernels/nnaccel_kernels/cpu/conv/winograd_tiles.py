"""Tiles of Winograd's algorithm, and their transforms.

A tile has 4x4 pixels of output, from 6x6 of input. The transforms are those of Toom and Cook for
the points 0, 1, -1, 2, -2 and infinity; other points, and larger tiles, lose more digits [1]_.

.. [1] B. Barabasz et al., "Error analysis and improving the accuracy of Winograd convolution for
   deep neural networks", ACM TOMS 46(4), 2020.
"""

from __future__ import annotations

from nnaccel_kernels.cpu.conv.band import Images
from nnaccel_kernels.cpu.conv.winograd_transform import transform
from nnaccel_kernels.cpu.vector.simd import VECTOR_BYTES

# What makes the transforms pay: input channels and filters, positions of the window in a batch,
# forward and backward, and for the gradient of the weights, whose sums are transformed back at the
# end, positions times the mean number of channels.
MIN_CHANNELS = 16
MIN_POSITIONS_FORWARD, MIN_POSITIONS = 128, 16
MIN_WORK_OF_WEIGHTS = 80_000
TILES_PER_ITEM = 32  # about
WORKSPACE_BYTES = 6_000_000  # for the tiles of all threads
TILE = 4  # output pixels a side
SIDE = 6  # input pixels a side, and products
POINTS = SIDE * SIDE

_PIXELS = (
    (4, 0, -5, 0, 1, 0),
    (0, -4, -4, 1, 1, 0),
    (0, 4, -4, -1, 1, 0),
    (0, -2, -1, 2, 1, 0),
    (0, 2, -1, -2, 1, 0),
    (0, 4, 0, -5, 0, 1),
)
_TAPS = (
    (1 / 4, 0, 0),
    (-1 / 6, -1 / 6, -1 / 6),
    (-1 / 6, 1 / 6, -1 / 6),
    (1 / 24, 1 / 12, 1 / 6),
    (1 / 24, -1 / 12, 1 / 6),
    (0, 0, 1),
)
_RESULTS = ((1, 1, 1, 1, 1, 0), (0, 1, -1, 2, -2, 0), (0, 1, 1, 4, 4, 0), (0, 1, -1, 8, -8, 1))

transform_pixels = transform("pixels", _PIXELS)
transform_taps = transform("taps", _TAPS)
transform_back = transform("back", _RESULTS)
transform_results = transform("results", tuple(zip(*_RESULTS, strict=True)))
transform_taps_back = transform("taps_back", tuple(zip(*_TAPS, strict=True)))


def split_tiles(
    ys: Images, channels: int, filters: int, itemsize: int, threads: int = 2
) -> tuple[int, int]:
    """Rows of tiles in a work item, and elements of workspace of a thread.

    The more threads, the less each gets: the workspace of all shall not grow with their number.
    """
    lanes = VECTOR_BYTES // itemsize
    depth, result = -(-channels // lanes) * lanes, -(-filters // lanes) * lanes
    across = -(-ys.width // TILE)
    row = POINTS * across * (depth + result)
    rows = max(
        1, min(round(TILES_PER_ITEM / across), WORKSPACE_BYTES // (threads * row * itemsize))
    )
    return rows, SIDE * (across * TILE + 2) * max(depth, result) + rows * row
