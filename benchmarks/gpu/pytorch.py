"""PyTorch on a GPU: whether it is there, its settings, its CUDA graphs."""

from __future__ import annotations

import contextlib
import importlib.util
from collections.abc import Callable, Iterator

DEVICE = "cuda"
EAGER, GRAPH = "PyTorch eager", "PyTorch graph"
_WARM_UP = 3  # steps before a capture, as PyTorch's manual has it


def is_available() -> bool:
    """Whether PyTorch is installed and sees a GPU."""
    if importlib.util.find_spec("torch") is None:
        return False
    import torch

    return bool(torch.cuda.is_available())


@contextlib.contextmanager
def settings(tf32: bool = False) -> Iterator[None]:
    """Let cuDNN try its algorithms, and products and convolutions round to TF32 or not."""
    if not is_available():
        yield
        return
    import torch

    backends = torch.backends
    before = backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32, backends.cudnn.benchmark
    backends.cuda.matmul.allow_tf32 = backends.cudnn.allow_tf32 = tf32
    backends.cudnn.benchmark = True
    try:
        yield
    finally:
        backends.cuda.matmul.allow_tf32, backends.cudnn.allow_tf32 = before[:2]
        backends.cudnn.benchmark = before[2]


@contextlib.contextmanager
def left_out_if_failing(name: str) -> Iterator[None]:
    """Say so if PyTorch fails, and go on: what is checked is nnaccel."""
    try:
        yield
    except Exception as error:
        print(f"{name} is left out: {type(error).__name__}: {error}", flush=True)


def capture(step: Callable[[], object]) -> Callable[[int], None]:
    """Capture a step as a CUDA graph, and return what replays it so many times."""
    import torch

    side = torch.cuda.Stream()
    side.wait_stream(torch.cuda.current_stream())
    with torch.cuda.stream(side):
        for _ in range(_WARM_UP):
            step()
    torch.cuda.current_stream().wait_stream(side)
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        step()

    def replay(calls: int) -> None:
        for _ in range(calls):
            graph.replay()

    return replay
