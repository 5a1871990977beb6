"""The base classes of metrics: a number over the rows of an epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any

from nnaccel._validate import Explained, constructor_arguments
from nnaccel.backends import Array, Backend, backend_of, is_kernels_only


class Metric(Explained, ABC):
    """A number over all rows of an epoch, updated batch by batch.

    A metric of your own is a class with these three methods, or a plain function
    ``f(outputs, targets)`` that returns a value for each row, whose mean is reported.

    Attributes
    ----------
    name : str
        Name in reports and files.
    """

    name: str = ""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        cls.name = vars(cls).get("name") or cls.__name__

    @abstractmethod
    def reset(self) -> None:
        """Forget all rows."""

    @abstractmethod
    def update(self, outputs: Array, targets: Array) -> None:
        """Add the rows of a batch.

        Parameters
        ----------
        outputs, targets : array, shape (N, units)
            The model's outputs, with its last activation, and the true values.
        """

    @abstractmethod
    def result(self) -> float:
        """Return the metric over all rows since `reset`."""

    def config(self) -> dict[str, Any]:
        """Return the constructor's arguments."""
        return constructor_arguments(self)

    def __eq__(self, other: object) -> bool:
        return type(other) is type(self) and self.name == getattr(other, "name", None)

    def __hash__(self) -> int:
        return hash(self.name)


class CountingMetric(Metric):
    """A share of rows, counted by a kernel."""

    needs_probabilities = False  # whether logits of a softmax must be activated first

    @property
    def only_counts(self) -> bool:
        """Whether `count` says it all, and is a kernel: a subclass may override any method."""
        kind = type(self)
        ours = (kind.reset, kind.update, kind.result)
        base = (CountingMetric.reset, CountingMetric.update, CountingMetric.result)
        return ours == base and is_kernels_only(self.count)

    def __init__(self) -> None:
        self._total: Array = None
        self._rows = 0

    @abstractmethod
    def count(
        self, backend: Backend, outputs: Array, targets: Array, logits: bool, total: Array
    ) -> None:
        """Add the count of a batch to ``total[0]``, of float64.

        `logits` is True if outputs are logits, without the last sigmoid or softmax. Mark it
        `kernels_only` if it does no more than call kernels.
        """

    def reset(self) -> None:
        """As `Metric.reset`."""
        self._total, self._rows = None, 0

    def update(self, outputs: Array, targets: Array) -> None:
        """As `Metric.update`."""
        backend = backend_of(outputs, targets)
        if self._total is None:
            self._total = backend.xp.zeros(1)
        self.count(backend, outputs, targets, False, self._total)
        self._rows += len(outputs)

    def result(self) -> float:
        """As `Metric.result`."""
        return float(self._total[0]) / self._rows if self._rows else 0.0


class FunctionMetric(Metric):
    """A user's function as a metric: the mean of its values over rows."""

    def __init__(self, function: Callable[[Array, Array], Array]) -> None:
        self.function = function
        self.name = getattr(function, "__name__", type(function).__name__)
        self.reset()

    def reset(self) -> None:
        """As `Metric.reset`."""
        self._total, self._rows = 0.0, 0

    def update(self, outputs: Array, targets: Array) -> None:
        """As `Metric.update`."""
        values = self.function(outputs, targets)
        shape = getattr(values, "shape", type(values).__name__)
        if shape != (len(outputs),):
            raise ValueError(
                f"metric {self.name!r} returned {shape}; expected a value for each of "
                f"{len(outputs)} rows. To fix: return those, or write a class with reset, update "
                "and result"
            )
        self._total += float(values.sum(dtype="float64"))
        self._rows += len(outputs)

    def result(self) -> float:
        """As `Metric.result`."""
        return self._total / self._rows if self._rows else 0.0
