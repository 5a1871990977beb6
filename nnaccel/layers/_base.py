"""The base class of layers: parameters, gradients, shapes, and an explicit backward pass."""

from __future__ import annotations

import contextlib
import math
from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from typing import Any, NoReturn

import numpy as np

from nnaccel._validate import (
    Explained,
    check_range,
    constructor_arguments,
    refuse_misspelt,
    require_printable,
)
from nnaccel.backends import Array
from nnaccel.layers import constraints, initializers, penalties
from nnaccel.layers.constraints import Constraint
from nnaccel.layers.initializers import Initializer
from nnaccel.layers.penalties import Penalty

__all__ = ["Backward", "Layer", "Shape"]

_STORES = "params", "grads", "state"
#: Attributes, with their defaults, that are set after construction and kept in files and copies.
SWITCHES: dict[str, Any] = {"trainable": True, "learning_rate_factor": 1.0, "weight_decay": True}
_SPELT = "trainable", "learning_rate_factor"  # near misses are no other attributes

#: Attributes that may be set by a name too.
_READ: dict[str, Callable[[Any], Any]] = {"penalty": penalties.get, "constraint": constraints.get}

Shape = tuple[int, ...]
Backward = Callable[[Array, bool], Any]  # (dy, input_gradient) -> dx


class Layer(Explained, ABC):
    """A function with parameters, whose forward pass returns its own backward pass.

    A subclass defines `infer_shape` and `forward`, and `parameter_specs` if it has parameters.
    Parameters, gradients and state are views into the model's flat buffers: write to them in
    place, never replace them.

    Attributes
    ----------
    name : str
        Unique within a model.
    params, grads : dict of str to array
        Parameters and their gradients, by name; empty before `build`.
    state : dict of str to array
        Arrays without gradients that training changes, such as running means; saved, moved and
        restored with `params`.
    input_shape, output_shape : tuple of int
        Without the batch axis; set by `build`.
    trainable : bool
        Whether training changes the parameters; False freezes them: no gradient, no update, no
        decay, and no backward pass below the lowest layer that is trainable.
    learning_rate_factor : float
        The optimiser's learning rate is multiplied by it, for this layer's parameters; 1 unless
        set.
    weight_decay : bool
        Whether the optimiser's weight decay is for this layer. It is for parameters of two axes or
        more, so for no bias, and for none of normalisation layers.
    first_row : int
        Which row of the whole batch the first row of x is; 0 unless a batch is divided. Random
        numbers that are drawn by the row of the whole batch do not depend on how it is.
    sum_over_ranks : callable or None
        Sums an array over the ranks in place, while a training of several is recorded.
    times_changed : int
        How often an attribute was set: what was recorded before holds no more.
    kernel_names : tuple of str
        Kernel of the forward and of the backward pass, for `explain`; empty if there is none.
    """

    _trainable = True
    _learning_rate_factor = 1.0
    weight_decay = True
    _views: dict[str, dict[str, Array]] | None = None  # of the flat buffers, in a built model
    _branches: Sequence[Sequence[Layer]] = ()  # chains of layers inside, of a `Composite`
    _has_written = False  # its gradients, at least once
    times_changed = 0
    first_row = 0
    sum_over_ranks: Callable[[Array], None] | None = None
    activation = "linear"  # applied last in `forward`, unless `activate` is False
    kernel_names: tuple[str, ...] = ()

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        for name, value in list(vars(cls).items()):
            if isinstance(value, bool):
                refuse_misspelt(cls.__mro__[1], name, _SPELT)
        if isinstance(vars(cls).get("trainable"), bool):  # it would hide the property
            cls._trainable = vars(cls)["trainable"]
            del cls.trainable

    def __init__(self, name: str | None = None) -> None:
        self.name = name or type(self).__name__.lower()
        require_printable(self.name)
        self.penalty, self.constraint = Penalty(), Constraint()
        self.params: dict[str, Array] = {}
        self.grads: dict[str, Array] = {}
        self.state: dict[str, Array] = {}
        self.input_shape: Shape = ()
        self.output_shape: Shape = ()
        self.built = False

    @property
    def trainable(self) -> bool:
        """Whether training changes the parameters."""
        return self._trainable

    @trainable.setter
    def trainable(self, value: bool) -> None:
        if not isinstance(value, bool | np.bool_):
            raise TypeError(f"trainable={value!r} must be True or False")
        self._trainable = bool(value)
        if not value:
            self.clear_gradients()

    @property
    def learning_rate_factor(self) -> float:
        """What the learning rate is multiplied by."""
        return self._learning_rate_factor

    @learning_rate_factor.setter
    def learning_rate_factor(self, value: float) -> None:
        check_range("learning_rate_factor", value, 0, math.inf)
        self._learning_rate_factor = float(value)

    def decays(self, name: str) -> bool:
        """Whether weight decay is for the parameter of this name."""
        return self.weight_decay and self.params[name].ndim > 1

    def unit_weights(self) -> Array:
        """Return `w` as (groups, inputs, units, taps), a view, for constraints."""
        raise NotImplementedError(f"{type(self).__name__} has no constraint")

    def __setattr__(self, name: str, value: Any) -> None:
        refuse_misspelt(type(self), name, _SPELT)
        if name == "weight_decay" and not isinstance(value, bool):
            raise TypeError(
                f"weight_decay={value!r} must be True or False: how strong it is, is the "
                "optimizer's, as in AdamW(weight_decay=0.01)"
            )
        if name in _READ:
            value = _READ[name](value)
        super().__setattr__(name, value)
        if name not in ("trainable", "_trainable"):
            vars(self)["times_changed"] = self.times_changed + 1

    def parameter_specs(self, input_shape: Shape) -> dict[str, tuple[Shape, Initializer]]:
        """Return shape and initialiser of each parameter, as in ``{"w": ((3, 2), "ones")}``.

        An initialiser is a name, or a function of a shape and a generator.
        """
        return {}

    def state_specs(self, input_shape: Shape) -> dict[str, tuple[Shape, Initializer]]:
        """Return shape and initialiser of each array of `state`; names differ from parameters'."""
        return {}

    @abstractmethod
    def infer_shape(self, input_shape: Shape) -> Shape:
        """Return the output shape, without the batch axis; ValueError if the input does not fit."""

    @abstractmethod
    def forward(
        self, x: Array, training: bool = False, activate: bool = True
    ) -> tuple[Array, Backward]:
        """Return the output and the backward pass.

        Parameters
        ----------
        x : array, shape (N, ...)
            A batch, not to be changed in place. In mixed precision it has 16 bits before the last
            layer with parameters; parameters and their gradients are float32.
        training : bool
            Whether this is a training step.
        activate : bool
            False leaves the final activation to the loss, which is more accurate and faster.

        Returns
        -------
        y : array, shape (N, ...)
        backward : callable
            ``backward(dy, input_gradient)`` writes `grads` and returns dx, or None where
            `input_gradient` is False. It must not change dy, which another branch may take too.
        """

    def __call__(self, *args: Any, **kwargs: Any) -> NoReturn:
        """Raise a TypeError: a layer is listed, not called."""
        kind = type(self).__name__
        raise TypeError(
            f"a layer is not called here, it is listed. To fix: put it in a model, as in "
            f"Sequential([…, {kind}(…)]), and call that; a layer alone has build and forward"
        )

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments, as JSON values.

        Layers are saved and copied by it. As it stands it takes each argument from the attribute of
        that name, so override it where an argument is kept otherwise.
        """
        return constructor_arguments(self)

    def build(self, input_shape: Shape, seed: Any = None, dtype: Any = np.float32) -> None:
        """Set the shapes and create the parameters, on the host.

        Parameters
        ----------
        input_shape : tuple of int
            Without the batch axis.
        seed : int or sequence of int, optional
            For the initialisers.
        dtype : dtype, default float32
            float32 or float64.
        """
        self.output_shape = self.infer_shape(input_shape)
        self.input_shape = input_shape
        rng = np.random.default_rng(seed)
        for name, (shape, initializer) in self.parameter_specs(input_shape).items():
            self.params[name] = np.ascontiguousarray(_initial(initializer, shape, rng), dtype)
            self.grads[name] = np.zeros(shape, dtype)
        for name, (shape, initializer) in self.state_specs(input_shape).items():
            self.state[name] = np.ascontiguousarray(_initial(initializer, shape, rng), dtype)
        self.built = True

    def bind(self, key: np.ndarray, step: np.ndarray) -> None:
        """Set the layer's random key and the model's step counter, for layers with random masks."""

    def clear_gradients(self) -> None:
        """Set all gradients to zero, as those of a frozen layer are."""
        for gradient in vars(self).get("grads", {}).values():  # none before `Layer.__init__`
            gradient[...] = 0

    def keep_views(self) -> None:
        """Remember the arrays of now: views into the flat buffers."""
        vars(self)["_views"] = {store: dict(getattr(self, store)) for store in _STORES}

    def restore_views(self) -> str | None:
        """Take the arrays of `keep_views` again.

        Returns
        -------
        str or None
            One that was replaced since, such as "params['w']"; None if there is none.
        """
        for store, views in (self._views or {}).items():
            arrays = getattr(self, store)
            for name in (*views, *arrays):
                if arrays.get(name) is not views.get(name):
                    setattr(self, store, dict(views))
                    return f"{store}[{name!r}]"
        return None

    @property
    def arrays(self) -> dict[str, Array]:
        """The arrays to save: `params` and `state`."""
        return {**self.params, **self.state}

    @property
    def count_params(self) -> int:
        """Number of parameters."""
        return sum(int(a.size) for a in self.params.values())

    def __repr__(self) -> str:
        settings: dict[str, Any] = {}
        with contextlib.suppress(TypeError):  # a user's, whose arguments have other names
            settings = self.config()
        inside = ", ".join(f"{k}={v!r}" for k, v in settings.items() if k != "name")
        return f"{type(self).__name__}({inside})"


def _initial(initializer: Any, shape: Shape, rng: np.random.Generator) -> np.ndarray:
    """Return the first values of a parameter."""
    start = initializers.get(initializer) if isinstance(initializer, str) else initializer
    return np.asarray(start(shape, rng))
