"""Initial values of parameters, in float64 on the host: the same on every backend."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from numbers import Real
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray

from nnaccel._validate import unknown_name

Shape = tuple[int, ...]
Floats = NDArray[np.float64]

MODES = ("fan_in", "fan_out", "fan_avg")
DISTRIBUTIONS = ("truncated_normal", "normal", "uniform")

#: Standard deviation of a standard Gaussian truncated at two standard deviations.
_TRUNCATED_STDDEV = 0.87962566103423978


class Initializer(ABC):
    """A rule for the initial values of a parameter; a frozen dataclass, so equal rules are ==."""

    kind: ClassVar[str]

    @abstractmethod
    def __call__(self, shape: Shape, rng: np.random.Generator) -> Floats:
        """Return the initial values of a parameter.

        Parameters
        ----------
        shape : tuple of int
            (in, out) for a dense layer, (K, C/groups, R, S) for a convolution.
        rng : numpy.random.Generator
            Source of random numbers.

        Returns
        -------
        array, shape `shape`, float64
        """

    @property
    def name(self) -> str:
        """Name in `NAMED`; the kind of a rule with other settings."""
        return next((name for name, rule in NAMED.items() if rule == self), self.kind)

    def config(self) -> dict[str, Any]:
        """Return the name, and unless it is in `NAMED` the settings, as JSON values."""
        return {"name": self.name} | ({} if NAMED.get(self.name) == self else self._settings())

    def _settings(self) -> dict[str, Any]:
        """Return the fields of the dataclass."""
        return asdict(self)  # type: ignore[call-overload, no-any-return]


@dataclass(frozen=True)
class Constant(Initializer):
    """Constant `value`.

    Examples
    --------
    >>> Constant(0.5)((2,), np.random.default_rng(0))
    array([0.5, 0.5])
    """

    kind = "constant"
    value: float = 0.0

    def __post_init__(self) -> None:
        if not (isinstance(self.value, Real) and math.isfinite(self.value)):
            raise ValueError(f"value={self.value!r} must be a finite number")

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Floats:
        """Return values of `shape`."""
        return np.full(shape, self.value, np.float64)


@dataclass(frozen=True)
class Normal(Initializer):
    """Gaussian with mean 0 and standard deviation `stddev`.

    Examples
    --------
    >>> Normal(stddev=2.0)((3,), np.random.default_rng(0)).round(2)
    array([ 0.25, -0.26,  1.28])
    """

    kind = "normal"
    stddev: float = 0.05

    def __post_init__(self) -> None:
        _check_positive("stddev", self.stddev)

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Floats:
        """Return values of `shape`."""
        return self.stddev * rng.standard_normal(shape)


@dataclass(frozen=True)
class Uniform(Initializer):
    """Uniform between ``-limit`` and `limit`.

    Examples
    --------
    >>> Uniform(limit=1.0)((3,), np.random.default_rng(0)).round(2)
    array([ 0.27, -0.46, -0.92])
    """

    kind = "uniform"
    limit: float = 0.05

    def __post_init__(self) -> None:
        _check_positive("limit", self.limit)

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Floats:
        """Return values of `shape`."""
        return rng.uniform(-self.limit, self.limit, shape)


@dataclass(frozen=True)
class VarianceScaling(Initializer):
    """Random with mean 0 and variance ``scale / n``, where n counts the connections of a unit.

    The rules of LeCun, Glorot and He, and 'tutorial', have this form.

    Parameters
    ----------
    scale : float, default 1
        Above 0.
    mode : {'fan_in', 'fan_out', 'fan_avg'}
        n: the inputs of a unit, its outputs, or their mean.
    distribution : {'truncated_normal', 'normal', 'uniform'}
        'truncated_normal' redraws values beyond two standard deviations, and widens the Gaussian to
        keep the variance ``scale / n``. As in Keras, 'lecun_normal', 'glorot_normal' and
        'he_normal' are truncated.

    Raises
    ------
    ValueError
        If `scale` is not positive, or `mode` or `distribution` is unknown.

    References
    ----------
    LeCun, Bottou, Orr and Müller, "Efficient BackProp", 1998.
    Glorot and Bengio, "Understanding the difficulty of training deep feedforward neural networks",
    AISTATS 2010.
    He, Zhang, Ren and Sun, "Delving deep into rectifiers", ICCV 2015.

    Examples
    --------
    >>> w = VarianceScaling(2.0, "fan_in")((784, 100), np.random.default_rng(0))
    >>> bool(abs(w.var() - 2 / 784) < 1e-4), bool(abs(w).max() < 2 * (2 / 784) ** 0.5 / 0.879)
    (True, True)
    """

    kind = "variance_scaling"
    scale: float = 1.0
    mode: str = "fan_in"
    distribution: str = "truncated_normal"

    def __post_init__(self) -> None:
        _check_positive("scale", self.scale)
        if self.mode not in MODES:
            raise ValueError(unknown_name("mode", self.mode, MODES))
        if self.distribution not in DISTRIBUTIONS:
            raise ValueError(unknown_name("distribution", self.distribution, DISTRIBUTIONS))

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Floats:
        """Return values of `shape`."""
        fan_in, fan_out = fans(shape)
        n = {"fan_in": fan_in, "fan_out": fan_out, "fan_avg": (fan_in + fan_out) / 2}[self.mode]
        stddev = math.sqrt(self.scale / max(n, 1))
        if self.distribution == "uniform":
            limit = math.sqrt(3) * stddev
            return rng.uniform(-limit, limit, shape)
        if self.distribution == "normal":
            return stddev * rng.standard_normal(shape)
        return stddev / _TRUNCATED_STDDEV * _truncated_normal(shape, rng)


@dataclass(frozen=True)
class Orthogonal(Initializer):
    """Orthonormal rows or columns, whichever are fewer, times `gain`.

    Weights of a convolution (K, C/groups, R, S) count as a matrix with K rows.

    References
    ----------
    Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks", arXiv:1312.6120, 2013.

    Examples
    --------
    >>> w = Orthogonal()((5, 3), np.random.default_rng(0))
    >>> np.allclose(w.T @ w, np.eye(3))
    True
    """

    kind = "orthogonal"
    gain: float = 1.0

    def __post_init__(self) -> None:
        _check_positive("gain", self.gain)

    def __call__(self, shape: Shape, rng: np.random.Generator) -> Floats:
        """Return values of `shape`; ValueError if it has fewer than two axes."""
        if len(shape) < 2:
            raise ValueError(f"'orthogonal' is for weights of two or more axes, not shape {shape}")
        rows, cols = shape[0], math.prod(shape[1:])
        q, r = np.linalg.qr(rng.standard_normal((max(rows, cols), min(rows, cols))))
        q *= np.where(np.diag(r) < 0, -1, 1)  # makes q uniform among orthogonal matrices
        return np.ascontiguousarray(self.gain * (q if rows >= cols else q.T)).reshape(shape)


def fans(shape: Shape) -> tuple[int, int]:
    """Return fan_in and fan_out: the numbers of inputs and outputs connected to a unit.

    Parameters
    ----------
    shape : tuple of int
        (in, out) of a dense layer, or (K, C/groups, R, S) of a convolution.

    Returns
    -------
    fan_in, fan_out : int
        in and out; for a convolution C/groups*R*S and K*R*S.

    Examples
    --------
    >>> fans((784, 100)), fans((20, 1, 5, 5))
    ((784, 100), (25, 500))
    """
    if len(shape) < 2:
        return math.prod(shape), math.prod(shape)
    if len(shape) == 2:
        return shape
    return math.prod(shape[1:]), shape[0] * math.prod(shape[2:])


def _truncated_normal(shape: Shape, rng: np.random.Generator) -> Floats:
    """Standard Gaussian values; those beyond ±2 are redrawn."""
    z = rng.standard_normal(shape)
    while (outside := np.abs(z) > 2).any():
        z[outside] = rng.standard_normal(np.count_nonzero(outside))
    return z


def _check_positive(name: str, value: object) -> None:
    """Raise a ValueError unless `value` is a finite number above 0."""
    if not (isinstance(value, Real) and 0 < float(value) < math.inf):
        raise ValueError(f"{name}={value!r} must be a finite number above 0")


#: Initialisers by name.
NAMED: dict[str, Initializer] = {
    "zeros": Constant(0.0),
    "ones": Constant(1.0),
    "normal": Normal(),
    "uniform": Uniform(),
    "tutorial": VarianceScaling(1.0, "fan_in", "normal"),
    "lecun_normal": VarianceScaling(1.0, "fan_in", "truncated_normal"),
    "lecun_uniform": VarianceScaling(1.0, "fan_in", "uniform"),
    "glorot_normal": VarianceScaling(1.0, "fan_avg", "truncated_normal"),
    "glorot_uniform": VarianceScaling(1.0, "fan_avg", "uniform"),
    "he_normal": VarianceScaling(2.0, "fan_in", "truncated_normal"),
    "he_uniform": VarianceScaling(2.0, "fan_in", "uniform"),
    "orthogonal": Orthogonal(),
}
_KINDS = {rule.kind: rule for rule in (Constant(), Normal(), Uniform(), VarianceScaling())}


def get(initializer: str | Initializer | Mapping[str, Any]) -> Initializer:
    """Return an initialiser from its name or its configuration, or the object itself.

    Parameters
    ----------
    initializer : str, Initializer or dict
        A key of `NAMED`, such as 'zeros', 'he_normal' or 'tutorial' (a standard Gaussian divided by
        the root of fan_in); an object such as ``Normal(0.1)``; or the result of its `config`.

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If the name or a setting is unknown.
    TypeError
        If it is none of these.

    Examples
    --------
    >>> get("glorot_uniform")((784, 10), np.random.default_rng(0)).shape
    (784, 10)
    >>> get(Normal(0.1).config()) == Normal(0.1)
    True
    """
    if isinstance(initializer, Initializer):
        return initializer
    if isinstance(initializer, Mapping):
        return from_config(initializer)
    if not isinstance(initializer, str):
        kind = type(initializer).__name__
        raise TypeError(f"initializer must be a name, an Initializer or its config, not {kind}")
    if initializer not in NAMED:
        raise ValueError(unknown_name("initializer", initializer, tuple(NAMED)))
    return NAMED[initializer]


def from_config(config: Mapping[str, Any]) -> Initializer:
    """Return the initialiser described by `Initializer.config`.

    Parameters
    ----------
    config : dict
        A name, and settings that differ from those of the named rule.

    Returns
    -------
    Initializer

    Raises
    ------
    ValueError
        If the name or a setting is unknown.

    Examples
    --------
    >>> from_config({"name": "orthogonal", "gain": 2.0})
    Orthogonal(gain=2.0)
    """
    rules = _KINDS | NAMED
    settings = dict(config)
    name = settings.pop("name", None)
    if not isinstance(name, str) or name not in rules:
        raise ValueError(unknown_name("initializer", name, tuple(rules)))
    try:
        return replace(rules[name], **settings)  # type: ignore[type-var]
    except TypeError:
        known = ", ".join(rules[name]._settings())
        raise ValueError(f"initializer {name!r} takes {known}; got {', '.join(settings)}") from None
