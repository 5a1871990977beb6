"""Random changes of training images."""

from __future__ import annotations

import math
from typing import Any, Never

import numpy as np

from nnaccel._validate import Explained, check_range, constructor_arguments, whole_number
from nnaccel.backends import Array, Backend, get_backend, to_numpy
from nnaccel_kernels.augmentation import Augmentation


class Augment(Explained):
    """Random changes of images, other ones in every epoch: ``fit(..., augment=Augment(shift=2))``.

    An image's changes depend on the model's seed, the epoch and the image's row alone, or its place
    in the epoch of an iterable, so they are the same on every backend, with any number of threads,
    and after a resumed training. An image is flipped, turned and scaled about its middle, moved,
    and bent; pixels are interpolated between four others, with zeros outside. Targets stay as they
    are, so a model with a class for each pixel takes cutout alone; change its images and maps
    before training, by two calls with one seed.

    Parameters
    ----------
    shift : float, default 0
        Pixels that an image moves at most, down or up and across.
    rotate : float, default 0
        Degrees that it is turned by at most, either way.
    scale : float in [0, 1), default 0
        It becomes larger or smaller by at most this share.
    elastic : float, default 0
        Standard deviation, in pixels, of smooth random displacements. The deformation of Simard et
        al. with alpha 34 and sigma 4 is 1.4.
    smoothness : float, default 4
        Standard deviation, in pixels, of the bell that smooths displacements; 2 at least.
    flip : bool, default False
        Whether half of the images, chosen at random, are mirrored left to right.
    crop : int, default 0
        Whole pixels that an image is padded by on all sides, before one of its size is cut out.
    cutout : int, default 0
        Side of a square of zeros somewhere in the image.

    Raises
    ------
    ValueError
        If a setting is out of range.
    TypeError
        If one is given without its name.

    References
    ----------
    P. Y. Simard, D. Steinkraus and J. C. Platt, "Best practices for convolutional neural networks
    applied to visual document analysis", ICDAR 2003.

    T. DeVries and G. W. Taylor, "Improved regularization of convolutional neural networks with
    cutout", 2017.

    Examples
    --------
    >>> x = np.zeros((1, 5, 5), "float32")
    >>> x[0, 2, 2] = 1
    >>> moved = Augment(crop=1)(x, seed=2)
    >>> float(moved.sum()), bool(moved[0, 1:4, 1:4].sum() == 1)
    (1.0, True)
    """

    def __init__(
        self,
        *unnamed: Never,
        shift: float = 0.0,
        rotate: float = 0.0,
        scale: float = 0.0,
        elastic: float = 0.0,
        smoothness: float = 4.0,
        flip: bool = False,
        crop: int = 0,
        cutout: int = 0,
    ) -> None:
        if unnamed:
            raise TypeError(
                f"Augment takes its changes by name, as in Augment(shift={unnamed[0]!r})"
            )
        for name, value in (("shift", shift), ("rotate", rotate), ("elastic", elastic)):
            check_range(name, value, 0, math.inf)
        check_range("scale", scale, 0, 1)
        check_range("smoothness", smoothness, 2, math.inf)
        if not isinstance(flip, bool):
            raise ValueError(f"flip={flip!r} must be True or False")
        self.shift, self.rotate, self.scale = float(shift), float(rotate), float(scale)
        self.elastic, self.smoothness, self.flip = float(elastic), float(smoothness), flip
        self.crop = whole_number("crop", crop, least=0)
        self.cutout = whole_number("cutout", cutout, least=0)

    @property
    def moves_pixels(self) -> bool:
        """Whether a pixel may come to lie elsewhere."""
        return bool(
            self.shift or self.rotate or self.scale or self.elastic or self.flip or self.crop
        )

    def __call__(self, x: Any, *, seed: int = 0, epoch: int = 0) -> np.ndarray:
        """Return changed copies of images, as the current backend makes them.

        Parameters
        ----------
        x : array_like, shape (N, H, W) or (N, C, H, W)
            Whole numbers are taken as float32.
        seed, epoch : int, default 0
            As of the model, and of its training.

        Returns
        -------
        array, shape of x
            float64 for float64, else float32.
        """
        x = np.asarray(to_numpy(x))
        dtype = np.float64 if x.dtype == np.float64 else np.float32
        backend = get_backend()
        images = backend.asarray(np.ascontiguousarray(x, dtype))
        run = Augmenter(backend, self, x.shape[1:], seed)
        run.epoch[...] = epoch
        order = backend.asarray(np.arange(len(x)))
        changed = run(images, order, backend.xp.zeros(1, np.int64), len(x))
        return np.asarray(to_numpy(changed))

    @property
    def settings(self) -> Augmentation:
        """The settings as kernels take them."""
        return Augmentation(
            self.shift,
            math.radians(self.rotate),
            self.scale,
            self.elastic,
            self.smoothness,
            0.5 * self.flip,
            self.crop,
            self.cutout,
        )

    def __repr__(self) -> str:
        shown = (f"{k}={v!r}" for k, v in constructor_arguments(self).items())
        return f"{type(self).__name__}({', '.join(shown)})"


class Augmenter:
    """The changes of a training's images.

    Parameters
    ----------
    backend : Backend
    augment : Augment
    shape : tuple of int
        Of one image, (H, W) or (C, H, W).
    seed : int

    Attributes
    ----------
    epoch : array of one int64
        Number of the epoch, on the backend.
    """

    def __init__(
        self, backend: Backend, augment: Augment, shape: tuple[int, ...], seed: int
    ) -> None:
        if len(shape) not in (2, 3):
            raise ValueError(
                f"augment needs images (N, H, W) or (N, C, H, W), but inputs are {shape} each: "
                "reshape them, a dense layer takes images too"
            )
        self._backend, self._settings = backend, augment.settings
        self._shape = shape if len(shape) == 3 else (1, *shape)
        self._key = np.random.SeedSequence([seed, 0, 3]).generate_state(1, np.uint64)
        self.epoch = backend.xp.zeros(1, np.int64)

    def __call__(self, x: Array, order: Array, cursor: Array, batch_size: int) -> Array:
        """Return the images of a batch changed, in the shape of x; now, or on the tape."""
        changed = self._backend.empty((len(x), *self._shape), x.dtype)
        images = x.reshape(len(x), *self._shape)
        place = order, cursor, batch_size
        self._backend.kernels.augment(
            images, *place, self._key, self.epoch, self._settings, changed
        )
        return changed.reshape(x.shape)


def check_augment(augment: Any) -> None:
    """Raise a TypeError if `augment` is given and is no Augment."""
    if augment is not None and not isinstance(augment, Augment):
        raise TypeError(f"augment={augment!r} must be an Augment, such as Augment(shift=2)")
