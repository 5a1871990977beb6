"""Models of several inputs: a tuple of arrays, one for each branch of the first layer."""

from __future__ import annotations

import copy
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import to_numpy
from nnaccel.cli._saved import Saved
from nnaccel.training import checkpoint

from ..distributed.threads import Group
from ..fake_cupy import backend  # noqa: F401

RNG = np.random.default_rng(1)
N = 37
IMAGES = RNG.integers(0, 256, (N, 1, 6, 5)).astype(np.uint8)
NUMBERS = RNG.normal(0, 3, (N, 4))
Y = RNG.integers(0, 3, N)
X = IMAGES, NUMBERS
WEIGHTS = RNG.uniform(0, 2, N)
FIT: dict[str, Any] = {"batch_size": 8, "verbose": 0}


def network(images: Any = None, **how: Any) -> nn.Sequential:
    images = images or [nn.Conv2D(3, 3, "tanh"), nn.GlobalAvgPool2D(), nn.Dense(4)]
    layers = [
        nn.Parallel(images, [nn.Dense(5, "tanh"), nn.Dropout(0.2)], join="concat"),
        nn.Dense(3, "softmax"),
    ]
    model = nn.Sequential(layers, **{"seed": 2} | how)
    model.compile(optimizer=nn.optim.Adam(0.01), metrics=["accuracy"])
    return model


def rows(chosen: Any) -> Any:
    return tuple(part[chosen] for part in X)


def assert_equal(ours: nn.Sequential, theirs: nn.Sequential) -> None:
    np.testing.assert_array_equal(to_numpy(ours.weights), to_numpy(theirs.weights))


def test_they_train_as_one_array_that_holds_both(backend: Any) -> None:  # noqa: F811
    """Both inputs are rows of one table, of which each branch takes its columns."""
    table = RNG.normal(size=(N, 7)).astype("float32")
    layers = [nn.Dense(4, "tanh"), nn.Dense(3, "softmax")]
    whole = nn.Sequential(layers, seed=0)
    whole.build((7,))
    halves = [nn.Dense(4, use_bias=False), nn.Dense(4)]
    parted = nn.Sequential(
        [nn.Parallel(*([half] for half in halves)), nn.Activation("tanh"), nn.Dense(3, "softmax")]
    )
    parted.build(((3,), (4,)))
    w, b, *rest = whole.get_weights()
    parted.set_weights([w[:3], w[3:], b, *rest])
    for model, x in ((whole, table), (parted, (table[:, :3], table[:, 3:]))):
        model.seed = 5
        model.compile(optimizer=nn.optim.SGD(0.1), metrics=["accuracy"])
        model.fit(x, Y, epochs=2, **FIT)
    w, b, *rest = whole.get_weights()
    for ours, theirs in zip(parted.get_weights(), [w[:3], w[3:], b, *rest], strict=True):
        np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    found = parted.predict((table[:, :3], table[:, 3:]), batch_size=10)
    np.testing.assert_allclose(found, whole.predict(table), rtol=1e-4, atol=1e-6)


def test_each_input_is_scaled_by_itself(backend: Any) -> None:  # noqa: F811
    model, floats = network(), network()
    model.fit(X, Y, **FIT)
    floats.fit((IMAGES / np.float32(255), NUMBERS), Y, **FIT)
    np.testing.assert_allclose(
        to_numpy(model.weights), to_numpy(floats.weights), rtol=1e-3, atol=1e-5
    )
    images, numbers = model.input_scale.scales
    assert images.factor == 1 / 255
    assert numbers.factor is None
    assert numbers.largest == pytest.approx(abs(NUMBERS).max())
    np.testing.assert_allclose(
        model.predict(X), model.predict((IMAGES / 255, NUMBERS)), rtol=1e-4, atol=1e-6
    )


