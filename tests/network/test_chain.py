"""The chain of layers: building, flat buffers, slices, weights, moving."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from nnaccel import get_backend, use_backend
from nnaccel.layers import Activation, Dense, Dropout, Flatten, Layer
from nnaccel.model.sequential import Sequential
from nnaccel.network.chain import Network


def make(seed: int = 0, **settings: Any) -> Sequential:
    layers = [Dense(5, "relu"), Dropout(0.5), Dense(4, "tanh"), Dense(3, "softmax")]
    return Sequential(layers, seed=seed, **settings)


def data(rows: int = 12, features: int = 6, classes: int = 3) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    return rng.normal(size=(rows, features)).astype("float32"), rng.integers(classes, size=rows)


class Square(Layer):
    """A layer of a user's own: w * x**2, by plain array code."""

    def parameter_specs(self, input_shape: Any) -> Any:
        return {"w": (input_shape, lambda shape, rng: rng.normal(size=shape))}

    def infer_shape(self, input_shape: Any) -> Any:
        if len(input_shape) != 1:
            raise ValueError(f"takes vectors, not {input_shape}")
        return input_shape

    def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
        def backward(dy: Any, input_gradient: bool) -> Any:
            self.grads["w"][...] = (dy * x * x).sum(axis=0)
            return 2 * dy * x * self.params["w"] if input_gradient else None

        return self.params["w"] * x * x, backward


# Building


def test_flat_buffers_hold_every_parameter(backend: Any) -> None:
    model = make()
    model.build((6,))
    assert model.count_params == 6 * 5 + 5 + 5 * 4 + 4 + 4 * 3 + 3
    model.weights[...] = 2
    model.gradients[...] = 3
    for layer in model.layers:
        for name in layer.params:
            assert (layer.params[name] == 2).all()
            assert (layer.grads[name] == 3).all()


@given(shape=st.lists(st.integers(1, 4), min_size=1, max_size=3), units=st.integers(1, 9))
def test_images_go_into_dense(shape: list[int], units: int) -> None:
    model = Sequential([Dense(units)], seed=0)
    model.build(shape)
    x = np.ones((2, *shape), np.float32)
    assert model.input_shape == tuple(shape)
    np.testing.assert_allclose(
        model.predict(x), model.predict(x.reshape(2, -1)), err_msg="images are rows of pixels"
    )


def test_build_error_names_the_layer_and_builds_nothing() -> None:
    model = Sequential([Dense(3), Flatten(), Square(name="mine")], seed=0)
    bad = Sequential([Square(name="mine"), Dense(2)], seed=0)
    with pytest.raises(ValueError, match=r"layer 'mine': takes vectors, not \(2, 2\)"):
        bad.build((2, 2))
    assert not bad.built
    assert not any(layer.built or layer.params for layer in bad.layers)
    bad.build((4,))
    model.build((2, 2))
    assert model.output_shape == (3,)


def test_a_failing_initializer_leaves_the_model_unbuilt() -> None:
    class Failing(Square):
        def parameter_specs(self, input_shape: Any) -> Any:
            def fail(shape: Any, rng: Any) -> Any:
                raise ValueError("no such distribution")

            return {"w": (input_shape, fail)}

    first = Dense(3)
    with pytest.raises(ValueError, match="layer 'failing': no such distribution"):
        Sequential([first, Failing()], seed=0).build((2,))
    assert not first.built
    assert first.count_params == 0
    Sequential([first], seed=0).build((2,))


@pytest.mark.parametrize("shape", [(0,), (3, -1)])
def test_build_refuses_empty_axes(shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="at least 1"):
        make().build(shape)


def test_build_needs_layers_and_only_happens_once() -> None:
    with pytest.raises(ValueError, match="no layers"):
        Sequential(seed=0).build((3,))
    model = make()
    model.build((6,))
    with pytest.raises(RuntimeError, match=r"built already, for inputs of \(6,\)"):
        model.build((7,))


def test_layers_are_not_shared_but_by_slices() -> None:
    model = make()
    model.build((6,))
    with pytest.raises(ValueError, match=r"already belongs to a model: .* model\[:-1\].extended"):
        Sequential(model.layers[:2], seed=0).build((6,))
    twice = Dense(6)
    for layers in ([twice, twice], [Dense(6), twice, twice]):
        with pytest.raises(ValueError, match="already belongs to a model"):
            Sequential(layers, seed=0).build((6,))
        assert not twice.built
    Sequential([twice], seed=0).build((6,))


