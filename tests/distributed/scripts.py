"""What ranks of MPI run in the tests: python -m tests.distributed.scripts NAME."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import sys
from pathlib import Path
from typing import Any

import numpy as np

import nnaccel as nn
from nnaccel.distributed import _watch

rng = np.random.default_rng(3)
X = rng.normal(size=(53, 6)).astype(np.float32)
Y = rng.integers(0, 3, 53)


def make() -> nn.Sequential:
    layers = [nn.Dense(8, "tanh"), nn.Dropout(0.3), nn.BatchNorm(), nn.Dense(3, "softmax")]
    model = nn.Sequential(layers, seed=5)
    model.compile(metrics=["accuracy", "auc"])
    return model


def report(comm: Any, **found: Any) -> None:
    """Print what rank 0 has, and whether all ranks have the same."""
    text = json.dumps(found)
    digest = np.frombuffer(hashlib.sha256(text.encode()).digest(), np.uint8)[None]
    same = bool((comm.gather(digest) == digest).all())
    if comm.rank == 0:
        print(json.dumps({**found, "same": same, "size": comm.size}), flush=True)


def train(deterministic: bool) -> None:
    """Train on a small set, with `checkpoint` where one is named."""
    comm = nn.distributed.init(deterministic=deterministic)
    model = make()
    path = sys.argv[2] if len(sys.argv) > 2 else None
    history = model.fit(
        X,
        Y,
        epochs=int(sys.argv[3]) if path else 3,
        batch_size=16,
        validation_data=(X[:21], Y[:21]),
        verbose=0,
        distributed=comm,
        checkpoint=path,
        resume=path is not None,
    )
    bits = hashlib.sha256(model.weights.tobytes()).hexdigest()
    report(comm, history=history.history, bits=bits, norm=float(abs(model.weights).sum()))


def forever() -> None:
    """Train until something ends it, or the epoch that is named; go on where another one stopped.

    Each rank notes its process, rank 0 the epochs.
    """
    folder, comm = Path(sys.argv[2]), nn.distributed.init()
    begun: list[int] = []

    class Note(nn.Callback):
        first_rank_only = True

        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            (folder / "new").write_text(str(epoch + 1))
            (folder / "new").replace(folder / "epochs")  # it may be killed while it writes

    class Begun(nn.Callback):
        def on_epoch_begin(self, epoch: int, logs: Any) -> None:
            begun.append(epoch)

    (folder / f"{comm.rank}.pid").write_text(str(os.getpid()))
    model = make()
    try:
        model.fit(
            X,
            Y,
            epochs=int(sys.argv[3]) if len(sys.argv) > 3 else 10**6,
            verbose=0,
            callbacks=[Note(), Begun()],
            distributed=comm,
            checkpoint=folder / "model.safetensors",
            resume=True,
        )
    except KeyboardInterrupt:
        print(f"rank {comm.rank} interrupted", flush=True)
        return
    report(comm, epochs=model.epochs, first=begun[0])


def fails() -> None:
    """Rank 1 meets an error of its own, before its training or within."""
    comm = nn.distributed.init()
    if sys.argv[2] == "before" and comm.rank == 1:
        raise OSError("no such disk")

    class Fails(nn.Callback):
        def on_epoch_end(self, epoch: int, logs: Any) -> None:
            if comm.rank == 1:
                raise OSError("no such disk")

    make().fit(X, Y, epochs=10**6, verbose=0, callbacks=[Fails()], distributed=comm)


def stops() -> None:
    """All meet an error in a training, and rank 1 is stopped before the next one."""
    _watch._PATIENCE_BEFORE = 1.0
    comm = nn.distributed.init()
    with contextlib.suppress(ValueError):
        make().fit(X, Y[1:], verbose=0, distributed=comm)
    if comm.rank == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    make().fit(X, Y, epochs=10**6, verbose=0, distributed=comm)


if __name__ == "__main__":
    {
        "train": lambda: train(False),
        "fixed": lambda: train(True),
        "forever": forever,
        "fails": fails,
        "stops": stops,
    }[sys.argv[1]]()
