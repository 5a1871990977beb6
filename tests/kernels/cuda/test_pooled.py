"""Images go to the kernels of pooling in pieces whose indices have 32 bits."""

from __future__ import annotations

import numpy as np
import pytest

from nnaccel_kernels.cuda.skeletons import pooled
from nnaccel_kernels.window import Window

WINDOW = Window((2, 2), (2, 2))


def image(*shape: int, channels_last: bool = False) -> np.ndarray:
    if not channels_last:
        return np.zeros(shape, np.float32)
    n, c, height, width = shape
    return np.zeros((n, height, width, c), np.float32).transpose(0, 3, 1, 2)


@pytest.mark.parametrize("channels_last", [False, True])
def test_pieces_are_within_reach_and_all_there(
    monkeypatch: pytest.MonkeyPatch, channels_last: bool
) -> None:
    monkeypatch.setattr(pooled, "REACH", 250)
    x, y = (image(5, 3, size, size, channels_last=channels_last) for size in (8, 4))
    pieces = list(pooled.in_pieces(WINDOW, (x,), (y,)))
    assert len(pieces) == 5
    assert all(piece.x[0].size <= pooled.REACH for piece in pieces)
    for piece in pieces:
        piece.x[0][:] += 1
        piece.y[0][:] += 1
    assert (x == 1).all()
    assert (y == 1).all()


def test_an_image_beyond_reach_is_in_no_piece(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pooled, "REACH", 60)
    assert not list(pooled.in_pieces(WINDOW, (image(5, 3, 8, 8),), (image(5, 3, 4, 4),)))


def test_neighbours_of_a_row_are_one_access_where_windows_lie_side_by_side() -> None:
    (piece,) = pooled.in_pieces(WINDOW, (image(2, 3, 8, 8),), (image(2, 3, 4, 4),))
    assert piece.variant == (((2, 1), (2, 1)), 2, 2, True)
    (piece,) = pooled.in_pieces(WINDOW, (image(2, 3, 8, 7),), (image(2, 3, 4, 3),))
    assert (piece.variant.lanes, piece.variant.run) == (1, 1)
    overlapping = Window((3, 3), (2, 2), (1, 1, 1, 1))
    images = image(2, 8, 8, 8, channels_last=True), image(2, 8, 4, 4, channels_last=True)
    (piece,) = pooled.in_pieces(overlapping, images[:1], images[1:])
    assert piece.variant == (((3, 3), (2, 2)), 4, 1, False)
