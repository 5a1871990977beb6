"""The torch backend trains as numpy does, and its arrays have NumPy's manners."""

from __future__ import annotations

from typing import Any

import ml_dtypes
import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import BackendUnavailableError, get_backend, to_numpy

from ..each_backend import NO_TORCH

pytestmark = pytest.mark.skipif(bool(NO_TORCH), reason=NO_TORCH)

MLP = "mlp", (12,)
CNN = "cnn", (2, 9, 8)


def network(kind: str) -> nn.Sequential:
    if kind == "mlp":
        layers = [nn.Dense(16, "relu"), nn.Dropout(0.2), nn.Dense(3, "softmax")]
    else:
        layers = [
            nn.Conv2D(4, 3, "relu", padding="same"),
            nn.MaxPool2D(2),
            nn.BatchNorm(),
            nn.Conv2D(6, 3),
            nn.Activation("gelu"),
            nn.AvgPool2D(2, stride=1),
            nn.Flatten(),
            nn.Dropout(0.3),
            nn.Dense(3, "softmax"),
        ]
    model = nn.Sequential(layers, seed=1)
    model.compile("categorical_crossentropy", "adam", metrics=["accuracy"])
    return model


def data(shape: tuple[int, ...]) -> tuple[Any, Any]:
    rng = np.random.default_rng(0)
    return rng.normal(size=(60, *shape)).astype(np.float32), rng.integers(0, 3, 60)


@pytest.mark.parametrize(("kind", "shape"), [MLP, CNN])
def test_training_agrees_with_numpy(kind: str, shape: tuple[int, ...]) -> None:
    """The same weights, shuffles and dropout by the same seed: losses differ by rounding alone."""
    x, y = data(shape)
    seen = []
    for name in ("numpy", "torch"):
        with nn.use_backend(name):
            model = network(kind)
            model.build(shape)
            first = to_numpy(model.weights).copy()
            losses = model.fit(x, y, epochs=4, batch_size=16, verbose=0).history["loss"]
            assert model.backend.name == name
            seen.append((first, losses, model.predict(x), model.evaluate(x, y)))
    np.testing.assert_array_equal(seen[0][0], seen[1][0])
    for ours, wanted in zip(seen[1][1:], seen[0][1:], strict=True):
        np.testing.assert_allclose(ours, wanted, rtol=1e-4, atol=1e-5)


def test_a_model_moves_in_the_middle_of_its_training() -> None:
    x, y = data(CNN[1])
    with nn.use_backend("numpy"):
        moved, stayed = network("cnn"), network("cnn")
        for name in ("torch:cpu", "numpy", "torch"):
            moved.to(name)
            for model in (moved, stayed):
                model.fit(x, y, epochs=1, batch_size=16, verbose=0)
        assert moved.backend.name == "torch"
        np.testing.assert_allclose(moved.predict(x), stayed.predict(x), rtol=1e-3, atol=1e-5)


def test_ops_give_arrays_of_the_backend() -> None:
    with nn.use_backend("torch") as backend:
        x = nn.asarray(np.eye(3, dtype=np.float32))
        y = nn.ops.linear(x, x)
        assert type(y) is backend.xp.ndarray
        np.testing.assert_array_equal(to_numpy(y), np.eye(3))
        with pytest.raises(TypeError, match="NumPy and torch arrays in one call"):
            nn.ops.linear(x, np.eye(3, dtype=np.float32))
        with pytest.raises(TypeError, match="do not mix"):
            x + np.eye(3)


