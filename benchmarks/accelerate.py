"""Training of README's CNNs in PyTorch, as it is and accelerated, in CPU time on one thread.

The contestants take turns in one process; a ratio is the median over turns, above 1 where the
accelerated model is faster. Losses agree to 1e-3 first. Writes results/accelerate.json.
"""

from __future__ import annotations

import argparse
import copy
from collections.abc import Callable
from typing import Any

import _results
import numpy as np
import torch

from nnaccel.backends import set_backend
from nnaccel.bench.cnn_problem import CnnProblem
from nnaccel.bench.peers.torch_cnn import TorchCNN
from nnaccel.bench.timing import take_short_turns, use_cpu_time
from nnaccel.interop.torch import accelerate

BATCH, BURST = 128, 0.5  # rows, seconds of a turn


def trainer(model: Any, x: Any, labels: Any) -> Callable[[], float]:
    """A function that makes one update."""
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05)

    def step() -> float:
        optimizer.zero_grad()
        loss = torch.nn.functional.cross_entropy(model(x), labels)
        loss.backward()
        optimizer.step()
        return float(loss.item())

    return step


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    repeats = parser.parse_args().repeats
    use_cpu_time()
    torch.set_num_threads(1)
    set_backend("numba")
    rng, found = np.random.default_rng(0), []
    images = rng.integers(0, 256, (BATCH, 28, 28), np.uint8)
    for architecture in ("cnn", "lenet"):
        problem = CnnProblem(images, rng.integers(0, 10, BATCH), architecture)
        for channels_last in (False, True):
            peer = TorchCNN(problem, channels_last)
            mine = copy.deepcopy(peer.model)
            accelerate(mine)
            models = {"nnaccel": mine, "peer": peer.model}
            steps = {who: trainer(m, peer.x, peer.labels) for who, m in models.items()}
            losses = [[step() for _ in range(3)] for step in steps.values()]
            np.testing.assert_allclose(*losses, rtol=1e-3)
            name = problem.name + ", channels-last" * channels_last
            turns = take_short_turns(steps, repeats, seconds=BURST, pause=0, title=f"{name}: ")
            ratio = float(np.median(np.divide(turns["peer"], turns["nnaccel"])))
            ms = {who: 1e3 * float(np.median(turns[who])) for who in steps}
            found.append({"name": name, "ms": ms, "ratio": ratio})
            print(f"{name:60} {ms['nnaccel']:8.1f} {ms['peer']:8.1f} ms {ratio:6.2f}", flush=True)
    print(_results.write("accelerate.json", _results.provenance() | {"rows": found}))


if __name__ == "__main__":
    main()
