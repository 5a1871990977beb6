"""What may happen between the epochs and batches of a training."""

from nnaccel.training.callbacks._base import HOOKS, Callback, Logs, wants_batches
from nnaccel.training.callbacks._list import CallbackList
from nnaccel.training.callbacks.csv_logger import CSVLogger
from nnaccel.training.callbacks.early_stopping import EarlyStopping
from nnaccel.training.callbacks.history import History
from nnaccel.training.callbacks.lambda_callback import LambdaCallback
from nnaccel.training.callbacks.model_checkpoint import ModelCheckpoint
from nnaccel.training.callbacks.progress_bar import ProgressBar
from nnaccel.training.callbacks.reduce_lr import ReduceLROnPlateau

__all__ = [
    "HOOKS",
    "CSVLogger",
    "Callback",
    "CallbackList",
    "EarlyStopping",
    "History",
    "LambdaCallback",
    "Logs",
    "ModelCheckpoint",
    "ProgressBar",
    "ReduceLROnPlateau",
    "wants_batches",
]
