"""Ops and models on arrays of other libraries: no copies, and the caller's own kind back."""

from __future__ import annotations

from importlib import import_module
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel import ops
from nnaccel.backends import OtherLibraryError, call_on_views, use_backend, view

from .checked import BACKWARDS
from .test_backward import CASES


@pytest.fixture(params=["array_api_strict", "torch", "jax.numpy"])
def xp(request: pytest.FixtureRequest) -> Any:
    """The namespace of a library other than NumPy and CuPy."""
    pytest.importorskip(request.param.partition(".")[0], reason="not installed: an optional peer")
    return import_module(request.param)


def draw(*shape: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(shape, np.float32)


def as_numpy(a: Any) -> Any:
    return np.from_dlpack(a) if hasattr(a, "__dlpack__") else a


@pytest.mark.parametrize("name", [name for name in BACKWARDS if "batch" not in name])
def test_every_op_gives_the_callers_kind_back(backend: Any, xp: Any, name: str) -> None:
    case = CASES[name]
    args = [draw(*shape, seed=i) for i, shape in enumerate(case.shapes)]
    theirs = [xp.asarray(a) for a in args]
    for _ in range(3):  # plain, recorded, replayed
        y = case.forward(*theirs)
        want = case.forward(*args)
        first, plain = (r[0] if isinstance(r, tuple) else r for r in (y, want))
        assert type(first) is type(theirs[0])
        np.testing.assert_allclose(as_numpy(first), plain, rtol=1e-5, atol=1e-6)


def test_batch_norm(backend: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x, ones, zeros = torch.from_numpy(draw(8, 3)), torch.ones(3), torch.zeros(3)
    mean = torch.zeros(3)
    y, *_ = ops.batch_norm(x, ones, zeros, mean, ones.clone(), training=True, momentum=0.0)
    torch.testing.assert_close(mean, x.mean(0))
    torch.testing.assert_close(y.mean(0), zeros, atol=1e-6, rtol=0)


def test_views_share_the_memory_in_any_order(xp: Any) -> None:
    x = xp.asarray(draw(3, 4))
    assert view(x).__array_interface__["data"] == view(x).__array_interface__["data"]
    if xp.__name__ == "torch":
        assert view(x).__array_interface__["data"][0] == x.data_ptr()
        assert view(x.T).strides == (4, 16)
        np.testing.assert_array_equal(as_numpy(ops.relu(x.T)), ops.relu(view(x).T))
        np.testing.assert_array_equal(as_numpy(ops.relu(x[:, ::2])), ops.relu(view(x)[:, ::2]))


def test_writes_go_to_the_callers_memory() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    dy, x, w = (torch.from_numpy(draw(*shape)) for shape in ((2, 3), (2, 4), (4, 3)))
    dw, db = torch.zeros(4, 3), torch.zeros(3)
    dx, got_dw, _ = ops.linear_backward(dy, x, w, out=(dw, db))
    torch.testing.assert_close(dx, dy @ w.T)
    torch.testing.assert_close(dw, x.T @ dy)
    assert got_dw.data_ptr() == dw.data_ptr()
    torch.testing.assert_close(db, dy.sum(0))


def test_a_step_of_numpy_beside_other_arrays(xp: Any) -> None:
    how = {"key": np.array([1], np.uint64), "step": np.array([0])}
    got = ops.dropout(xp.asarray(draw(20)), 0.5, **how)
    np.testing.assert_array_equal(as_numpy(got), ops.dropout(draw(20), 0.5, **how))


def test_mixed_kinds_are_named(xp: Any) -> None:
    with pytest.raises(TypeError, match=r"\(x of \w+, w of numpy\): convert them to one"):
        ops.linear(xp.asarray(draw(2, 3)), draw(3, 4))
    with pytest.raises(TypeError, match=r"arrays\[0\] of numpy, arrays\[1\] of"):
        ops.concat([draw(2, 3), xp.asarray(draw(2, 3))])
    with pytest.raises(TypeError, match=r"expected NumPy or CuPy arrays, got builtins.list"):
        ops.linear(xp.asarray(draw(2, 3)), [[1.0]])


def test_what_cannot_be_taken() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    weights = torch.ones(2, 3, requires_grad=True)
    with pytest.raises(TypeError, match=r"x requires gradients.*nnaccel\.interop\.torch"):
        ops.relu(weights)
    with pytest.raises(TypeError, match="inputs requires gradients"):
        nn.Sequential([nn.Dense(2)]).predict(weights)
    with pytest.raises(TypeError, match=r"x is an array of torch on meta: only those on the CPU"):
        ops.relu(torch.ones(2, 3, device="meta"))
    with pytest.raises(TypeError, match=r"x, a torch array of torch.bfloat16, cannot be seen"):
        ops.relu(torch.ones(2, 3, dtype=torch.bfloat16))
    with pytest.raises(TypeError, match="x has dtype int64"):
        ops.relu(torch.ones(2, 3, dtype=torch.int64))


def test_classes_with_half_of_dlpack() -> None:
    class Traced:
        def __dlpack__(self, **how: Any) -> Any:
            raise NotImplementedError

    class Nowhere(Traced):
        def __dlpack_device__(self) -> Any:
            return 1

    with pytest.raises(TypeError, match=r"expected NumPy or CuPy arrays, got .*Traced"):
        ops.relu(Traced())
    with pytest.raises(TypeError, match=r"x is an array of .* on a device: only those on the"):
        ops.relu(Nowhere())


def test_arrays_of_the_torch_backend_beside_tensors_are_named() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    with use_backend("torch"), pytest.raises(TypeError, match=r"\(x of torch, w of nnaccel\)"):
        ops.linear(torch.ones(2, 3), nn.asarray(draw(3, 4)))


def test_pytorchs_backend_takes_tensors_elsewhere_as_they_are() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    x, y = torch.ones(2, 3, device="meta"), torch.ones(2, 3)
    with use_backend("torch"):
        assert view(x).tensor is x
        assert call_on_views(lambda x: [x], (x,), {}, OtherLibraryError())[0] is x
        with pytest.raises(TypeError, match=r"devices in one call \(x on meta, w on cpu\): move"):
            ops.linear(x, y)
    with pytest.raises(TypeError, match=r"x of torch, w of numpy"):
        ops.linear(x, draw(2, 3))


def test_a_library_that_takes_nothing_back() -> None:
    class Buffer:
        def __dlpack__(self, **how: Any) -> Any:
            return draw(3).__dlpack__(**how)

        def __dlpack_device__(self) -> tuple[int, int]:
            return 1, 0

    with pytest.raises(TypeError, match=r"has no from_dlpack.*give NumPy arrays"):
        ops.relu(Buffer())
    np.testing.assert_array_equal(nn.asarray(Buffer()), draw(3))


def test_models_take_them_and_give_numpy(backend: Any, xp: Any) -> None:
    x, y = draw(8, 3), np.arange(8) % 2
    model = nn.Sequential([nn.Dense(4, "relu"), nn.Dense(2, "softmax")], seed=0)
    model.compile(loss="categorical_crossentropy", metrics=["accuracy"])
    model.fit(xp.asarray(x), xp.asarray(y), epochs=1, verbose=0)
    got = model.predict(xp.asarray(x))
    assert type(got) is np.ndarray
    np.testing.assert_array_equal(got, model.predict(x))
    assert model.evaluate(xp.asarray(x), xp.asarray(y)) == model.evaluate(x, y)
    np.testing.assert_array_equal(nn.to_numpy(nn.asarray(xp.asarray(x))), x)
