"""Ops called again with arguments of the same shapes: recorded once, and run on the new arrays."""

from __future__ import annotations

import gc
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel import ops
from nnaccel.ops import _replay
from nnaccel_kernels.cpu import buffer_store, empty

pytestmark = pytest.mark.usefixtures("on_numba")


@pytest.fixture
def on_numba() -> Any:
    _replay._of_this_thread().clear()
    with nn.use_backend("numba"):
        yield


def floats(*shape: int) -> Callable[[np.random.Generator], np.ndarray]:
    return lambda rng: rng.normal(size=shape).astype("float32")


def channels_last(n: int, c: int, h: int, w: int) -> Callable[[np.random.Generator], np.ndarray]:
    made = floats(n, h, w, c)
    return lambda rng: made(rng).transpose(0, 3, 1, 2)


X, Y, W = floats(2, 3, 9, 8), floats(2, 4, 9, 8), floats(4, 3, 3, 3)
POOLED, LAST = floats(2, 3, 4, 4), channels_last(2, 3, 9, 8)
CASES: dict[str, tuple[Callable[..., Any], list[Any]]] = {
    "relu": (ops.relu, [floats(5, 7)]),
    "gelu_backward": (ops.gelu_backward, [floats(5, 7), floats(5, 7)]),
    "elu of images": (lambda x: ops.elu(x, alpha=0.5), [LAST]),
    "softmax": (ops.softmax, [floats(2, 5, 7)]),
    "softmax_backward": (ops.softmax_backward, [floats(5, 7), floats(5, 7)]),
    "linear": (
        lambda x, w, b: ops.linear(x, w, b, activation="tanh"),
        [floats(5, 7), floats(7, 3), floats(3)],
    ),
    "linear without a bias": (ops.linear, [floats(5, 7), floats(7, 3)]),
    "linear_backward": (ops.linear_backward, [floats(5, 3), floats(5, 7), floats(7, 3)]),
    "conv2d": (lambda *a: ops.conv2d(*a, padding=1), [X, W, floats(4)]),
    "conv2d strided": (lambda *a: ops.conv2d(*a, stride=(2, 1), padding="same"), [LAST, W]),
    "conv2d by im2col": (lambda *a: ops.conv2d(*a, algorithm="im2col"), [X, W]),
    "conv2d by winograd": (
        lambda *a: ops.conv2d(*a, padding=1),
        [floats(1, 16, 9, 9), floats(16, 16, 3, 3)],
    ),
    "conv2d depthwise": (lambda *a: ops.conv2d(*a, groups=3), [X, floats(3, 1, 3, 3)]),
    "conv2d_backward": (lambda *a: ops.conv2d_backward(*a, padding=1), [Y, X, W]),
    "conv2d_backward in two orders": (lambda *a: ops.conv2d_backward(*a, padding=1), [Y, LAST, W]),
    "conv_transpose2d": (ops.conv_transpose2d, [X, floats(3, 4, 3, 3), floats(4)]),
    "max_pool2d": (lambda x: ops.max_pool2d(x, 2), [X]),
    "max_pool2d_backward": (
        lambda dy, x: ops.max_pool2d_backward(dy, x, ops.max_pool2d(x, 2), 2),
        [POOLED, X],
    ),
    "avg_pool2d": (lambda x: ops.avg_pool2d(x, 3, padding=1), [LAST]),
    "avg_pool2d_backward": (lambda dy, x: ops.avg_pool2d_backward(dy, x, 2), [POOLED, LAST]),
    "layer_norm": (ops.layer_norm, [floats(5, 7), floats(7), floats(7)]),
    "add": (ops.add, [X, LAST]),
    "multiply": (ops.multiply, [LAST, X]),
    "no rows": (ops.linear, [floats(0, 7), floats(7, 3), floats(3)]),
}


def listed(returned: Any) -> list[Any]:
    return list(returned) if isinstance(returned, tuple) else [returned]


@pytest.mark.parametrize("name", CASES)
def test_each_call_computes_from_its_own_arguments(name: str) -> None:
    op, makers = CASES[name]
    rng = np.random.default_rng(0)
    kept = []
    for _ in range(5):
        args = [make(rng) for make in makers]
        before = [a.copy() for a in args]
        kept.append((args, listed(op(*args))))
        for a, b in zip(args, before, strict=True):
            np.testing.assert_array_equal(a, b)
    is_replayed = any(callable(v) for v in _replay._of_this_thread().values())
    assert is_replayed == ("im2col" not in name), "its columns are too large to be kept"
    for args, ours in kept:  # only now: a later call must not write to earlier results
        with nn.use_backend("numpy"):
            theirs = listed(op(*args))
        for a, b in zip(ours, theirs, strict=True):
            assert (a is None) == (b is None)
            if a is not None:
                assert (a.shape, a.dtype) == (b.shape, b.dtype)
                assert a.flags.c_contiguous == b.flags.c_contiguous
                np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-4)


