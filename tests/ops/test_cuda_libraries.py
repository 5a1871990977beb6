"""Ops on arrays of other libraries on CUDA devices, over stand-ins: no GPU runs this."""

from __future__ import annotations

import gc
import sys
import weakref
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel import ops
from nnaccel.backends import _in_flight, use_backend, view

from .. import fake_dlpack, fake_memory
from ..fake_cupy import transfers
from ..fake_dlpack import MANAGED, PINNED, draw, faraway, on  # noqa: F401
from .checked import BACKWARDS
from .test_backward import CASES

pytestmark = pytest.mark.usefixtures("faraway")


@pytest.mark.parametrize("current", ["cupy", "numpy", "numba"])
@pytest.mark.parametrize("device", [0, 1])
@pytest.mark.parametrize("name", [name for name in BACKWARDS if "batch" not in name])
def test_every_op_runs_on_the_arrays_device(name: str, device: int, current: str) -> None:
    case = CASES[name]
    args = [draw(*shape, seed=i) for i, shape in enumerate(case.shapes)]
    with use_backend("numpy"):
        want = case.forward(*args)
    theirs = [on(device, a) for a in args]
    with use_backend(current):
        transfers.clear()
        y = case.forward(*theirs)
    first, plain = (r[0] if isinstance(r, tuple) else r for r in (y, want))
    assert type(first) is fake_dlpack.Tensor
    assert first.__dlpack_device__() == (2, device)
    np.testing.assert_allclose(first.memory, plain, rtol=1e-5, atol=1e-6)
    assert not transfers, "nothing goes through the host"
    assert fake_dlpack.current["device"] == 0


@pytest.mark.parametrize(("device", "cupys", "theirs"), [(0, 1, 0xF0), (1, 0xC1, 0xF1)])
def test_streams_wait_for_one_another(device: int, cupys: int, theirs: int) -> None:
    ops.linear(on(device, draw(2, 3)), on(device, draw(3, 4)))
    forth, back = ("faraway", device, theirs, cupys), ("cupy", device, cupys, theirs)
    assert fake_dlpack.waits == [forth, forth, back]