def test_names_are_numbered() -> None:
    model = Sequential([Dense(2), Dense(2, name="head"), Dense(2), Dense(2, name="head")])
    assert [layer.name for layer in model.layers] == ["dense", "head", "dense_1", "head_1"]
    with pytest.raises(TypeError, match="Dense is a class: write Dense"):
        model.add(Dense)  # type: ignore[arg-type]
    assert len(model) == 4


@pytest.mark.parametrize("seed", [-1, 1.5, True, "x"])
def test_bad_seeds(seed: Any) -> None:
    with pytest.raises(ValueError, match=r"seed|invalid literal"):
        Sequential([Dense(2)], seed=seed)


@pytest.mark.parametrize("dtype", ["int32", "float16", None, "x", 3, [], "complex64"])
def test_bad_dtypes(dtype: Any) -> None:
    with pytest.raises(ValueError, match="unknown dtype"):
        Sequential([Dense(2)], dtype=dtype)


@pytest.mark.parametrize("dtype", ["f4", np.float64, np.dtype("float32"), float, "<f8"])
def test_spellings_of_dtypes(dtype: Any) -> None:
    assert Sequential([Dense(2)], dtype=dtype).dtype == np.dtype(dtype)


def test_seed_decides_weights_on_every_backend(backend: Any) -> None:
    with use_backend("numpy"):
        reference = make(seed=3)
        reference.build((6,))
    model, other = make(seed=3), make(seed=4)
    model.build((6,))
    other.build((6,))
    for ours, theirs in zip(model.get_weights(), reference.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)
    assert not np.array_equal(model.get_weights()[0], other.get_weights()[0])
    assert make(None).seed != make(None).seed


# Weights


def test_weights_round_trip_as_copies(backend: Any) -> None:
    model, other = make(seed=1), make(seed=2)
    model.build((6,))
    other.build((6,))
    weights = model.get_weights()
    other.set_weights(weights)
    weights[0][...] = 0
    assert model.get_weights()[0].any()
    np.testing.assert_array_equal(other.get_weights()[0], model.get_weights()[0])


def test_set_weights_checks_everything_before_it_writes() -> None:
    model = make()
    with pytest.raises(RuntimeError, match="not built"):
        model.get_weights()
    model.build((6,))
    before = model.weights.copy()
    good = [w + 1 for w in model.get_weights()]
    with pytest.raises(ValueError, match=r"5 arrays given, but get_weights\(\) returns 6"):
        model.set_weights(good[:-1])
    with pytest.raises(ValueError, match=r"dense_2.b has shape \(3,\), but .* \(4,\)"):
        model.set_weights([*good[:-1], np.zeros(4)])
    with pytest.raises(ValueError, match="could not convert"):
        model.set_weights([*good[:-1], np.array(["a", "b", "c"])])
    np.testing.assert_array_equal(model.weights, before)


# Slices


def test_a_slice_shares_parameters(backend: Any) -> None:
    x, y = data()
    model = make()
    model.compile()
    model.fit(x, y, verbose=0)
    body, head = model[:-1], model[-1:]
    assert (len(body), len(head)) == (3, 1)
    np.testing.assert_allclose(head.predict(body.predict(x)), model.predict(x), rtol=1e-5)
    model.fit(x, y, epochs=2, verbose=0)
    np.testing.assert_allclose(head.predict(body.predict(x)), model.predict(x), rtol=1e-5)
    assert body.count_params + head.count_params == model.count_params
    body.weights[...] = 0
    assert not model.get_weights()[0].any()
    assert model.get_weights()[-2].any()


def test_a_slice_moves_with_its_model() -> None:
    x, y = data()
    model = make()
    model.compile()
    with use_backend("numpy"):
        model.fit(x, y, verbose=0)
        body = model.to("numpy")[:-1]
    before = body.predict(x)
    model.to("numba")
    assert body.backend.name == "numba"
    model.weights[...] *= 2
    np.testing.assert_array_equal(body.weights, model.weights[: body.weights.size])
    body.to("numpy")
    assert model.backend.name == "numpy"
    model.weights[...] /= 2
    np.testing.assert_allclose(body.predict(x), before, rtol=1e-5)


