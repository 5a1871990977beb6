"""Curves for TensorBoard."""

from __future__ import annotations

from importlib import import_module
from numbers import Real
from pathlib import Path
from typing import Any

from nnaccel.training.callbacks._base import Callback, Logs

__all__ = ["TensorBoard"]


class TensorBoard(Callback):
    """Writes losses, metrics and the learning rate of each epoch for TensorBoard.

    Training's and validation's curves share a chart: ``loss/training`` and ``loss/validation``.

    Parameters
    ----------
    folder : path
        Folder of this training; charts compare the folders beside it.

    Raises
    ------
    RuntimeError
        When training begins, if tensorboardX is not installed.

    Examples
    --------
    >>> callback = TensorBoard("runs/first")
    """

    first_rank_only = True

    def __init__(self, folder: str | Path) -> None:
        self.folder = Path(folder)
        self._writer: Any = None

    def on_train_begin(self, logs: Logs) -> None:
        """Open the file."""
        try:
            writer = import_module("tensorboardX").SummaryWriter
        except ImportError as error:
            raise RuntimeError(
                "TensorBoard needs tensorboardX: pip install tensorboardX"
            ) from error
        self._writer = writer(str(self.folder))

    def on_epoch_end(self, epoch: int, logs: Logs) -> None:
        """Write a point of each curve, at the number of epochs trained."""
        rate = self.model.optimizer.learning_rate
        if isinstance(rate, Real):
            self._writer.add_scalar("learning_rate", float(rate), epoch + 1)
        for name, value in logs.items():
            of = "validation" if name.startswith("val_") else "training"
            self._writer.add_scalar(f"{name.removeprefix('val_')}/{of}", value, epoch + 1)
        self._writer.flush()

    def close(self) -> None:
        """Close the file."""
        if self._writer is not None:
            self._writer.close()
            self._writer = None
