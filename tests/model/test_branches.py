"""Models with layers within layers: trained, frozen, saved, resumed, copied, sliced, shown."""

from __future__ import annotations

import copy
import json
import pickle
import runpy
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from safetensors.numpy import save_file

import nnaccel as nn
from nnaccel.backends import to_numpy
from nnaccel.layers._composite import MOST_DEPTH

from ..fake_cupy import backend, fake_cupy  # noqa: F401
from ..processes import ROOT
from ..training.own_pieces import Scaled

RNG = np.random.default_rng(1)
X = RNG.normal(size=(40, 2, 6, 6)).astype("float32")
Y = RNG.integers(3, size=40)


def layers(own: bool = False) -> list[Any]:
    return [
        nn.Conv2D(3, 3, padding=1),
        nn.Residual(
            [
                nn.Sequential([nn.BatchNorm(), nn.Activation("tanh")]),
                nn.Conv2D(4, 3, "tanh", stride=2, padding=1, penalty="l2"),
                *([Scaled("scaled")] if own else []),
                nn.Dropout(0.2),
            ]
        ),
        nn.Parallel(
            [nn.Dense(5, "tanh")],
            [nn.Flatten(), nn.Residual([nn.Dense(20, "tanh")]), nn.Dense(5, penalty="l1")],
            join="multiply",
        ),
        nn.Parallel([nn.Dense(4, "tanh")], [], join="concat"),
        nn.Sequential([nn.Residual([nn.Dense(9)]), nn.Dense(3, "softmax")]),
    ]


def make(own: bool = False, optimizer: Any = "adam", **settings: Any) -> nn.Sequential:
    model = nn.Sequential(layers(own), **{"seed": 2, **settings})
    model.compile(optimizer=optimizer, metrics=["accuracy"])
    return model


def fit(model: nn.Sequential, epochs: int = 2, **how: Any) -> dict[str, list[float]]:
    return dict(model.fit(X, Y, epochs=epochs, batch_size=16, verbose=0, **how).history)


def assert_same(a: nn.Sequential, b: nn.Sequential) -> None:
    assert [*a.arrays] == [*b.arrays]
    for ours, theirs in zip(a.get_weights(), b.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)


@pytest.mark.parametrize("own", [False, True])
@pytest.mark.parametrize("name", ["numpy", "numba"])
def test_gradients(name: str, own: bool) -> None:
    with nn.use_backend(name):
        model = make(own, dtype="float64")
        nn.gradcheck(model, X[:8].astype("float64"), Y[:8])
        model[1].trainable = False
        nn.gradcheck(model, X[:8].astype("float64"), Y[:8])


@pytest.mark.parametrize("own", [False, True])
def test_it_trains_alike_everywhere(backend: Any, own: bool) -> None:  # noqa: F811
    ours = fit(make(own))
    with nn.use_backend("numpy"):
        theirs = fit(make(own))
    np.testing.assert_allclose(ours["loss"], theirs["loss"], rtol=1e-4)
    np.testing.assert_allclose(ours["accuracy"], theirs["accuracy"], atol=1 / 40)


