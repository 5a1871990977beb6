"""Pictures for `nnaccel filters`: read from a file or built in, and made to fit."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from nnaccel.filters.page import grid

Pixels = NDArray[np.uint8]

#: Pixels that all copies of a picture together may have; larger pictures are reduced first.
_MOST_PIXELS = 16_000_000
#: Maps with smaller sides are enlarged until their sheet has so many pixels across.
_SMALL, _SHEET = 200, 600
#: The pagoda in scikit-learn's photograph, 250 by 250 pixels.
_PAGODA = np.s_[20:270, 85:335]


def read(path: Path | None, grey: bool) -> Any:
    """Return the picture, or the built-in one, as a Pillow image of mode L, RGB or RGBA."""
    from PIL import Image

    from nnaccel.data.pictures import read_picture

    image = Image.fromarray(_built_in()) if path is None else read_picture(path)
    if image.mode.startswith(("I", "F")):  # 16 bits a pixel, which convert("L") would clip
        image = Image.fromarray((np.asarray(image, np.float64) / 257).clip(0, 255).astype(np.uint8))
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        image = image.convert("RGBA")
        return on_white(image).convert("L") if grey else image
    return image.convert("L" if grey or image.mode in ("1", "L") else "RGB")


def on_white(image: Any) -> Any:
    """Return a picture without transparency, as it looks on white paper."""
    from PIL import Image

    if image.mode != "RGBA":
        return image
    paper = Image.new("RGBA", image.size, "white")
    return Image.alpha_composite(paper, image).convert("RGB")


def reduced(image: Any, copies: int) -> Pixels:
    """Return the pixels, fewer if so many copies of the picture would fill memory."""
    share = math.sqrt(_MOST_PIXELS / (copies * image.width * image.height))
    if share < 1:
        image = image.resize([max(1, int(side * share)) for side in image.size])
    return np.asarray(image)


def enlargement(count: int, height: int, width: int) -> int:
    """How many times each pixel of so many maps is repeated, that their sheet is worth seeing."""
    if max(height, width) >= _SMALL:
        return 1
    wanted = math.ceil(_SHEET / (grid(count)[1] * width))
    return max(1, min(wanted, math.isqrt(_MOST_PIXELS // (count * height * width))))


def for_model(path: Path | None, input_shape: tuple[int, ...]) -> Pixels | None:
    """Return the picture as a model takes it; None if the model is not one of pictures.

    A file for a model of grey pictures is prepared as `nnaccel predict` does.
    """
    from nnaccel.data.pictures import ImageError, read_digit, read_picture

    if len(input_shape) not in (2, 3) or math.prod(input_shape[:-2]) not in (1, 3):
        return None
    height, width = input_shape[-2:]
    grey = math.prod(input_shape[:-2]) == 1
    if grey and path is not None:
        read_picture(path)  # so that what fails below is no damage
        try:
            image, doubt = read_digit(path, (height, width))
            if doubt:
                what = "one digit, darker or lighter than its paper, is wanted"
                raise ImageError(f"{path} shows no digit on plain paper ({doubt}): {what}")
            return image
        except ImageError as error:
            raise ImageError(
                f"{error} by the model, which takes {height} × {width} grey pixels; to filter the "
                "picture itself, leave out --model"
            ) from None
    image = on_white(read(path, grey)).convert("L" if grey else "RGB")
    return np.asarray(image.resize((width, height)))


def _built_in() -> Pixels:
    """Return a part of the photograph that comes inside scikit-learn."""
    from sklearn.datasets import load_sample_image

    photograph: Pixels = load_sample_image("china.jpg")
    return np.ascontiguousarray(photograph[_PAGODA])
