"""Callbacks: hooks between the epochs and batches of a training."""

import inspect
import typing

from nnaccel import _foreign
from nnaccel.training.callbacks._base import *
from nnaccel.training.callbacks.csv_logger import *
from nnaccel.training.callbacks.early_stopping import *
from nnaccel.training.callbacks.history import *
from nnaccel.training.callbacks.lambda_callback import *
from nnaccel.training.callbacks.model_checkpoint import *
from nnaccel.training.callbacks.progress_bar import *
from nnaccel.training.callbacks.reduce_lr import *
from nnaccel.training.callbacks.tensorboard import *
from nnaccel.training.callbacks.time_limit import *

__all__ = sorted(
    name for name, value in vars().items() if name[0] != "_" and not inspect.ismodule(value)
)

if not typing.TYPE_CHECKING:  # to a type checker any name would be there
    __getattr__ = _foreign.missing(__name__, __all__)
