"""What Winograd's kernels share: the tiles an image is cut into, and the transforms of a tile.

A tile gives 4x4 results from 6x6 pixels. The transforms are those of Toom and Cook for the points
0, 1, -1, 2, -2 and infinity; other points, or larger tiles, lose more digits [1]_.

.. [1] B. Barabasz et al., "Error analysis and improving the accuracy of Winograd convolution for
   deep neural networks", ACM TOMS 46(4), 2020.
"""

from __future__ import annotations

from nnaccel_kernels.cpu.conv.band import Images
from nnaccel_kernels.cpu.conv.winograd_transform import transform
from nnaccel_kernels.cpu.vector.simd import VECTOR_BYTES

FEWEST = 16  # channels or filters that make the transforms worth their while
TARGET = 32  # tiles in an item, about
ROOM = 6_000_000  # bytes for the tiles of all threads
TILE = 4  # results a side
SIDE = 6  # pixels a side, and products
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


def plan_tiles(
    ys: Images, channels: int, filters: int, itemsize: int, threads: int = 2
) -> tuple[int, int]:
    """How many rows of tiles an item takes, and how many elements of room.

    Many threads get less each, for the room they share should not grow with them.
    """
    lanes = VECTOR_BYTES // itemsize
    depth, result = -(-channels // lanes) * lanes, -(-filters // lanes) * lanes
    across = -(-ys.width // TILE)
    row = POINTS * across * (depth + result)
    rows = max(1, min(round(TARGET / across), ROOM // (threads * row * itemsize)))
    return rows, SIDE * (across * TILE + 2) * max(depth, result) + rows * row
