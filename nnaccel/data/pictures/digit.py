"""One digit from a page: as MNIST has it, and whether the page looks like one with a digit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from nnaccel.data.pictures.field import box_in, in_field
from nnaccel.data.pictures.paper import (
    darker_than_paper,
    darkness_of_ink,
    unlike_the_border,
)
from nnaccel.data.pictures.parts import CONTRAST, find_digit
from nnaccel.data.pictures.reading import Grey, ImageError, grey_values, read_picture
from nnaccel.data.pictures.touching import is_cut_close, is_one_thing

#: Share of its box that no digit covers.
_TOO_MUCH = 0.65
#: Share of what stands out that is darker, less that which is lighter, that leaves no question.
_CLEARLY = 0.8
#: Share of the strongest contrast down to which the light is even.
_LIT = 0.8


class Digit(NamedTuple):
    """What a picture shows, as a model takes it.

    Attributes
    ----------
    image : ndarray of uint8, shape (rows, columns)
        0 the paper and 255 the ink.
    doubt : str
        What about the picture is unlike one of a digit; empty if nothing is.
    """

    image: NDArray[np.uint8]
    doubt: str


def load_image(path: str | Path, shape: tuple[int, int] = (28, 28)) -> NDArray[np.uint8]:
    """Read a PNG or JPEG of one digit as a model trained on MNIST expects it.

    As MNIST was made: the digit is cropped, scaled to a box of 20 by 20 pixels with its aspect
    kept, and set into the field of 28 by 28 so that its centre of mass is in the middle. The ink
    may be dark on light or light on dark, in uneven light or shadow; specks, ruled lines and what
    touches the border of the picture are left out.

    Parameters
    ----------
    path : str or Path
        The picture. Colours become grey; transparency becomes paper.
    shape : tuple of int
        Rows and columns wanted. Those fewer than 16 are filled to the edge, as in
        `nnaccel.data.digits`.

    Returns
    -------
    ndarray of uint8, shape `shape`
        0 the paper and 255 the ink.

    Raises
    ------
    ImageError
        There is no such file, it is not a PNG or JPEG, it is damaged or too large, or blank.

    References
    ----------
    Y. LeCun, L. Bottou, Y. Bengio, P. Haffner, "Gradient-based learning applied to document
    recognition", Proceedings of the IEEE 86 (11), 1998, section III A.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> page = Image.new("L", (300, 200), "white")
    >>> page.paste("black", (140, 30, 160, 170))  # a one
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "one.png")
    ...     page.save(path)
    ...     image = load_image(path)
    >>> image.shape, int(image[14, 14]), int(image[0, 0])
    ((28, 28), 255, 0)
    """
    return read_digit(path, shape).image


def read_digit(path: str | Path, shape: tuple[int, int] = (28, 28)) -> Digit:
    """Read a picture as `load_image` does, and say what about it is unlike a digit.

    Parameters
    ----------
    path : str or Path
        The picture.
    shape : tuple of int
        Rows and columns wanted.

    Returns
    -------
    Digit
        The image, and the doubt: no ink in one place that is clear of the border, several things
        of the digit's size, or more ink than a digit has.

    Raises
    ------
    ImageError
        As `load_image` does.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> page = Image.new("L", (300, 200), "white")
    >>> for left in (40, 140, 240):
    ...     page.paste("black", (left, 60, left + 10, 140))
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     path = pathlib.Path(folder, "three.png")
    ...     page.save(path)
    ...     print(read_digit(path).doubt)
    more than one thing of a digit's size
    """
    path = Path(path).expanduser()
    grey = grey_values(read_picture(path))
    ink, doubt = _find_ink(grey)
    if ink.max() < CONTRAST:
        what = "is blank" if np.ptp(grey) < CONTRAST else "shows no digit on plain paper"
        raise ImageError(f"{path} {what}: one digit, darker or lighter than its paper, is wanted")
    image = in_field(_evenly_lit(ink), shape)
    if not doubt and image.sum() > 255 * _TOO_MUCH * math.prod(box_in(shape)):
        doubt = "more ink than a digit has"
    return Digit(image, doubt)


def _find_ink(grey: Grey) -> tuple[Grey, str]:
    """Contrast of the digit alone, and a doubt."""
    outright = unlike_the_border(grey)
    if is_cut_close(outright):
        return outright, ""
    darkness = darkness_of_ink(grey)
    likely, unlikely = grey, grey.max() - grey
    if darkness < 0:
        likely, unlikely = unlikely, likely
    found = _clear_of_border(likely)
    if found is None and is_one_thing(outright):
        return outright, ""
    if found is None or abs(darkness) < _CLEARLY:
        other = _clear_of_border(unlikely)
        if found is None or (other and _is_within(found[0], other[0])):
            found = other
    return found or (outright, "no strokes that are clear of the border")


def _is_within(gap: Grey, digit: Grey) -> bool:
    """Whether one lies between the strokes of the other, as paper seems to when taken for ink."""
    (top, left, bottom, right), outer = _box(gap), _box(digit)
    return top >= outer[0] and left >= outer[1] and bottom <= outer[2] and right <= outer[3]


def _box(ink: Grey) -> tuple[int, int, int, int]:
    rows, columns = (np.flatnonzero(ink.any(axis)) for axis in (1, 0))
    return rows[0], columns[0], rows[-1], columns[-1]


def _clear_of_border(dark_on_light: Grey) -> tuple[Grey, str] | None:
    """Contrast of the digit, and a doubt; None where all ink touches the border."""
    contrast = darker_than_paper(dark_on_light)
    found = find_digit(contrast)
    return found and (np.where(found.mask, contrast, 0), found.doubt)


def _evenly_lit(contrast: Grey) -> Grey:
    """Ink from 0 to 1, as strong in shadow as in light."""
    from scipy import ndimage

    strongest = contrast.max()
    rows, columns = (np.flatnonzero(contrast.any(axis)) for axis in (1, 0))
    window = max(3, max(np.ptp(rows), np.ptp(columns)) // 4)
    nearby = np.maximum(ndimage.maximum_filter(contrast, window), strongest / 4)
    ink: Grey = contrast / np.where(nearby > _LIT * strongest, strongest, nearby)
    return ink