@pytest.mark.parametrize("sign", [1, -1])
def test_quotients_and_remainders_are_rounded_down(sign: int) -> None:
    a = np.array([7.0, -7.5, 2.0], np.float32)
    ours = get_backend("torch").xp.asarray(a)
    for got, want in zip((ours // (2 * sign), ours % (2 * sign)), divmod(a, 2 * sign), strict=True):
        np.testing.assert_array_equal(to_numpy(got), want)


def test_writing_into_a_view_writes_into_the_array() -> None:
    xp = get_backend("torch").xp
    a = xp.zeros((2, 3))
    a[1, ...] += 1
    a.reshape(6)[0] = 5
    a.T[2, 0] = 7
    np.testing.assert_array_equal(a.get(), [[5, 0, 7], [1, 1, 1]])
    assert (a.dtype, a.shape, a.size, a.nbytes) == (np.float64, (2, 3), 6, 48)
    assert a.flags.c_contiguous
    assert not a.T.flags.c_contiguous


@pytest.mark.parametrize("dtype", ["float64", "bfloat16", "uint8"])
def test_read_only_memory_is_shared_and_stays_as_it_is(dtype: str) -> None:
    given = np.arange(6).astype(ml_dtypes.bfloat16 if dtype == "bfloat16" else dtype)
    locked = given.view()
    locked.flags.writeable = False
    xp = get_backend("torch").xp
    a = xp.asarray(locked)
    given[1] = 7
    assert float(a[1]) == 7
    for view in (a, a[2:], a.reshape(2, 3), xp.reshape(a, (3, 2)), xp.asarray(a)):
        assert not view.flags.writeable
        with pytest.raises(ValueError, match=r"is read-only, .*: give a copy"):
            view[...] = 0
        with pytest.raises(ValueError, match=r"is read-only, .*: give a copy"):
            view += 1
        with pytest.raises(ValueError, match=r"is read-only, .*: give a copy"):
            xp.add(view, view, out=view)
    for own in (a.copy(), a.astype("float32"), xp.asarray(given)):
        own[...] = 5
        assert own.flags.writeable


@pytest.mark.parametrize(
    "index",
    [
        np.s_[::-1],
        np.s_[:, ::-2],
        np.s_[..., ::-1],
        np.s_[1, ::-1],
        np.s_[None, ::-1, ..., 3:0:-1],
        np.s_[5:9:-1],
        np.s_[2:0:-1, 1:3, ::-2],
        np.s_[::-1, ::-1, 1],
    ],
    ids=str,
)
def test_slices_with_negative_steps(index: Any) -> None:
    xp, host = get_backend("torch").xp, np.arange(60.0).reshape(3, 4, 5)
    array = xp.asarray(host.copy())
    np.testing.assert_array_equal(array[index].get(), host[index])
    part = np.random.default_rng(0).normal(size=host[index].shape)
    array[index] = xp.asarray(part)
    host[index] = part
    np.testing.assert_array_equal(array.get(), host)
    array[index] = 7
    host[index] = 7
    np.testing.assert_array_equal(array.get(), host)


def test_a_negative_step_beside_an_index_array() -> None:
    xp, host = get_backend("torch").xp, np.arange(12).reshape(3, 4)
    found = xp.asarray(host.copy())[::-1, xp.asarray([0, 2])]
    np.testing.assert_array_equal(found.get(), host[::-1, [0, 2]])


def test_bfloat16_is_that_of_ml_dtypes() -> None:
    given = np.array([1.5, -2, np.inf], ml_dtypes.bfloat16)
    array = get_backend("torch").asarray(given)
    assert array.dtype == given.dtype
    back = array.get()
    assert back.dtype == given.dtype
    np.testing.assert_array_equal(back, given)
    assert array.astype("float32").astype(given.dtype).dtype == given.dtype


def test_a_step_is_a_list_of_calls() -> None:
    """Its Python runs once, before any kernel; host rows run in their turn, other steps in them."""
    backend = get_backend("torch")
    counter, inner = (backend.xp.zeros(1, "int64") for _ in range(2))
    ran: list[str] = []
    seen: list[int] = []
    other = backend.record(lambda: backend.kernels.advance(inner))

    def step() -> None:
        ran.append("step")
        backend.kernels.advance(counter)
        assert backend.recording()
        assert int(counter) == 0
        backend.host(lambda: seen.append(int(counter)))
        backend.host(lambda: other(2))

    replay = backend.record(step)
    assert ran == []
    replay(2)
    replay(1)
    assert (ran, seen, int(inner)) == (["step"], [1, 2, 3], 6)
    assert not backend.recording()


def test_an_error_ends_the_recording() -> None:
    backend = get_backend("torch")

    def step() -> None:
        raise ZeroDivisionError

    replay = backend.record(step)
    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            replay(1)
        assert not backend.recording()


def test_a_device_that_is_not_there_is_refused() -> None:
    with pytest.raises(BackendUnavailableError, match="'torch:nonsense' cannot run here: "):
        get_backend("torch:nonsense")


@pytest.mark.parametrize("dtype", ["float16", "bfloat16", "float32", "float64"])
def test_pooling_sends_what_is_not_finite_to_the_maximum_alone(dtype: str) -> None:
    x = np.arange(16.0).reshape(1, 1, 4, 4)
    dy = np.array([[[[1.0, np.nan], [np.inf, -3.0]]]])
    for name in ("numpy", "torch"):
        with nn.use_backend(name):
            inputs, slopes = (nn.asarray(a.astype(dtype)) for a in (x, dy))
            y = nn.ops.max_pool2d(inputs, 2)
            dx = to_numpy(nn.ops.max_pool2d_backward(slopes, inputs, y, 2)).astype(float)
        assert np.count_nonzero(dx) == 4
        np.testing.assert_array_equal(dx[:, :, 1::2, 1::2], dy)


def test_masks_count_as_whole_numbers_in_differences() -> None:
    with nn.use_backend("torch") as backend:
        x = backend.asarray(np.array([-1.0, 2.0], np.float32))
        np.testing.assert_array_equal(nn.to_numpy(1 - (x < 0)), [0, 1])
        np.testing.assert_array_equal(nn.to_numpy((x < 0) - x), [2, -2])