def test_fit_evaluate_and_predict_agree(backend: Any) -> None:  # noqa: F811
    model = network()
    history = model.fit(
        X, Y, epochs=2, validation_data=(X, Y, WEIGHTS), sample_weight=WEIGHTS, **FIT
    ).history
    found = model.evaluate(X, Y, sample_weight=WEIGHTS, batch_size=10)
    np.testing.assert_allclose(history["val_loss"][-1], found[0], rtol=1e-5)
    outputs = model.predict(X)
    assert found[1] == pytest.approx((outputs.argmax(axis=1) == Y).mean())
    np.testing.assert_allclose(to_numpy(model(X)), outputs, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(model.predict(rows(slice(0, 3))), outputs[:3], rtol=1e-5, atol=1e-6)
    y, backward = model.forward(tuple(model.backend.asarray(a, "float32") for a in X))
    assert [dx.shape for dx in backward(y, input_gradient=True)] == [a.shape for a in X]


def test_streams_and_batches_are_as_arrays(backend: Any) -> None:  # noqa: F811
    chosen = [slice(i, i + 8) for i in range(0, N, 8)]
    batches = [(rows(rows_), Y[rows_], WEIGHTS[rows_]) for rows_ in chosen]

    def reused() -> Any:  # fills the same arrays again
        images, numbers = IMAGES[:8].copy(), NUMBERS[:8].copy()
        for x, y, w in batches:
            images[: len(y)], numbers[: len(y)] = x
            yield (images[: len(y)], numbers[: len(y)]), y, w

    models = [network() for _ in range(4)]
    models[0].fit(X, Y, shuffle=False, sample_weight=WEIGHTS, **FIT)
    models[1].fit(batches, validation_data=batches, verbose=0)
    models[2].fit(reused, verbose=0)
    for x, y, w in batches:
        models[3].train_on_batch(x, y, sample_weight=w)
    for model in models[1:]:
        assert_equal(model, models[0])
    found = models[0].predict(reused)
    np.testing.assert_array_equal(models[0].predict(iter([x for x, *_ in batches])), found)
    np.testing.assert_allclose(
        models[0].evaluate(batches), models[0].evaluate(X, Y, sample_weight=WEIGHTS), rtol=1e-5
    )


def test_memory_mapped_images(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", IMAGES)
    mapped, plain = network(), network()
    mapped.fit((np.load(tmp_path / "x.npy", mmap_mode="r"), NUMBERS), Y, **FIT)
    plain.fit(X, Y, **FIT)
    assert_equal(mapped, plain)


@pytest.mark.parametrize("shards", [2, 4])
def test_ranks_train_as_one(shards: int) -> None:
    def train(comm: Any) -> Any:
        model = network(dtype="float64")
        model.fit(X, Y, epochs=2, sample_weight=WEIGHTS, distributed=comm, **FIT)
        return model.weights.copy()

    wanted = train(None)
    for found in Group(2, shards).run(train):
        np.testing.assert_allclose(found, wanted, rtol=1e-7)


def test_ranks_with_other_inputs_are_told() -> None:
    def train(comm: Any) -> None:
        with pytest.raises(ValueError, match="another data on rank 1"):
            network().fit((IMAGES, NUMBERS + comm.rank), Y, distributed=comm, **FIT)

    Group(2, 2).run(train)


def test_saved_resumed_and_copied(tmp_path: Path) -> None:
    path = tmp_path / "two.safetensors"
    whole = network()
    whole.fit(X, Y, epochs=3, **FIT)
    network().fit(X, Y, epochs=2, checkpoint=path, **FIT)
    resumed = network()
    resumed.fit(X, Y, epochs=3, checkpoint=path, resume=True, **FIT)
    assert_equal(resumed, whole)
    again = nn.load(path)
    assert again.input_shape == ((1, 6, 5), (4,))
    for model in (again, copy.deepcopy(whole), pickle.loads(pickle.dumps(whole))):
        assert_equal(model, whole)
        np.testing.assert_array_equal(model.predict(X), whole.predict(X))
        assert model.input_scale.description() == whole.input_scale.description()
        model.fit(X, Y, epochs=4, initial_epoch=3, **FIT)
    head = whole[:-1].extended([nn.Dense(2)])
    assert head.predict(X).shape == (N, 2)
    assert head.input_scale.scales[0].factor == 1 / 255


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("input_shape", [[1, 6, 5]]),
        ("input_shape", [[1, 6, 5], [5]]),
        ("input_shape", [[1, 6, 5], 4]),
        ("input_shape", [30, 4]),
        ("input_scale", {"factor": None, "largest": None}),
        ("input_scale", [{"factor": None, "largest": None}]),
    ],
)
def test_damaged_files(key: str, value: Any, tmp_path: Path) -> None:
    model = network()
    model.fit(X, Y, **FIT)
    arrays, described = model.state()
    checkpoint.write(tmp_path / "m", arrays, described | {key: value})
    with pytest.raises(nn.CheckpointError):
        nn.load(tmp_path / "m")