def test_on_one_stream_nothing_is_special(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(fake_dlpack.streams["faraway"], 0, 0)
    ops.relu(on(0, draw(3)))
    assert fake_dlpack.waits == [("faraway", 0, 1, 1), ("cupy", 0, 1, 1)]


def test_writes_go_to_the_callers_memory() -> None:
    dy, x, w, dw, db = (on(1, draw(*s)) for s in ((2, 3), (2, 4), (4, 3), (4, 3), (3,)))
    dx, got, _ = ops.linear_backward(dy, x, w, out=(dw, db))
    np.testing.assert_allclose(dx.memory, dy.memory @ w.memory.T, rtol=1e-5)
    np.testing.assert_allclose(dw.memory, x.memory.T @ dy.memory, rtol=1e-5)
    assert np.shares_memory(got.memory, dw.memory)
    one, mean, var = on(1, np.ones(3, np.float32)), on(1, draw(3)), on(1, draw(3))
    ops.batch_norm(dy, one, one, mean, var, training=True, momentum=0.0)
    np.testing.assert_allclose(mean.memory, dy.memory.mean(0), rtol=1e-5)


def test_strided_and_managed_memory_and_older_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    x = on(0, draw(4, 6))
    x.memory = x.memory[:, ::2].T
    x.kind = MANAGED
    newer = fake_dlpack.Tensor.__dlpack__
    monkeypatch.setattr(
        fake_dlpack.Tensor, "__dlpack__", lambda self, stream=None: newer(self, stream=stream)
    )
    y = ops.relu(x)
    np.testing.assert_array_equal(y.memory, np.maximum(draw(4, 6)[:, ::2].T, 0))


def test_pinned_memory_is_the_hosts() -> None:
    class Pinned:
        memory = draw(3)

        def __dlpack__(self, **how: Any) -> Any:
            return self.memory.__dlpack__(**how)

        def __dlpack_device__(self) -> tuple[int, int]:
            return PINNED, 0

    assert np.shares_memory(view(Pinned()), Pinned.memory)


def test_a_step_lies_with_the_array_and_a_key_on_the_host() -> None:
    x, key = draw(20), np.array([1], np.uint64)
    got = ops.dropout(on(1, x), 0.5, key=key, step=on(1, np.array([0])))
    np.testing.assert_array_equal(
        got.memory, ops.dropout(x, 0.5, key=key, step=np.array([0])), strict=True
    )
    with pytest.raises(TypeError, match=r"\(x on cuda:1, step on cpu\): move them to one"):
        ops.dropout(on(1, x), 0.5, key=key, step=np.array([0]))


def test_a_loss_of_labels() -> None:
    labels = np.arange(4) % 3
    loss, gradient = ops.softmax_cross_entropy(on(1, draw(4, 3)), on(1, labels))
    want, slope = ops.softmax_cross_entropy(draw(4, 3), labels)
    assert loss.memory == pytest.approx(want)
    np.testing.assert_allclose(gradient.memory, slope, rtol=1e-5)
    with pytest.raises(TypeError, match=r"\(logits on cuda:1, targets on cpu\)"):
        ops.softmax_cross_entropy(on(1, draw(4, 3)), labels)


def test_devices_and_kinds_that_do_not_mix_are_named(fake_cupy: Any) -> None:
    x = draw(2, 2)
    with pytest.raises(TypeError, match=r"devices in one call \(x on cuda:0, w on cuda:1\): move"):
        ops.linear(on(0, x), on(1, x))
    with pytest.raises(TypeError, match=r"\(x of faraway, w of numpy\): convert them to one"):
        ops.linear(on(0, x), x)
    with pytest.raises(TypeError, match=r"\(arrays\[0\] of cupy, arrays\[1\] of faraway\)"):
        ops.concat([fake_cupy.zeros((2, 2)), on(0, x)])
    assert fake_dlpack.current["device"] == 0


def test_what_cannot_be_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    x = on(0, draw(2, 2))
    x.kind = 10
    with pytest.raises(TypeError, match=r"x is an array of faraway on cuda:0: only those on the"):
        ops.relu(x)
    x.kind, x.requires_grad = 2, True  # type: ignore[misc]
    with pytest.raises(TypeError, match=r"x requires gradients.*nnaccel\.interop\.torch"):
        ops.relu(x)
    with pytest.raises(TypeError, match=r"inputs requires gradients"):
        nn.Sequential([nn.Dense(2)]).predict(x)


def test_without_cupy_the_remedy_is_named() -> None:
    from nnaccel.backends import _select

    words = (
        r"x is an array of faraway on cuda:1, but backend 'cupy' cannot run here: .*To "
        r"fix: .*, or move it to the CPU"
    )
    with pytest.MonkeyPatch.context() as patch:  # which ends before the fake does
        patch.setitem(sys.modules, "cupy", None)
        _select._make.cache_clear()
        with use_backend("numpy"), pytest.raises(nn.BackendUnavailableError, match=words):
            ops.relu(on(1, draw(3)))


def test_inputs_are_held_until_the_device_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_in_flight, "_held", [])
    monkeypatch.setitem(fake_memory.device, "busy", 1)
    kept = []

    def call() -> None:
        x = draw(4, 6)
        kept.append(weakref.ref(x))
        tensor = fake_dlpack.Tensor(x)
        ops.relu(tensor)

    call()
    call()
    gc.collect()
    assert all(reference() is not None for reference in kept)
    monkeypatch.setitem(fake_memory.device, "busy", 0)
    call()
    gc.collect()
    assert [reference() is None for reference in kept] == [True, True, False]


def test_pytorch_keeps_its_own_memory(monkeypatch: pytest.MonkeyPatch, faraway: Any) -> None:  # noqa: F811
    monkeypatch.setattr(_in_flight, "_held", [])
    monkeypatch.setattr(fake_dlpack.Tensor, "__module__", "torch.fake")
    monkeypatch.setitem(sys.modules, "torch", faraway)
    with use_backend("numpy"):
        ops.relu(on(0, draw(3)))
    assert not _in_flight._held


def test_arrays_of_jax_are_not_written_to(monkeypatch: pytest.MonkeyPatch, faraway: Any) -> None:  # noqa: F811
    monkeypatch.setattr(fake_dlpack.Tensor, "__module__", "jaxlib.fake")
    monkeypatch.setattr(
        fake_dlpack.Tensor, "__array_namespace__", lambda self: faraway, raising=False
    )
    dy, x, w, dw, db = (on(1, draw(*s)) for s in ((2, 3), (2, 4), (4, 3), (4, 3), (3,)))
    with pytest.raises(ValueError, match="out would be written to, but arrays of jax are read-onl"):
        ops.linear_backward(dy, x, w, out=(dw, db))
    args = dy, *(on(1, np.ones(3, np.float32)) for _ in range(4))
    with pytest.raises(ValueError, match="running_mean would be written to"):
        ops.batch_norm(*args, training=True)
    y, *_ = ops.batch_norm(*args)
    assert y.shape == (2, 3)