def test_a_slice_of_an_unbuilt_model_is_built_with_it() -> None:
    x, y = data()
    model = make()
    model.compile()
    body = model[:-1]
    with pytest.raises(RuntimeError, match="a slice is built with its model"):
        body.predict(x)
    model.fit(x, y, verbose=0)
    assert body.predict(x).shape == (12, 4)


def test_slices_of_slices_and_wrong_slices() -> None:
    model = make()
    model.build((6,))
    inner = model[1:][1:-1]
    assert inner.layers == model.layers[2:3]
    assert inner.predict(np.ones((1, 5))).shape == (1, 4)
    assert model[0] is model.layers[0]
    assert model[-1] is model.layers[-1]
    with pytest.raises(IndexError):
        model[4]
    for wrong in (slice(None, None, 2), slice(None, None, -1), slice(2, 2)):
        with pytest.raises(ValueError, match="step 1 and at least one layer"):
            model[wrong]


def test_a_slice_trains_and_so_does_its_model_after_it(backend: Any) -> None:
    x, y = data()
    model = make()
    model.compile(optimizer="adam")
    model.fit(x, y, verbose=0)
    head = model[2:]
    head.compile(optimizer="sgd")
    before = model.get_weights()
    head.fit(model[:2].predict(x), y, verbose=0)
    after = model.get_weights()
    np.testing.assert_array_equal(after[0], before[0])
    assert not np.array_equal(after[-1], before[-1])
    model.fit(x, y, epochs=2, verbose=0)
    assert np.isfinite(model.evaluate(x, y))


# Forward and backward


def test_backward_needs_no_gradient_below_the_first_parameters(backend: Any) -> None:
    model = Sequential([Flatten(), Activation("tanh"), Dense(2)], seed=0)
    model.build((2, 2))
    x = get_backend().asarray(np.ones((3, 2, 2), np.float32))
    y, backward = model.forward(x)
    assert y.shape == (3, 2)
    assert backward(get_backend().asarray(np.ones((3, 2), np.float32))) is None
    assert (model.layers[-1].grads["b"] == 3).all()
    dx = backward(get_backend().asarray(np.ones((3, 2), np.float32)), True)
    assert dx is not None
    assert dx.shape == (3, 2, 2)


@pytest.mark.parametrize("what", ["forward", "backward"])
def test_wrong_shapes_from_a_layer_of_ones_own_are_named(what: str, backend: Any) -> None:
    class Wrong(Layer):
        def infer_shape(self, input_shape: Any) -> Any:
            return input_shape

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            return (x[:, :1] if what == "forward" else x), lambda dy, _: dy[:, :1]

    model = Sequential([Dense(3), Wrong(), Dense(2, "softmax")], seed=0)
    model.compile()
    with pytest.raises(ValueError, match=rf"layer 'wrong': {what} returned \(4, 1\); expected"):
        model.fit(*data(4, classes=2), verbose=0)


def test_strided_float64_results_of_a_custom_layer_are_taken(backend: Any) -> None:
    class Reverse(Layer):
        def infer_shape(self, input_shape: Any) -> Any:
            return input_shape

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            return x[:, ::-1].astype("float64"), lambda dy, _: dy[:, ::-1].astype("float64")

    x, y = data()
    losses = []
    for last in (Reverse(), Activation("linear")):
        model = Sequential([Dense(3), last], seed=0)
        model.compile(loss="mse", optimizer="sgd")
        targets = np.eye(3)[y]
        reverse = targets[:, ::-1] if isinstance(last, Activation) else targets
        losses.append(model.fit(x, reverse, epochs=3, verbose=0).history["loss"])
    np.testing.assert_allclose(losses[0], losses[1], rtol=1e-6)


def test_network_alone_has_no_training() -> None:
    assert not hasattr(Network([Dense(2)]), "fit")


def test_arrays_of_another_dtype_are_not_converted(backend: Any) -> None:
    model = Sequential([Dense(2)])
    model.build((3,))
    wrong = backend.asarray(np.ones((4, 3)))
    with pytest.raises(TypeError, match="x float64, w float32"):
        model.forward(wrong)
    _, run_back = model.forward(backend.asarray(wrong, "float32"))
    with pytest.raises(TypeError, match="dy float64, x float32"):
        run_back(wrong[:, :2])