@pytest.mark.parametrize("own", [False, True])
def test_the_tape_changes_no_bit(own: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    with nn.use_backend("numba") as numba:
        taped, plain = make(own), make(own)
        fit(taped)

        def record(step: Any) -> Any:
            return lambda repeats: [step() for _ in range(repeats)]

        monkeypatch.setitem(vars(numba), "record", record)
        fit(plain)
        assert_same(taped, plain)


def test_all_of_it_is_compiled() -> None:
    with nn.use_backend("numba"):
        model = make()
        model.build(X.shape[1:])
        assert {s.kernel.partition(".")[0] for s in nn.explain(model) if s.kernel} == {"cpu"}


def test_a_layer_of_ones_own_inside_is_a_host_row() -> None:
    model = make(own=True)
    model.build(X.shape[1:])
    assert {s.layer for s in nn.explain(model) if s.kernel == "host"} == {"residual/scaled"}


def test_a_layer_of_ones_own_inside_that_writes_no_gradient() -> None:
    class Lazy(Scaled):
        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            return x, lambda dy, _: dy

    model = nn.Sequential([nn.Residual([nn.Dense(3), Lazy()]), nn.Dense(3, "softmax")])
    model.compile()
    with pytest.raises(ValueError, match="'lazy': backward wrote no gradient of 'scale'"):
        model.fit(X.reshape(40, -1), Y, verbose=0)


@pytest.mark.parametrize("dtype", ["float32", "mixed_float16"])
def test_saved_and_resumed_bit_for_bit(backend: Any, dtype: str, tmp_path: Path) -> None:  # noqa: F811
    whole, first, path = make(dtype=dtype), make(dtype=dtype), tmp_path / "m"
    fit(whole, 3)
    fit(first, 1, checkpoint=path)
    loaded = nn.load(path)
    assert_same(first, loaded)
    again = make(seed=5, dtype=dtype)
    fit(again, 3, checkpoint=path, resume=True)
    assert_same(whole, again)


def test_files_have_nested_names(tmp_path: Path) -> None:
    model = make()
    model.build(X.shape[1:])
    model[4].children[0].children[0].trainable = False
    model.save(tmp_path / "m")
    with safe_open(tmp_path / "m", "numpy") as file:
        names = set(file.keys())
    assert {"conv2d.w", "residual/conv2d.w", "residual/projection.w"} <= names
    assert {"residual/chain/batchnorm.running_mean", "chain/residual/dense.b"} <= names
    loaded = nn.load(tmp_path / "m")
    assert not loaded[4].children[0].children[0].trainable
    assert loaded.segments() == model.segments()
    assert model.segments()[0].stop - model.segments()[0].start < model.weights.size


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
@pytest.mark.parametrize("own", [False, True])
def test_copies_go_on_bit_for_bit(backend: Any, copied: Any, own: bool) -> None:  # noqa: F811
    model = make(own)
    fit(model, 1)
    model[2].branches[1][1].trainable = False
    other = copied(model)
    assert_same(model, other)
    assert not other[2].branches[1][1].trainable
    assert other[2].trainable
    fit(model, 2, initial_epoch=1)
    fit(other, 2, initial_epoch=1)
    assert_same(model, other)


def test_slices_share_what_is_inside() -> None:
    model = make()
    fit(model)
    body, head = model[:3], model[3:]
    np.testing.assert_array_equal(head.predict(body.predict(X)), model.predict(X))
    assert body.weights.size + head.weights.size == model.weights.size
    assert np.shares_memory(body.weights, model.weights)
    body.weights[...] = 0
    assert not to_numpy(model[1].layers[1].params["w"]).any()
    one = copy.deepcopy(head)
    np.testing.assert_array_equal(one.predict(body.predict(X)), model.predict(X))
    longer = model[:4].extended([nn.Dense(2, "softmax")])
    np.testing.assert_array_equal(longer[:4].predict(X), model[:4].predict(X))


def test_a_frozen_composite_stays(backend: Any) -> None:  # noqa: F811
    model = make(own=True)
    model.build(X.shape[1:])
    for index in (1, 2):
        model[index].trainable = False
    before = {name: to_numpy(array).copy() for name, array in model.arrays.items()}
    fit(model)
    for name, array in model.arrays.items():
        is_frozen = name.startswith(("residual/", "parallel/"))
        assert np.array_equal(to_numpy(array), before[name]) == is_frozen, name


def test_dropout_inside_has_a_mask_of_its_own() -> None:
    inside = [nn.Residual([nn.Dropout(0.5)]), nn.Residual([nn.Dropout(0.5)])]
    model = nn.Sequential([*inside, nn.Dropout(0.5)], seed=0)
    model.build((1000,))
    x = np.ones((1, 1000), np.float32)
    first, second, third = (layer.forward(x, training=True)[0] for layer in model.layers)
    assert set(np.unique(first)) == {1, 3}
    kept = [first > 1, second > 1, third > 0]
    for a, b in ((0, 1), (0, 2), (1, 2)):
        assert 400 < (kept[a] == kept[b]).sum() < 600


def test_layers_inside_begin_unlike_each_other() -> None:
    model = nn.Sequential([nn.Parallel([nn.Dense(4)], [nn.Dense(4)]), nn.Dense(4)], seed=0)
    model.build((4,))
    weights = [array for name, array in model.arrays.items() if name.endswith(".w")]
    assert len({array.tobytes() for array in weights}) == 3


@pytest.mark.slow
def test_a_residual_network_of_20_layers_learns(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    resnet = runpy.run_path(str(ROOT / "examples" / "resnet.py"))["resnet"]
    model = nn.Sequential(resnet(4), seed=0)
    model.compile(optimizer="adam")
    rng = np.random.default_rng(0)
    y = np.arange(16) % 4
    x = (rng.normal(size=(16, 3, 32, 32)) + y[:, None, None, None]).astype("float32")
    losses = model.fit(x, y, epochs=4, batch_size=8, verbose=0).history["loss"]
    assert losses[-1] < losses[0] / 2
    assert model.count_params == 271_892
    assert sum(isinstance(layer, nn.Conv2D | nn.Dense) for layer in model.leaves) == 20 + 2
    halved = [layer for layer in model.layers if getattr(layer, "projection", None)]
    assert [layer.output_shape for layer in halved] == [(32, 16, 16), (64, 8, 8)]


def test_the_summary_indents(capsys: pytest.CaptureFixture[str]) -> None:
    model = make()
    model.build(X.shape[1:])
    model[1].trainable = False
    model.summary()
    lines = capsys.readouterr().out.splitlines()
    assert [line.partition(" (")[0] for line in lines[2:-2]] == [
        "conv2d",
        "residual",
        "  chain",
        "    batchnorm",
        "    activation",
        "  conv2d",
        "  dropout",
        "  projection",
        "parallel",
        "  dense",
        "  flatten",
        "  residual",
        "    dense",
        "    projection",
        "  dense_1",
        "parallel_1",
        "  dense",
        "chain",
        "  residual",
        "    dense",
        "  dense",
    ]
    frozen = sum(
        a.size for n, a in model.arrays.items() if n[:9] == "residual/" and "ing_" not in n
    )
    assert lines[-1].startswith(f"{model.count_params:,} parameters")
    assert f"{model.count_params - frozen:,} of them trainable" in lines[-1]


def test_explain_indents_and_tells_what_is_not_run() -> None:
    model = make()
    model.build(X.shape[1:])
    model[0].trainable = False
    steps = nn.explain(model)
    text = str(steps)
    assert "\n  projection  " in text
    assert "\n    batchnorm  " in text
    ways = {(step.layer, step.direction) for step in steps}
    assert ("residual/chain/batchnorm", "weight gradient") in ways
    assert ("residual/chain/batchnorm", "input gradient") not in ways
    assert ("residual/conv2d", "input gradient") in ways
    assert ("residual/projection", "input gradient") not in ways
    assert ("residual", "input gradient") not in ways
    assert ("parallel", "input gradient") in ways
    assert {step.op for step in steps if "/" not in step.layer} >= {"add", "multiply", "concat"}


def test_a_built_model_is_no_layer() -> None:
    inner = nn.Sequential([nn.Dense(3)])
    inner.build((4,))
    with pytest.raises(ValueError, match="must not be built yet"):
        nn.Sequential([inner])
    with pytest.raises(TypeError, match="in one list"):
        nn.Sequential(nn.Sequential([nn.Dense(3)]))


def test_one_layer_in_two_places() -> None:
    shared = nn.Dense(4)
    model = nn.Sequential([nn.Residual([shared]), nn.Chain([shared])])
    with pytest.raises(ValueError, match="'chain/dense' already belongs to a model"):
        model.build((4,))


def test_a_failed_build_leaves_nothing_behind(monkeypatch: pytest.MonkeyPatch) -> None:
    model = nn.Sequential([nn.Residual([nn.Dense(4)]), nn.Chain([nn.Dense(2, initializer=fail)])])
    with pytest.raises(RuntimeError, match="no numbers"):
        model.build((4,))
    assert not any(layer.built for layer in (model[0], model[0].layers[0], model[1]))
    assert not model[0].layers[0].params


class Fail(nn.initializers.Initializer):
    def __call__(self, shape: Any, rng: Any) -> Any:
        raise RuntimeError("no numbers")


fail: Any = Fail()


def description(model: nn.Sequential) -> dict[str, Any]:
    return json.loads(json.dumps(model.state()[1]))


def refuse(model: nn.Sequential, described: Any, path: Path, words: str) -> None:
    arrays = model.state()[0]
    save_file(arrays, path, {"nnaccel": json.dumps({"format": 2, **described})})
    with pytest.raises(nn.CheckpointError, match=words):
        nn.load(path)


def test_hostile_nesting(tmp_path: Path) -> None:
    model, path = make(), tmp_path / "m"
    model.build(X.shape[1:])
    for levels in (MOST_DEPTH, 200):
        entry = description(model)["layers"][0]
        for _ in range(levels + 1):
            entry = {"class": "Chain", "config": {"layers": [entry], "name": None}}
        refuse(model, {**description(model), "layers": [entry]}, path, "32 deep")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda c: c.update(layers=[]), "at least one layer"),
        (lambda c: c.update(layers=3), "lists of layers"),
        (lambda c: c.update(layers=[3]), "expected layers"),
        (lambda c: c.update(layers=[[]]), "expected layers"),
        (lambda c: c.update(layers=[{}]), "class"),
        (lambda c: c.update(evil=1), "evil"),
        (lambda c: c["layers"][1]["config"].update(filters=5), "residual/conv2d.w has shape"),
        (lambda c: c["layers"][1].update({"class": "Danse"}), "Danse"),
        (lambda c: c["layers"][1]["config"].update(filters=10**9), "residual/conv2d.w has shape"),
        (lambda c: c["layers"][1]["config"].update(name="a/b"), "must not have '/'"),
        (lambda c: c["layers"][1]["config"].update(name="other"), "residual/other.w is missing"),
    ],
)
def test_hostile_descriptions(change: Any, words: str, tmp_path: Path) -> None:
    model = make()
    model.build(X.shape[1:])
    described = description(model)
    change(described["layers"][1]["config"])
    refuse(model, described, tmp_path / "m", words)


@pytest.mark.parametrize("dtype", ["mixed_float16", "mixed_bfloat16"])
def test_mixed_precision(dtype: str) -> None:
    with nn.use_backend("numpy"):
        model = make(own=True, dtype=dtype)
        model.build(X.shape[1:])
        seen = []
        inner = model[1].layers[1]
        forward = inner.forward

        def watched(x: Any, *how: Any) -> Any:
            seen.append(x.dtype)
            return forward(x, *how)

        inner.forward = watched
        losses = fit(model, 4)["loss"]
        assert {str(found) for found in seen} == {dtype.partition("_")[2]}
        exact = fit(make(own=True), 4)["loss"]
        np.testing.assert_allclose(losses, exact, rtol=0.05)
