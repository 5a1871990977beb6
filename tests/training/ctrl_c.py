"""A training in a process of its own that gets Ctrl-C."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from ..processes import ON_PATH

not_on_windows = pytest.mark.skipif(
    sys.platform == "win32", reason="Windows has no SIGINT for one process"
)

_SCRIPT = """
import numpy as np
import nnaccel as nn
from tests.training.own_pieces import Momentum, Scaled

class Tell(nn.Callback):
    def on_epoch_end(self, epoch, logs):
        if epoch == 1:
            print("running", flush=True)

y = np.arange(1000) % 10
x = (np.eye(40)[y] + 0.1).astype("float32")
with nn.use_backend("numba"):
    model = nn.Sequential({layers}, seed=0)
    model.compile(optimizer={optimizer}, metrics=["accuracy"])
    try:
        model.fit(x, y, epochs=10**6, verbose=0, callbacks=[Tell()], checkpoint={checkpoint})
    except KeyboardInterrupt:
        before = model.evaluate(x, y)
        model.fit(x, y, epochs=2, verbose=0)
        print("usable", np.isfinite(before).all(), model.evaluate(x, y)[1] > 0.5, flush=True)
"""


def interrupt_fit(layers: str, optimizer: str, checkpoint: str | None) -> None:
    """Interrupt a `fit` on numba, and have its model be usable afterwards.

    Parameters
    ----------
    layers, optimizer : str
        In Python.
    checkpoint : str or None
        Path for `fit`.
    """
    script = _SCRIPT.format(layers=layers, optimizer=optimizer, checkpoint=repr(checkpoint))
    command, environment = [sys.executable, "-c", script], os.environ | ON_PATH
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "running\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.read() == "usable True True\n"
        assert process.wait() == 0
