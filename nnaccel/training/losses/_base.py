"""The base classes of losses: a number for each row, and its gradient."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import Any, ClassVar, Literal

from nnaccel._validate import Explained, constructor_arguments
from nnaccel.backends import Array, Backend, backend_of, is_kernels_only

Rows = tuple[Array, Array]  # losses (N,) and gradients (N, units)
TINY = 1e-7  # how far from 0 losses keep what they divide by, or take the logarithm of


class Loss(Explained, ABC):
    """A loss that a model can be compiled with.

    A loss of your own is a class with `__call__`, whose constructor stores its arguments under
    their names, or a plain function ``f(outputs, targets)`` that returns the same.

    Attributes
    ----------
    name : str
        Name in reports and files.
    takes : {'numbers', 'counts', 'probabilities', 'classes'}
        Valid targets: any numbers, numbers of at least 0, within 0 and 1, or one class a row.
    last_activation : str
        Activation that the model should end with; empty where any will do. Where it gives
        probabilities or positive numbers, one that does not is refused.
    fused_activation : str
        Last activation that the loss can be fused with, and then computed from the logits.
    from_logits : bool
        Whether the model ends linearly, so that its outputs are logits; metrics are then given
        the `last_activation` of them.
    """

    name: str = ""
    takes: ClassVar[Literal["numbers", "counts", "probabilities", "classes"]] = "numbers"
    last_activation: ClassVar[str] = ""
    fused_activation: ClassVar[str] = ""
    from_logits: bool = False

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.name = vars(cls).get("name") or cls.__name__

    @abstractmethod
    def __call__(self, outputs: Array, targets: Array) -> Rows:
        """Return the loss of each row, and its gradient.

        Parameters
        ----------
        outputs, targets : array, shape (N, units)

        Returns
        -------
        losses : array, shape (N,)
        gradients : array, shape (N, units)
            Row i is the derivative of ``losses[i]`` by ``outputs[i]``.
        """

    def mean_gradient(
        self, backend: Backend, outputs: Array, targets: Array, fused: bool = False
    ) -> Rows:
        """Return the loss of each row, and the gradient of their mean; computed or recorded.

        Parameters
        ----------
        backend : Backend
        outputs, targets : array, shape (N, units)
        fused : bool, default False
            Whether outputs are logits, without `fused_activation`.
        """
        losses = backend.empty(len(outputs), outputs.dtype)
        gradient = backend.empty(outputs.shape, outputs.dtype)

        def run() -> None:
            # Copies: metrics and backward passes read these too, unchanged.
            found = self(outputs.copy(), targets.copy())
            losses[...], gradient[...] = self._checked(found, outputs.shape)
            gradient[...] /= max(1, len(outputs))

        backend.host(run)
        return losses, gradient

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return constructor_arguments(self)

    def _checked(self, found: Any, shape: tuple[int, ...]) -> Rows:
        """Return the result of `__call__`; ValueError if its shapes are wrong."""
        shapes = (
            [getattr(a, "shape", None) for a in found] if isinstance(found, tuple | list) else []
        )
        if shapes != [shape[:1], shape]:
            got = f"shapes {shapes}" if shapes else type(found).__name__
            raise ValueError(
                f"loss {self.name!r} returned {got}; expected losses of shape {shape[:1]} and "
                f"gradients of shape {shape}"
            )
        return found[0], found[1]

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and vars(other) == vars(self)

    def __hash__(self) -> int:
        return hash(self.name)

    def __repr__(self) -> str:
        inside = ", ".join(f"{k}={v!r}" for k, v in self.config().items())
        return f"{type(self).__name__}({inside})"


class KernelLoss(Loss):
    """A loss that kernels compute."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if "__call__" in vars(cls):  # overrides the kernel, and takes probabilities
            cls.mean_gradient = Loss.mean_gradient  # type: ignore[method-assign]
            cls.fused_activation = vars(cls).get("fused_activation", "")

    @abstractmethod
    def fill(
        self,
        kernels: Any,
        outputs: Array,
        targets: Array,
        fused: bool,
        losses: Array,
        gradient: Array,
    ) -> None:
        """Fill `losses`, and `gradient` with the gradient of their mean.

        Mark it `kernels_only` if it does no more than call kernels.
        """

    def __call__(self, outputs: Array, targets: Array) -> Rows:
        """As `Loss.__call__`."""
        backend = backend_of(outputs, targets)
        losses, gradient = KernelLoss.mean_gradient(self, backend, outputs, targets)
        return losses, gradient * len(outputs)

    def mean_gradient(
        self, backend: Backend, outputs: Array, targets: Array, fused: bool = False
    ) -> Rows:
        """As `Loss.mean_gradient`."""
        losses = backend.empty(len(outputs), outputs.dtype)
        gradient = backend.empty(outputs.shape, outputs.dtype)
        fill = partial(self.fill, backend.kernels, outputs, targets, fused, losses, gradient)
        if is_kernels_only(self.fill):
            fill()
        else:
            backend.host(fill)
        return losses, gradient


class FunctionLoss(Loss):
    """A user's function as a loss."""

    def __init__(self, function: Callable[[Array, Array], Rows]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)

    def __call__(self, outputs: Array, targets: Array) -> Rows:
        """As `Loss.__call__`."""
        return self.function(outputs, targets)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.name})"
