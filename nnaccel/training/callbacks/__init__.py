"""Callbacks: hooks between the epochs and batches of a training."""

import inspect

from nnaccel.training.callbacks._base import *
from nnaccel.training.callbacks.csv_logger import *
from nnaccel.training.callbacks.early_stopping import *
from nnaccel.training.callbacks.history import *
from nnaccel.training.callbacks.lambda_callback import *
from nnaccel.training.callbacks.model_checkpoint import *
from nnaccel.training.callbacks.progress_bar import *
from nnaccel.training.callbacks.reduce_lr import *

__all__ = sorted(
    name for name, value in vars().items() if name[0] != "_" and not inspect.ismodule(value)
)
