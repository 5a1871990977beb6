"""Sizes of convolutions, a notation for them, and named ones for the benchmarks."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from nnaccel._validate import unknown_name
from nnaccel_kernels.window import Window

EXAMPLE = "64x32x28x28-k64-3x3-s1-p1"
_LETTERS = {"k": "filters", "s": "stride", "p": "padding", "d": "dilation", "g": "groups"}


@dataclass(frozen=True)
class ConvShape:
    """Sizes of a convolution; only the image and the kernel may differ in height and width.

    Attributes
    ----------
    image : (N, C, H, W)
        Shape of the input batch.
    filters : int
        Output channels, K.
    kernel_size : (R, S)
        Taps down and across.
    stride, padding, dilation, groups : int
        As in `nnaccel.ops.conv2d`.
    """

    image: tuple[int, int, int, int]
    filters: int
    kernel_size: tuple[int, int]
    stride: int = 1
    padding: int = 0
    dilation: int = 1
    groups: int = 1

    def __post_init__(self) -> None:
        counts = (*self.image, self.filters, *self.kernel_size, self.stride, self.dilation)
        if min(*counts, self.groups) < 1:
            raise ValueError(f"{self}: all but the padding must be at least 1")
        for name, channels in (("C", self.image[1]), ("k", self.filters)):
            if channels % self.groups:
                raise ValueError(f"{self}: {name}={channels} does not divide into g{self.groups}")
        if min(self.output_size) < 1:
            raise ValueError(f"{self}: the taps reach over more than the image with its padding")

    @property
    def batch_size(self) -> int:
        """Images in the batch."""
        return self.image[0]

    @property
    def output_size(self) -> tuple[int, int]:
        """Rows and columns of an output channel."""
        twice = (self.stride,) * 2, (self.padding,) * 4, (self.dilation,) * 2
        return Window(self.kernel_size, *twice).output_size(*self.image[2:])

    @property
    def output_shape(self) -> tuple[int, int, int, int]:
        """(N, K, OH, OW)."""
        return (self.batch_size, self.filters, *self.output_size)

    @property
    def weight_shape(self) -> tuple[int, int, int, int]:
        """(K, C / groups, R, S)."""
        return (self.filters, self.image[1] // self.groups, *self.kernel_size)

    @property
    def flops(self) -> int:
        """Floating-point operations by the definition: two for each tap of each output."""
        (n, k, rows, columns), (_, c, r, s) = self.output_shape, self.weight_shape
        return 2 * n * k * rows * columns * c * r * s

    def __str__(self) -> str:
        """The notation that `parse` reads."""
        parts = ["x".join(map(str, self.image)), f"k{self.filters}"]
        parts += ["x".join(map(str, self.kernel_size)), f"s{self.stride}", f"p{self.padding}"]
        parts += [f"d{self.dilation}"] * (self.dilation != 1) + [f"g{self.groups}"] * (
            self.groups != 1
        )
        return "-".join(parts)


SHAPES = {
    "mnist1": ConvShape((64, 1, 28, 28), 32, (3, 3), padding=1),
    "mnist2": ConvShape((64, 32, 28, 28), 64, (3, 3), padding=1),
    "resnet56": ConvShape((32, 64, 56, 56), 64, (3, 3), padding=1),
    "resnet28": ConvShape((32, 128, 28, 28), 128, (3, 3), padding=1),
    "resnet14": ConvShape((32, 256, 14, 14), 256, (3, 3), padding=1),
    "stem": ConvShape((16, 3, 224, 224), 64, (7, 7), stride=2, padding=3),
    "expand": ConvShape((32, 64, 56, 56), 256, (1, 1)),
    "lenet2": ConvShape((64, 20, 12, 12), 50, (5, 5)),
}
GROUPS = {
    "all": tuple(SHAPES),
    "small": ("mnist1", "mnist2", "lenet2"),
    "resnet": ("resnet56", "resnet28", "resnet14", "stem", "expand"),
}


def parse(text: str) -> ConvShape:
    """Read the notation of a convolution.

    Parameters
    ----------
    text : str
        ``NxCxHxW-kK-RxS``, then in any order ``sN`` (stride, 1 by default), ``pN`` (padding, 0),
        ``dN`` (dilation, 1) and ``gN`` (groups, 1).

    Returns
    -------
    ConvShape

    Raises
    ------
    ValueError
        If the text has another form, or the sizes are impossible; the message shows an example.

    Examples
    --------
    >>> parse("64x32x28x28-k64-3x3-p1").output_shape
    (64, 64, 28, 28)
    """
    image, *rest = text.strip().lower().split("-")
    settings: dict[str, int] = {}
    kernel_size: tuple[int, ...] = ()
    for part in rest:
        lettered = re.fullmatch(r"([kspdg])([0-9]+)", part, re.ASCII)
        if lettered and _LETTERS[lettered[1]] not in settings:
            settings[_LETTERS[lettered[1]]] = int(lettered[2])
        elif not lettered and not kernel_size and _sizes(part, 2):
            kernel_size = _sizes(part, 2)
        else:
            raise ValueError(_complaint(text, f"{part!r} is not expected there"))
    if not _sizes(image, 4):
        raise ValueError(_complaint(text, f"{image!r} is not NxCxHxW"))
    if "filters" not in settings or not kernel_size:
        missing = "RxS, the taps" if "filters" in settings else "kN, the number of filters"
        raise ValueError(_complaint(text, f"{missing}, is missing"))
    n, c, h, w = _sizes(image, 4)
    return ConvShape((n, c, h, w), kernel_size=(kernel_size[0], kernel_size[1]), **settings)


def expand_shapes(texts: Iterable[str]) -> list[ConvShape]:
    """Turn names, groups and notations into convolutions, in order, without duplicates.

    Parameters
    ----------
    texts : iterable of str
        Names in `SHAPES` or `GROUPS`, or notations for `parse`.

    Returns
    -------
    list of ConvShape

    Raises
    ------
    ValueError
        For anything else; the message lists the names or shows the notation.

    Examples
    --------
    >>> [str(shape) for shape in expand_shapes(["lenet2", "1x1x8x8-k4-3x3"])]
    ['64x20x12x12-k50-5x5-s1-p0', '1x1x8x8-k4-3x3-s1-p0']
    """
    shapes: dict[ConvShape, None] = {}
    for text in texts:
        name = text.strip().lower()
        if name in GROUPS:
            shapes.update(dict.fromkeys(SHAPES[member] for member in GROUPS[name]))
        elif name in SHAPES:
            shapes[SHAPES[name]] = None
        elif "-" in name or name[:1].isdigit():
            shapes[parse(name)] = None
        else:
            choices = (*SHAPES, *GROUPS)
            raise ValueError(f"{unknown_name('shape', text, choices)} Or describe one: {EXAMPLE}.")
    return list(shapes)


def _sizes(text: str, count: int) -> tuple[int, ...]:
    """Return `count` integers separated by x, or () if the text has another form."""
    return tuple(map(int, text.split("x"))) if re.fullmatch(_numbers(count), text) else ()


def _numbers(count: int) -> str:
    return "x".join(["[0-9]+"] * count)


def _complaint(text: str, why: str) -> str:
    return f"{text!r} describes no convolution: {why}; write it like {EXAMPLE}"
