"""Pictures of a digit, drawn or photographed, made to look as the images of MNIST do."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Pixels beyond which a picture is not opened.
MAX_PIXELS = 50_000_000
#: Larger pictures are reduced to this side first: finer detail is lost in 28 pixels anyway.
_WORKING_SIDE = 800
#: Grey values between paper and ink, at least.
_CONTRAST = 16
#: Share of the full contrast below which a pixel counts as paper when the digit is cropped.
_FAINT = 0.1

Grey = NDArray[np.float64]


class ImageError(ValueError):
    """A picture that cannot be used; the message names the file and what is wrong with it."""


def load_image(path: str | Path, shape: tuple[int, int] = (28, 28)) -> NDArray[np.uint8]:
    """Read a PNG or JPEG of one digit as a model trained on MNIST expects it.

    As MNIST was made: the digit is cropped, scaled to a box of 20 by 20 pixels with its aspect
    kept, and set into the field of 28 by 28 so that its centre of mass is in the middle. The ink
    may be dark on light or light on dark; the border of the picture tells the paper.

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
    path = Path(path).expanduser()
    grey = _to_grey(read_picture(path))
    ink = _ink(grey)
    if ink is None:
        what = "is blank" if np.ptp(grey) < _CONTRAST else "shows no digit on plain paper"
        raise ImageError(f"{path} {what}: one digit, darker or lighter than its paper, is wanted")
    box = tuple(side if _is_small(side) else round(side * 20 / 28) for side in shape)
    return _centre(_fit(_crop(ink), *box), shape)


def _is_small(side: int) -> bool:
    """Whether a field is so small that the digit fills it, as in `nnaccel.data.digits`."""
    return side < 16


def read_picture(path: str | Path) -> Any:
    """Read a whole PNG or JPEG, turned upright, as a Pillow image of any mode.

    Parameters
    ----------
    path : str or Path
        The picture.

    Returns
    -------
    PIL.Image.Image

    Raises
    ------
    ImageError
        There is no such file, it is not a PNG or JPEG, or it is damaged or too large.
    """
    from PIL import Image, ImageOps, UnidentifiedImageError

    path = Path(path).expanduser()
    if not path.exists():
        raise ImageError(f"no such file: {path}")
    if not path.is_file():
        raise ImageError(f"{path} is not a regular file: give the path of a PNG or JPEG")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of damage that the pixels do not suffer from
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(path, formats=("PNG", "JPEG")) as image:
                if image.width * image.height > MAX_PIXELS:
                    raise ImageError(f"{path} has more than {MAX_PIXELS:,} pixels")
                upright = ImageOps.exif_transpose(image)
                upright.load()
                return upright
    except (ImageError, MemoryError):
        raise
    except UnidentifiedImageError:
        raise ImageError(f"{path} is not a PNG or JPEG image") from None
    except (Image.DecompressionBombWarning, Image.DecompressionBombError):
        raise ImageError(f"{path} has more than {MAX_PIXELS:,} pixels") from None
    except Exception as error:  # Pillow lets through whatever its decoders stumble over
        raise ImageError(f"{path} cannot be read as an image: {error}") from None


def _to_grey(image: Any) -> Grey:
    """Grey values 0 … 255 of a Pillow image of any mode, reduced to a size to work on.

    What shows through becomes paper.
    """
    from PIL import Image

    if image.mode.startswith("I"):  # 16 bits a pixel, which convert("L") would clip
        image = Image.fromarray((np.asarray(image, np.float64) / 257).astype(np.uint8))
    transparent = image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info
    if transparent:
        image = image.convert("RGBA")
    image.thumbnail((_WORKING_SIDE, _WORKING_SIDE))
    if not transparent:
        return np.asarray(image.convert("L"), np.float64)
    grey = np.asarray(image.convert("L"), np.float64)
    opacity = np.asarray(image.getchannel("A"), np.float64) / 255
    is_light = (grey * opacity).sum() > 128 * opacity.sum()
    return grey * opacity + (0 if is_light else 255) * (1 - opacity)


def _ink(grey: Grey) -> Grey | None:
    """Give the ink from 0 to 1, whichever way round it is; None where there is none."""
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]])
    paper = np.median(border)
    noise = 4 * np.median(np.abs(border - paper))  # what varies on the paper is not ink
    darker, lighter = np.clip(paper - grey - noise, 0, 255), np.clip(grey - paper - noise, 0, 255)
    ink: Grey = max(darker, lighter, key=np.sum)
    return ink / ink.max() if ink.max() >= _CONTRAST else None


def _crop(ink: Grey) -> Grey:
    """Cut away the rows and columns around the digit."""
    rows, columns = (np.flatnonzero((ink > _FAINT).any(axis)) for axis in (1, 0))
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]


def _fit(ink: Grey, rows: int, columns: int) -> Grey:
    """Scale to touch the sides of a box from within, keeping the aspect and the full contrast."""
    from PIL import Image

    scale = min(rows / ink.shape[0], columns / ink.shape[1])
    height, width = (max(1, round(side * scale)) for side in ink.shape)
    image = Image.fromarray(ink.astype(np.float32))
    resized = image.resize((width, height), Image.Resampling.BICUBIC)
    scaled: Grey = np.asarray(resized, np.float64).clip(0)
    scaled /= scaled.max()
    return scaled


def _centre(ink: Grey, shape: tuple[int, int]) -> NDArray[np.uint8]:
    """Set into an empty field, the centre of mass in its middle as far as there is room."""
    field = np.zeros(shape, np.uint8)
    corner = []
    for axis, (side, length) in enumerate(zip(shape, ink.shape, strict=True)):
        mass = ink.sum(axis=1 - axis)
        centre = (mass * (np.arange(length) + 0.5)).sum() / mass.sum()
        middle = side / 2 if _is_small(side) else side // 2 + 0.5  # MNIST's is in pixel 14
        corner.append(int(np.clip(round(middle - centre), 0, side - length)))
    top, left = corner
    field[top : top + ink.shape[0], left : left + ink.shape[1]] = np.rint(255 * ink)
    return field