def test_bits_do_not_depend_on_replay() -> None:
    rng = np.random.default_rng(0)
    x, w, b = X(rng), W(rng), floats(4)(rng)
    first, *others = [ops.conv2d(x, w, b, padding=1) for _ in range(4)]
    for other in others:
        np.testing.assert_array_equal(other, first)


def test_options_and_dtypes_are_told_apart() -> None:
    x = floats(4, 6)(np.random.default_rng(0))
    for _ in range(3):
        assert ops.leaky_relu(x, 0.5).min() == pytest.approx(x.min() / 2)
        assert ops.leaky_relu(x, 0.25).min() == pytest.approx(x.min() / 4)
        assert ops.leaky_relu(x, 0).min() == 0
        assert ops.relu(x.astype("float64")).dtype == np.float64
        assert ops.relu(x).dtype == np.float32


def test_arguments_that_overlap() -> None:
    x = floats(6, 6)(np.random.default_rng(0))
    for _ in range(4):
        np.testing.assert_allclose(ops.linear(x, x), x @ x, rtol=1e-4, atol=1e-5)
    other = floats(6, 6)(np.random.default_rng(1))
    for _ in range(4):
        np.testing.assert_allclose(ops.linear(x, other), x @ other, rtol=1e-4, atol=1e-5)
    np.testing.assert_allclose(ops.linear(x, x), x @ x, rtol=1e-4, atol=1e-5)


def test_errors_are_the_same_at_every_call() -> None:
    x = floats(4, 6)(np.random.default_rng(0))
    for _ in range(4):
        with pytest.raises(ValueError, match="x has 6 columns but w has 4 rows"):
            ops.linear(x, x)
        with pytest.raises(ValueError, match="masked values"):
            ops.relu(np.ma.masked_array(x, x > 0))
        np.testing.assert_allclose(ops.relu(x[:, ::2]), np.maximum(x[:, ::2], 0))


def test_threads_do_not_share_a_recording() -> None:
    wrong: list[int] = []

    def work(seed: int) -> None:
        rng = np.random.default_rng(seed)
        with nn.use_backend("numba"):
            for _ in range(300):
                x = X(rng)
                w = W(rng)
                if not np.allclose(
                    ops.conv2d(x, w)[0, 0, 0, 0], (x[0, :, :3, :3] * w[0]).sum(), atol=1e-4
                ):
                    wrong.append(seed)

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong


def test_a_backend_without_relocation_calls_the_op() -> None:
    x = floats(4, 6)(np.random.default_rng(0))
    with nn.use_backend("numpy"):
        for _ in range(3):
            ops.relu(x)
    assert not _replay._of_this_thread()


def test_memory_of_results_is_recycled_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    store = buffer_store()
    monkeypatch.setattr(store, "limit", 1 << 20)
    store.clear()
    x = floats(100, 100)(np.random.default_rng(0))
    first = ops.relu(x)
    view, address = first[1:, ::2].T, first.ctypes.data
    del first
    assert store.held == 0, "a view keeps the buffer"
    assert ops.relu(x).ctypes.data != address
    del view
    gc.collect()
    assert store.held >= x.nbytes
    assert address in {ops.relu(x).ctypes.data, ops.tanh(x).ctypes.data}
    results = [ops.relu(x) for _ in range(60)]
    del results
    assert 0 < store.held <= 1 << 20
    monkeypatch.setattr(store, "limit", 0)
    store.clear()
    ops.relu(x)
    assert store.held == 0


def test_weights_in_another_memory_order_are_copied_at_every_call() -> None:
    rng = np.random.default_rng(0)
    w = np.ascontiguousarray(W(rng).transpose(0, 2, 3, 1)).transpose(0, 3, 1, 2)
    assert not w.flags.c_contiguous
    for _ in range(4):
        x = X(rng)
        y = ops.conv2d(x, w, padding=1)
        np.testing.assert_array_equal(y, ops.conv2d(x, w.copy(order="C"), padding=1))


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs POSIX signals")
def test_the_handler_of_a_signal_may_call_the_op_it_interrupted() -> None:
    x = np.linspace(-1, 1, 600, dtype="float32").reshape(20, 30)
    expected = ops.tanh(x)
    calls = wrong = 0

    def interrupt(*_: Any) -> None:
        nonlocal calls
        calls += 1
        ops.tanh(-x)

    before = signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, 3e-4, 3e-4)
    try:
        while calls < 1000:
            wrong += not np.array_equal(ops.tanh(x), expected)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert not wrong


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of forks beside threads
def test_a_fork_while_another_thread_takes_memory_does_not_hang() -> None:
    with buffer_store()._lock:
        found: list[int] = []

        def fork() -> None:
            child = os.fork()
            if not child:
                signal.alarm(20)  # else a child that waits for ever would outlive the tests
                np.copyto(empty(100, "float32"), 1)
                os._exit(0)
            found.append(os.waitpid(child, 0)[1])

        thread = threading.Thread(target=fork)
        thread.start()
        thread.join()
    assert found == [0]
