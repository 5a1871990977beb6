"""Pictures of a digit, drawn or photographed, made to look as the images of MNIST do."""

from nnaccel.data.pictures.digit import Digit, load_image, read_digit
from nnaccel.data.pictures.reading import MAX_PIXELS, ImageError, read_picture

__all__ = [
    "MAX_PIXELS",
    "Digit",
    "ImageError",
    "load_image",
    "read_digit",
    "read_picture",
]
