"""Sizes of the tiles of a matrix product, and the choice among them."""

from __future__ import annotations

from typing import Any, NamedTuple

from nnaccel_kernels.cuda.runtime.launch import blocks

_WARP_COLUMNS, _WARP_ROWS = 8, 4


class Tile(NamedTuple):
    """Sizes of a block's tile of the product, all powers of two.

    Attributes
    ----------
    rows, columns : int
        Elements of the product that a block computes.
    depth : int
        Terms of each sum that are in shared memory at a time.
    thread_rows, thread_columns : int
        Elements of the product that a thread computes, in vectors far apart from each other:
        neighbouring threads have neighbouring vectors.
    """

    rows: int
    columns: int
    depth: int
    thread_rows: int
    thread_columns: int

    @property
    def threads(self) -> int:
        """Threads of a block."""
        return self.threads_down * self.threads_across

    @property
    def threads_down(self) -> int:
        """Threads along the rows."""
        return self.rows // self.thread_rows

    @property
    def threads_across(self) -> int:
        """Threads along the columns."""
        return self.columns // self.thread_columns

    def warp(self) -> tuple[int, int]:
        """Threads down and across a warp, which is as square as it can be to share its loads."""
        return min(_WARP_ROWS, self.threads_down), min(_WARP_COLUMNS, self.threads_across)


#: The tiles to choose from, by bytes of the accumulation dtype; the largest comes first.
TILES = {
    4: (Tile(128, 128, 8, 8, 8), Tile(64, 128, 8, 8, 8), Tile(64, 64, 8, 4, 8)),
    8: (Tile(64, 64, 8, 4, 8), Tile(32, 64, 8, 4, 4)),
}

_MULTIPROCESSORS = 128  # of a large GPU; fixed, so that the choice is the same on all
_LOAD = 8  # products in the time of a load, with its indices


def choose_tile(rows: int, columns: int, products: int, itemsize: int) -> Tile:
    """The tile for products of rows x columns elements, by bytes of the accumulation dtype."""
    chosen: Tile = fastest(TILES[itemsize], rows, columns, products)
    return chosen


def fastest(tiles: tuple[Any, ...], rows: int, columns: int, products: int) -> Any:
    """The tile that is done first with `products` products of rows x columns elements."""

    def cost(tile: Any) -> int:
        count = blocks(rows, tile.rows) * blocks(columns, tile.columns) * products
        work: int = tile.rows * tile.columns + _LOAD * (tile.rows + tile.columns)
        return blocks(count, _MULTIPROCESSORS) * work

    return min(tiles, key=cost)
