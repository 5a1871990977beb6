"""Contrast of ink with the paper around it, in uneven light and shadow, whichever is darker."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Grey = NDArray[np.float64]

#: The paper is looked at in pictures of so many pixels at most on a side.
_COARSE_SIDE = 64
#: Wider strokes, as a share of the page's shorter side, are taken for paper.
_WIDEST_STROKE = 0.34
#: Grey values that stand out from noise in the mean of a block of pixels.
_FAINT = 10
#: Weight of what touches the border where dark on light is told from light on dark.
_BORDER = 0.003


def darker_than_paper(grey: Grey) -> Grey:
    """Return how much darker each pixel is than the light paper around it, less the noise.

    The paper is a closing: strokes vanish in which no disk of the widest stroke fits, while light
    and shadow, which are wider, stay as they are, and so do their edges.
    """
    from scipy import ndimage

    coarse = ndimage.median_filter(_reduced(grey, _COARSE_SIDE), 3)
    disk = _disk(max(3, round(_WIDEST_STROKE * min(coarse.shape))))
    light = ndimage.grey_dilation(coarse, footprint=disk)
    paper = ndimage.grey_erosion(light, footprint=disk)
    paper = ndimage.minimum_filter(paper, 3)  # either side of a shadow's edge is no ink
    contrast: Grey = np.clip(_enlarged(paper, grey.shape) - grey - _noise(grey), 0, None)
    return contrast


def unlike_the_border(grey: Grey) -> Grey:
    """Return how much darker, or lighter, each pixel is than the picture's border is."""
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    paper = np.median(border)
    noise = 4 * np.median(np.abs(border - paper))
    darker, lighter = (np.clip(d - noise, 0, None) for d in (paper - grey, grey - paper))
    contrast: Grey = darker if darker.sum() >= lighter.sum() else lighter
    return contrast


def darkness_of_ink(grey: Grey) -> float:
    """Return 1 if all that stands out from its wider surroundings is darker, -1 if lighter.

    What touches the border counts little, and so does what stands out little: hence the cubes.
    """
    from scipy import ndimage

    coarse = _reduced(grey, 3 * _COARSE_SIDE // 4)
    window = max(3, round(0.6 * min(coarse.shape)))
    darker = ndimage.median_filter(coarse, window) - coarse
    labels, _ = ndimage.label(np.abs(darker) > _FAINT, np.ones((3, 3)))
    border = np.concatenate([labels[0], labels[-1], labels[:, 0], labels[:, -1]])
    is_inside = (labels > 0) & ~np.isin(labels, border)
    votes = darker**3 * np.where(is_inside, 1, _BORDER)
    return float(votes.sum() / max(np.abs(votes).sum(), 1))


def _noise(grey: Grey) -> float:
    """Grey values by which even paper varies from one pixel to the next."""
    steps = np.abs(np.diff(grey, axis=1)) if grey.shape[1] > 1 else np.zeros(1)
    return 3 * float(np.median(steps))  # about three standard deviations


def _disk(diameter: int) -> NDArray[np.bool_]:
    at = np.arange(diameter) - (diameter - 1) / 2
    return at[:, None] ** 2 + at**2 <= (diameter / 2) ** 2


def _reduced(grey: Grey, side: int) -> Grey:
    """Means of blocks of pixels, so that no side is longer than `side`."""
    from PIL import Image

    scale = side / max(grey.shape)
    if scale >= 1:
        return grey
    height, width = (max(1, round(length * scale)) for length in grey.shape)
    image = Image.fromarray(grey.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BOX), np.float64)


def _enlarged(coarse: Grey, shape: tuple[int, ...]) -> Grey:
    from PIL import Image

    height, width = shape
    image = Image.fromarray(coarse.astype(np.float32))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR), np.float64)