def test_gradients_and_parity() -> None:
    for join in ("concat", "add", "multiply"):
        branches = [nn.Conv2D(2, 3, "tanh"), nn.Dense(4)], [nn.Dense(4, "tanh")]
        layers = [nn.Parallel(*branches, join=join), nn.Dense(3, "softmax")]
        model = nn.Sequential(layers, seed=0, dtype="float64")
        model.compile()
        nn.gradcheck(model, X, Y)
    model = network()
    nn.assert_parity(model, ["numpy", "numba"], X, Y)


def test_an_empty_branch_and_a_chain_at_the_head() -> None:
    head = nn.Chain([nn.Parallel([nn.Flatten()], [], join="concat"), nn.Dense(2)])
    model = nn.Sequential([head, nn.Dense(1)], seed=0)
    model.compile("mse")
    model.fit(X, Y, validation_split=0.2, **FIT)
    assert model.layers[0].layers[0].output_shape == (34,)


def test_a_residual_at_the_head_takes_one_input() -> None:
    model = nn.Sequential([nn.Residual([nn.Dense(4)]), nn.Dense(3, "softmax")], seed=0)
    model.compile()
    with pytest.raises(ValueError, match="2 inputs, but the first layer is 'residual'"):
        model.build(((4,), (4,)))
    model.fit(tuple(map(tuple, NUMBERS.tolist())), Y, **FIT)
    assert model.input_shape == (4,)


def test_16_bits() -> None:
    with nn.use_backend("numpy"):
        model = network(dtype="mixed_float16")
        model.fit(X, Y, **FIT)
        np.testing.assert_allclose(model.predict(X).sum(axis=1), 1, rtol=1e-3)


def test_what_is_shown_of_them() -> None:
    model = network()
    model.build(((1, 6, 5), (4,)))
    lines: list[str] = []
    model.summary(lines.append)
    assert "(None, 9)" in lines[0]
    assert "parallel/dense" in {step.layer for step in nn.explain(model)}
    assert "parallel" in str(nn.explain(model, timed=True, steps=1))
    assert nn.find_learning_rate(model, X, Y, steps=10).suggested > 0


def test_lists_in_place_of_tuples() -> None:
    """As PyTorch's `DataLoader` gives them."""
    listed, tupled = network(), network()
    batches = [[[*rows(slice(0, 20))], Y[:20]], [[*rows(slice(20, None))], Y[20:]]]
    listed.fit((batch for batch in batches), **FIT)
    tupled.fit([((*x,), y) for x, y in batches], **FIT)
    for prefetch in 0, 2:
        listed.fit(lambda: iter(batches), prefetch=prefetch, **FIT)
        tupled.fit([((*x,), y) for x, y in batches], **FIT)
    listed.fit([*X], Y, validation_data=[[*X], Y], validation_split=0, **FIT)
    tupled.fit(X, Y, **FIT)
    listed.fit([*X], Y, validation_split=0.2, **FIT)
    tupled.fit(X, Y, validation_split=0.2, **FIT)
    assert_equal(listed, tupled)
    wanted = tupled.predict(X)
    np.testing.assert_array_equal(listed.predict([*X]), wanted)
    for given in ([[[*X], Y]], [[*X]], [([*X], Y)], [X], [[X, Y]]):
        np.testing.assert_allclose(listed.predict(iter(given)), wanted, rtol=1e-5)
    assert listed.evaluate([*X], Y) == tupled.evaluate(X, Y)
    assert listed.train_on_batch([*X], Y) == tupled.train_on_batch(X, Y)


