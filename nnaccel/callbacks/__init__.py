"""What may happen between the epochs and batches of a training."""

from nnaccel.callbacks._base import HOOKS, Callback, Logs, wants_batches
from nnaccel.callbacks._list import CallbackList
from nnaccel.callbacks.csv_logger import CSVLogger
from nnaccel.callbacks.early_stopping import EarlyStopping
from nnaccel.callbacks.history import History
from nnaccel.callbacks.lambda_callback import LambdaCallback
from nnaccel.callbacks.model_checkpoint import ModelCheckpoint
from nnaccel.callbacks.progress_bar import ProgressBar
from nnaccel.callbacks.reduce_lr import ReduceLROnPlateau

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
