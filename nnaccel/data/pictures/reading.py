"""PNG and JPEG files, opened safely, and their grey values."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

#: Pixels beyond which a picture is not opened.
MAX_PIXELS = 50_000_000
#: Larger pictures are reduced to this side first: finer detail is lost in 28 pixels anyway.
_WORKING_SIDE = 512

Grey = NDArray[np.float64]


class ImageError(ValueError):
    """A picture that cannot be used; the message names the file and what is wrong with it."""


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


def grey_values(image: Any) -> Grey:
    """Grey values 0 … 255 of a Pillow image of any mode, reduced to a size to work on.

    Those of 16 bits a pixel, of which a camera or a scanner may use fewer, are stretched from the
    darkest to the lightest. What shows through becomes paper.
    """
    from PIL import Image

    if image.mode.startswith(("I", "F")):
        image = Image.fromarray(_stretched(np.asarray(image, np.float64)).astype(np.float32))
    transparent = image.mode in ("LA", "PA", "RGBA") or "transparency" in image.info
    if transparent:
        image = image.convert("RGBA")
    image.thumbnail((_WORKING_SIDE, _WORKING_SIDE))
    if not transparent:
        return np.asarray(image if image.mode == "F" else image.convert("L"), np.float64)
    grey = np.asarray(image.convert("L"), np.float64)
    opacity = np.asarray(image.getchannel("A"), np.float64) / 255
    is_light = (grey * opacity).sum() > 128 * opacity.sum()
    return grey * opacity + (0 if is_light else 255) * (1 - opacity)


def _stretched(deep: Grey) -> Grey:
    """Bring the range to 0 … 255, unless it is smaller than that: such a page is blank."""
    darkest, lightest = deep.min(), deep.max()
    stretched: Grey = 255 * (deep - darkest) / max(255, lightest - darkest)
    return stretched
