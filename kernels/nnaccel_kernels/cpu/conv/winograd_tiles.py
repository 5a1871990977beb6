"""Tiles of Winograd's algorithm, and their transforms.

A tile has 4x4 pixels of output for 3x3 windows and 2x2 for 5x5, from 6x6 of input. The transforms
are those of Toom and Cook for the points 0, 1, -1, 2, -2 and infinity; other points, and larger
tiles, lose more digits [1]_.

.. [1] B. Barabasz et al., "Error analysis and improving the accuracy of Winograd convolution for
   deep neural networks", ACM TOMS 46(4), 2020.
"""

from __future__ import annotations

from numba.extending import register_jitable

from nnaccel_kernels.cpu.conv.band import Images
from nnaccel_kernels.cpu.conv.winograd_transform import Matrix, transform
from nnaccel_kernels.cpu.vector.simd import VECTOR_BYTES

# What makes the transforms pay: input channels and filters, positions of the window in an image and
# in a batch, forward, with filters kept since the last run and backward, and the share of the
# definition's products that are left.
MIN_CHANNELS = max(6, 3 * VECTOR_BYTES // 16)  # three quarters of a vector of float32
MIN_POSITIONS_IN_IMAGE = 4
MIN_POSITIONS_FORWARD, MIN_POSITIONS_KEPT, MIN_POSITIONS = 128, 64, 16
MAX_PRODUCTS = 0.6
TILES_PER_ITEM = 32  # about
TILES_PER_PART = 128  # at least, of a gradient of weights
WORKSPACE_BYTES = 6_000_000  # for the tiles of all threads
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
_NODES = ((0, 4), (1, -6), (-1, -6), (2, 24), (-2, 24))  # and the product of distances to others


def _taps(size: int) -> Matrix:
    """The matrix (6, size) that transforms taps: powers of the points, divided."""
    finite = (tuple(node**i / scale for i in range(size)) for node, scale in _NODES)
    return *finite, (*(0,) * (size - 1), 1)


def _results(tile: int) -> Matrix:
    """The matrix (tile, 6) that transforms products back."""
    return tuple((*(node**i for node, _ in _NODES), int(i == tile - 1)) for i in range(tile))


def _transposed(matrix: Matrix) -> Matrix:
    return tuple(zip(*matrix, strict=True))


transform_pixels = transform("pixels", _PIXELS)
_taps3, _taps5 = (transform(f"taps{size}", _taps(size)) for size in (3, 5))
_back4, _back2 = (transform(f"back{tile}", _results(tile)) for tile in (4, 2))
_results4, _results2 = (transform(f"results{tile}", _transposed(_results(tile))) for tile in (4, 2))
_taps_back3, _taps_back5 = (
    transform(f"taps_back{size}", _transposed(_taps(size))) for size in (3, 5)
)


def tile_of(taps: int) -> int:
    """Output pixels a side of a tile: 4 for 3x3 windows, 2 for 5x5."""
    return SIDE + 1 - taps


@register_jitable
def transform_taps(tile, *args):  # type: ignore[no-untyped-def]
    """Transform the taps of a filter to 6x6."""
    if tile == 4:
        _taps3(*args)
    else:
        _taps5(*args)


@register_jitable
def transform_back(tile, *args):  # type: ignore[no-untyped-def]
    """Transform 6x6 products to a tile of output."""
    if tile == 4:
        _back4(*args)
    else:
        _back2(*args)


@register_jitable
def transform_results(tile, *args):  # type: ignore[no-untyped-def]
    """Transform a tile of the gradient of the output to 6x6."""
    if tile == 4:
        _results4(*args)
    else:
        _results2(*args)


@register_jitable
def transform_taps_back(tile, *args):  # type: ignore[no-untyped-def]
    """Transform 6x6 sums to the gradient of a filter's taps."""
    if tile == 4:
        _taps_back3(*args)
    else:
        _taps_back5(*args)


def split_tiles(
    tile: int, ys: Images, channels: int, filters: int, itemsize: int, threads: int = 2
) -> tuple[int, int]:
    """Rows of tiles in a work item, and elements of workspace of a thread.

    The more threads, the less each gets: the workspace of all shall not grow with their number.
    """
    lanes = VECTOR_BYTES // itemsize
    depth, result = -(-channels // lanes) * lanes, -(-filters // lanes) * lanes
    across = -(-ys.width // tile)
    row = POINTS * across * (depth + result)
    rows = max(
        1, min(round(TILES_PER_ITEM / across), WORKSPACE_BYTES // (threads * row * itemsize))
    )
    return rows, SIDE * (across * tile + SIDE - tile) * max(depth, result) + rows * row
