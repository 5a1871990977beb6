"""Batches of an iterable, epoch by epoch."""

from __future__ import annotations

import inspect
import itertools
import operator
from collections.abc import Callable, Iterable, Iterator, Mapping, Sized
from typing import Any

from nnaccel._validate import warn_caller
from nnaccel.training.prefetch import prefetched

_MANY = 100_000  # batches in a first epoch, after which an iterable may be one that never ends
_NONE = object()


class Stream:
    """The batches of an iterable, in epochs.

    Parameters
    ----------
    batches : iterable
    steps : int, optional
        Batches in an epoch. Epochs then follow one another through the iterable, which starts
        again where it ends. By default an epoch is all of the iterable.
    ahead : int, default 0
        Batches of an epoch that a thread fetches ahead, unless they are in memory.

    Attributes
    ----------
    steps : int or None
        Batches in an epoch, if known.
    """

    def __init__(self, batches: Iterable[Any], steps: int | None = None, ahead: int = 0) -> None:
        self._batches, self._wanted = batches, steps
        self._ahead = 0 if isinstance(batches, list | tuple) else ahead
        self.steps = steps or (len(batches) if isinstance(batches, Sized) else None)
        self._is_finite = self.steps is not None
        self._under_way: Iterator[Any] = iter(())

    def epoch(self) -> Iterator[Any]:
        """Yield the batches of the next epoch.

        Raises
        ------
        ValueError
            If there are none, or fewer than wanted.

        Warns
        -----
        UserWarning
            After 100,000 batches of a first epoch of unknown length.
        """
        if self._wanted is None:
            return self._whole()
        return prefetched(self._part(self._wanted), self._ahead)

    def pass_over(self, epochs: int) -> None:
        """Leave out the batches of so many epochs, unless each is all of the iterable."""
        for _ in range(epochs if self._wanted else 0):
            for _ in self.epoch():
                pass

    def _whole(self) -> Iterator[Any]:
        number = 0
        for number, batch in enumerate(prefetched(iter(self._batches), self._ahead), 1):
            yield batch
            if number == _MANY and not self._is_finite:
                warn_caller(
                    f"{number:,} batches have passed in this epoch and the iterable goes on. If "
                    "it never ends, stop and pass steps_per_epoch, the batches in an epoch, to fit"
                )
        if not number:
            raise ValueError(
                "the iterable of batches was empty in this epoch; a generator runs only once. To "
                "fix: give a list, the generator's function without calling it, or an object whose "
                "__iter__ starts again"
            )
        self._is_finite = True

    def _part(self, steps: int) -> Iterator[Any]:
        for number in range(steps):
            batch = next(self._under_way, _NONE)
            if batch is _NONE:
                self._under_way = iter(self._batches)
                batch = next(self._under_way, _NONE)
            if batch is _NONE:
                raise ValueError(
                    f"the iterable ended after {number} of the {steps} batches of this epoch, and "
                    "does not start again. To fix: give a list, the generator's function without "
                    "calling it, or fewer epochs or steps_per_epoch"
                )
            yield batch


class _Started:
    """A generator function as an iterable that starts again."""

    def __init__(self, function: Callable[[], Iterator[Any]]) -> None:
        self._function = function

    def __iter__(self) -> Iterator[Any]:
        return self._function()


def as_iterable(batches: Any, steps: int | None) -> Iterable[Any]:
    """Return what `fit` takes in place of arrays as an iterable.

    Raises
    ------
    ValueError
        If it is none, or is known never to end while `steps` is None.
    """
    if inspect.isgeneratorfunction(batches) or inspect.isfunction(batches):
        return _Started(batches)  # a function, or a lambda, that returns a generator
    parts = batches if isinstance(batches, tuple) else (batches,)  # of several inputs
    if all(hasattr(part, "dtype") for part in parts) or not isinstance(batches, Iterable):
        raise ValueError("y is missing: give x and y, or an iterable of (x, y) batches")
    if steps is None and _never_ends(batches):
        raise ValueError(
            f"itertools.{type(batches).__name__} never ends: pass steps_per_epoch, the number of "
            "batches in an epoch, to fit, or cut it off with itertools.islice"
        )
    given: Iterable[Any] = batches
    return given


def is_stream(given: Any) -> bool:
    """Whether inputs come in batches: an iterable or a function, rather than an array or a list."""
    if inspect.isfunction(given):
        return True
    is_array = isinstance(given, list | tuple | str | bytes | Mapping) or any(
        hasattr(given, name) for name in ("__array__", "__array_interface__", "dtype", "__dlpack__")
    )
    return isinstance(given, Iterable) and not is_array


def is_stream_of_pairs(given: Any) -> bool:
    """Whether data are batches (x, y), rather than arrays (x, y) or (x, y, sample_weight).

    Raises
    ------
    ValueError
        If they are neither.
    """
    if isinstance(given, list) and given and all(isinstance(item, tuple) for item in given):
        return True
    if isinstance(given, tuple | list) and len(given) in (2, 3):
        return False
    if is_stream(given):
        return True
    raise ValueError(
        "validation_data must be arrays (x, y) or (x, y, sample_weight), or an iterable of such "
        f"batches, not a {type(given).__name__}"
    )


def _never_ends(batches: object) -> bool:
    """Whether an iterator of itertools is known never to end."""
    if isinstance(batches, itertools.repeat):
        return operator.length_hint(batches, -1) < 0  # without a hint if it was not told how often
    return isinstance(batches, itertools.cycle)