def test_a_data_loader_of_pytorch() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    rows_of = [((torch.tensor(i), torch.tensor(n)), int(y)) for i, n, y in zip(*X, Y, strict=True)]
    ours, theirs = network(), network()
    ours.fit(torch.utils.data.DataLoader(rows_of, batch_size=8), **FIT)
    theirs.fit([(rows(s), Y[s]) for s in (slice(i, i + 8) for i in range(0, N, 8))], **FIT)
    assert_equal(ours, theirs)


@pytest.mark.parametrize("built", [True, False])
def test_inputs_laid_beside_the_targets(built: bool) -> None:
    model = network()
    if built:
        model.build(((1, 6, 5), (4,)))
    hint = r"Several inputs are a tuple within the batch: \(\(x1, x2\), y\)"
    with pytest.raises(ValueError, match=f"batch 1: .*{hint}"):
        model.fit(iter([(IMAGES, NUMBERS, Y)]), **FIT)
    with pytest.raises(ValueError, match=r"batch 1 is of type list; .*: \(\(x1, x2, x3\), y\)"):
        model.fit(iter([[IMAGES, NUMBERS, NUMBERS, Y]]), **FIT)


@pytest.mark.parametrize(
    ("x", "message"),
    [
        ((IMAGES, NUMBERS, NUMBERS), "3 inputs for 2 branches"),
        ((IMAGES,), "1 input for 2 branches"),
        ((), "tuple of inputs is empty"),
        ([NUMBERS.tolist(), [1]], "Several inputs are a tuple of arrays, not a list, until"),
        ([NUMBERS, NUMBERS], "they must pair up. Several inputs are a tuple of arrays, not a list"),
        ((IMAGES, NUMBERS[1:]), "the inputs have 37 and 36 rows"),
        ((IMAGES, np.full((N, 4), np.nan)), "input 2 of 2: inputs contain NaN"),
        ((NUMBERS, IMAGES), "takes images"),
        ([NUMBERS.tolist(), [1]], "several inputs are a tuple, for a Parallel as the first layer"),
    ],
)
def test_inputs_that_do_not_fit(x: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        network().fit(x, Y, **FIT)


def test_refusals(tmp_path: Path) -> None:
    model = network()
    model.fit(X, Y, **FIT)
    wrong: dict[str, Any] = {
        "a ndarray": IMAGES,
        "a tuple of 1": (IMAGES,),
        "a list": [IMAGES, NUMBERS, NUMBERS],
    }
    for given, x in wrong.items():
        with pytest.raises(ValueError, match=f"2 inputs, .* branches of 'par.*, but got {given}"):
            model.predict(x)
    with pytest.raises(ValueError, match=r"input 2 of 2: inputs have shape .* built for \(4,\)"):
        model.predict((IMAGES, IMAGES[:, 0]))
    with pytest.raises(ValueError, match=r"input 1 of 2: inputs have shape \(37, 4\)"):
        model.predict((NUMBERS, IMAGES))
    with pytest.raises(ValueError, match="y is missing"):
        model.fit(X, **FIT)
    with pytest.raises(ValueError, match=r"inputs are a dict. To fix: .* inputs as a tuple$"):
        network().fit({"images": IMAGES, "numbers": NUMBERS}, Y, **FIT)
    with pytest.raises(ValueError, match="augment changes the images of a model with one input"):
        model.fit(X, Y, augment=nn.data.Augment(shift=1), **FIT)
    with pytest.raises(ValueError, match=r"input_shape=4 must be .* give \(4,\)"):
        network().build(((1, 6, 5), 4))
    with pytest.raises(ValueError, match="2 inputs, but the first layer is 'dense'"):
        nn.Sequential([nn.Dense(3)]).build(((2,), (3,)))
    with pytest.raises(ValueError, match="they must pair up"):
        network().fit(X, Y[1:], **FIT)
    with pytest.raises(ValueError, match="y is missing"):
        network().fit(X, **FIT)
    for what, run in {
        "feature_maps": lambda: nn.filters.feature_maps(model, 0, IMAGES[0, 0]),
        "the command line": lambda: Saved.read(tmp_path / "m.safetensors"),
    }.items():
        model.save(tmp_path / "m.safetensors")
        with pytest.raises(ValueError, match=f"{what} is for models of one input, but .* takes 2"):
            run()
