"""Layers, optimisers and metrics of the user's own train as on NumPy, on every backend."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import nnaccel as nn
from nnaccel.backends import to_numpy

from ..fake_cupy import backend  # noqa: F401
from .ctrl_c import interrupt_fit, not_on_windows
from .own_pieces import Momentum, Scaled, Spread, largest_error

RNG = np.random.default_rng(1)
Y = RNG.integers(3, size=61)
X = (RNG.normal(size=(61, 5)) + 2 * np.eye(5)[Y]).astype("float32")


def network(optimizer: Any = "adam", **settings: Any) -> nn.Sequential:
    layers = [nn.Dense(9, "relu"), Scaled(), nn.Dense(7, "tanh"), nn.Dense(3, "softmax")]
    model = nn.Sequential(layers, seed=2)
    model.compile(optimizer=optimizer, **settings)
    return model


def fit(model: nn.Sequential, **settings: Any) -> dict[str, list[float]]:
    settings = {"epochs": 3, "batch_size": 8, "validation_data": (X, Y), **settings}
    return model.fit(X, Y, verbose=0, **settings).history


def test_all_at_once_train_as_on_numpy(backend: Any) -> None:  # noqa: F811
    def run() -> dict[str, list[float]]:
        return fit(network(Momentum(), metrics=["accuracy", largest_error, Spread()]))

    ours = run()
    assert list(ours)[:4] == ["loss", "accuracy", "largest_error", "Spread"]
    assert ours["loss"][-1] < 0.7 * ours["loss"][0]
    with nn.use_backend("numpy"):
        theirs = run()
    for name, values in theirs.items():
        np.testing.assert_allclose(ours[name], values, rtol=2e-4, err_msg=name)


def test_metrics_are_exact_over_an_epoch(backend: Any) -> None:  # noqa: F811
    model = network(metrics=[largest_error, Spread()])
    fit(model, epochs=1)
    p = model.predict(X)
    values = model.evaluate(X, Y, batch_size=7, return_dict=True)
    assert values["largest_error"] == pytest.approx(abs(p - np.eye(3)[Y]).max(axis=1).mean())
    assert values["Spread"] == pytest.approx(np.ptp(p))


def test_losses_and_metrics_may_change_what_they_are_given(backend: Any) -> None:  # noqa: F811
    def clean(outputs: Any, targets: Any) -> Any:
        error = outputs - targets
        return (error * error).sum(axis=1), 2 * error

    def messy(outputs: Any, targets: Any) -> Any:
        outputs -= targets
        targets *= 0
        return (outputs * outputs).sum(axis=1), 2 * outputs

    def wiped(outputs: Any, targets: Any) -> Any:
        outputs *= 0
        return outputs.sum(axis=1)

    ours, theirs = (
        fit(network("sgd", loss=loss, metrics=metrics))
        for loss, metrics in ((messy, [wiped, Spread()]), (clean, [Spread()]))
    )
    assert {name: ours[name] for name in theirs} == theirs


def test_an_evaluation_within_a_training_leaves_its_metrics(backend: Any) -> None:  # noqa: F811
    def evaluate(batch: int, logs: Any) -> None:
        models[0].evaluate(X[:9], Y[:9])

    callbacks = [nn.LambdaCallback(on_train_batch_end=evaluate)]
    models = [network(metrics=[largest_error, Spread()]) for _ in range(2)]
    assert fit(models[0], callbacks=callbacks) == fit(models[1])


def test_metrics_that_override_a_counting_one(backend: Any) -> None:  # noqa: F811
    class Halves(nn.metrics.Accuracy):
        def count(self, backend: Any, outputs: Any, targets: Any, logits: bool, total: Any) -> None:
            total += len(outputs) / 2

    class Rows(nn.metrics.Accuracy):
        def reset(self) -> None:
            self.rows = 0

        def update(self, outputs: Any, targets: Any) -> None:
            self.rows += len(outputs)

        def result(self) -> float:
            return self.rows

    model = network(metrics=[Halves(), Rows()])
    history = fit(model, epochs=2)
    assert history["Halves"] == history["val_Halves"] == [0.5, 0.5]
    assert history["Rows"] == history["val_Rows"] == [61, 61]


def test_a_tape_with_host_rows_gives_the_same_bits_on_any_number_of_threads() -> None:
    from nnaccel_kernels import cpu
    from nnaccel_kernels.cpu.runtime.thread_pool import thread_pool

    before, found = thread_pool().size, []
    try:
        for threads in (1, 2, 3):
            cpu.set_num_threads(threads)
            with nn.use_backend("numba"):
                model = network(Momentum())
                fit(model)
                found.append(to_numpy(model.weights).copy())
    finally:
        cpu.set_num_threads(before)
    for weights in found[1:]:
        np.testing.assert_array_equal(weights, found[0])


def test_an_update_that_changes_nothing_is_told(backend: Any) -> None:  # noqa: F811
    class Rebinds(Momentum):
        def update(self, w: Any, g: Any, slots: Any, clock: Any) -> None:
            w = w - clock.learning_rate * g

    class Returns(Momentum):
        def update(self, w: Any, g: Any, slots: Any, clock: Any) -> Any:
            return w - clock.learning_rate * g

    class Replaces(Momentum):
        def update(self, w: Any, g: Any, slots: Any, clock: Any) -> None:
            slots[0] = self.mu * slots[0] + g

    with pytest.raises(TypeError, match="does not support item assignment"):
        fit(network(Replaces()), epochs=1)
    with pytest.warns(UserWarning, match="changed no weight"):
        fit(network(Rebinds()), epochs=1)
    with pytest.raises(TypeError, match="change w in place"):
        fit(network(Returns()), epochs=1)


def test_clipping_of_ones_own(backend: Any) -> None:  # noqa: F811
    class Halved(nn.optim.SGD):
        def clip(self, kernels: Any, gradients: Any, each: Any) -> None:
            gradients *= 0.5

    halved = fit(network(Halved(0.2)))["loss"]
    assert halved == pytest.approx(fit(network(nn.optim.SGD(0.1)))["loss"], rel=1e-4)


def test_a_warm_up_from_a_rate_of_0_needs_no_change(backend: Any) -> None:  # noqa: F811
    fit(network(Momentum(nn.optim.schedules.Warmup(0.05, steps=4))), epochs=1)


def test_an_error_in_a_layer_comes_as_it_is_and_the_model_stays_usable(backend: Any) -> None:  # noqa: F811
    class Failing(Scaled):
        steps = 0

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            self.steps += training
            if self.steps == 4:
                raise ZeroDivisionError("mine")
            return super().forward(x, training, activate)

    model = nn.Sequential([nn.Dense(4), Failing(), nn.Dense(3, "softmax")], seed=0)
    model.compile(optimizer="sgd")
    with pytest.raises(ZeroDivisionError, match="mine") as caught:
        fit(model, validation_data=None)
    assert caught.traceback[-1].name == "forward"
    assert int(to_numpy(model.iterations)[0]) == 3
    assert np.isfinite(fit(model)["loss"]).all()


@pytest.mark.parametrize("replaced", ["params['scale']", "grads['scale']", "state['seen']"])
def test_a_layer_that_replaces_an_array_is_refused(backend: Any, replaced: str) -> None:  # noqa: F811
    """The optimiser, files and copies would go on with the old one."""

    class Replacing(Scaled):
        on = True

        def state_specs(self, input_shape: Any) -> Any:
            return {"seen": (input_shape, nn.initializers.get("zeros"))}

        def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
            y, run_back = super().forward(x, training, activate)
            if self.on and "params" in replaced:
                self.params["scale"] = abs(self.params["scale"])
            if self.on and "state" in replaced:
                self.state["seen"] = self.state["seen"] + x.sum(axis=0)

            def backward(dy: Any, input_gradient: bool) -> Any:
                dx = run_back(dy, input_gradient)
                if self.on and "grads" in replaced:
                    self.grads["scale"] = self.grads["scale"] * 1.0
                return dx

            return y, backward

    model = nn.Sequential([nn.Dense(4), Replacing(), nn.Dense(3, "softmax")], seed=0)
    model.compile(optimizer=Momentum())
    with pytest.raises(ValueError, match=re.escape(f"replaced {replaced}")):
        fit(model, validation_data=None)
    model[1].on = False
    history = fit(model)
    assert history["loss"][-1] < history["loss"][0]


def test_an_optimizer_of_ones_own_is_saved_and_resumed(backend: Any, tmp_path: Path) -> None:  # noqa: F811
    path = tmp_path / "run.safetensors"
    whole = network(Momentum(mu=0.8))
    fit(whole, epochs=4)
    fit(network(Momentum(mu=0.8)), epochs=2, checkpoint=path)
    resumed = network(Momentum(mu=0.8))
    fit(resumed, epochs=4, checkpoint=path, resume=True)
    np.testing.assert_array_equal(to_numpy(resumed.weights), to_numpy(whole.weights))
    with pytest.raises(nn.CheckpointError, match=r"Momentum|momentum"):
        nn.load(path, custom_objects={"Scaled": Scaled})
    again = nn.load(path, custom_objects={"Scaled": Scaled, "Momentum": Momentum})
    assert isinstance(again.optimizer, Momentum)
    assert again.optimizer.mu == 0.8


def test_graphs_end_where_python_runs(fake_cupy: Any) -> None:
    """A captured step would repeat the numbers of one call, such as those of its clock."""
    with nn.use_backend("cupy"):
        model = network(Momentum())
        history = fit(model, epochs=6, validation_data=None)["loss"]
    with nn.use_backend("numpy"):
        np.testing.assert_allclose(
            history, fit(network(Momentum()), epochs=6, validation_data=None)["loss"], rtol=1e-4
        )


@not_on_windows
def test_ctrl_c_among_host_rows() -> None:
    layers = "[nn.Dense(64, 'relu'), Scaled(), nn.Dense(10, 'softmax')]"
    interrupt_fit(layers, "Momentum(0.01)", None)


class Forgets(Scaled):
    def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
        return x * self.params["scale"], lambda dy, wanted: dy


class GivesNoBackward(Scaled):
    def forward(self, x: Any, training: bool = False, activate: bool = True) -> Any:
        return x


@pytest.mark.parametrize(
    ("layer", "error", "words"),
    [
        (Forgets, ValueError, "backward wrote no gradient of 'scale'"),
        (GivesNoBackward, TypeError, r"forward returned .*; expected the pair \(y, backward\)"),
    ],
)
def test_slips_in_a_layer_are_told(
    backend: Any,  # noqa: F811
    layer: Any,
    error: type[Exception],
    words: str,
) -> None:
    model = nn.Sequential([nn.Dense(4), layer(), nn.Dense(3, "softmax")], seed=0)
    model.compile()
    with pytest.raises(error, match=words):
        fit(model)


def test_settings_of_a_layer_and_a_metric_are_kept(tmp_path: Path) -> None:
    class Powered(Scaled):
        def __init__(self, power: float = 1.0) -> None:
            super().__init__()
            self.power = power

        def parameter_specs(self, input_shape: Any) -> Any:
            return {"scale": (input_shape, "ones")}

    class Within(Spread):
        name = "within"

        def __init__(self, least: float) -> None:
            self.least = least
            self.reset()

    model = nn.Sequential([Powered(3.0), nn.Dense(3, "softmax")], seed=0)
    model.compile(metrics=[Within(0.5)])
    fit(model)
    model.save(tmp_path / "m.safetensors")
    own = {"Powered": Powered, "Within": Within}
    again = nn.load(tmp_path / "m.safetensors", custom_objects=own)
    assert again.layers[0].power == 3.0
    assert again._compiled is not None
    assert again._compiled.metrics[0].least == 0.5  # type: ignore[attr-defined]


@pytest.mark.parametrize("has_batch_callback", [False, True])
def test_the_clock_follows_the_schedule(backend: Any, has_batch_callback: bool) -> None:  # noqa: F811
    seen: list[tuple[int, float]] = []

    class Noting(Momentum):
        def update(self, w: Any, g: Any, slots: Any, clock: nn.optim.Clock) -> None:
            seen.append((clock.step, clock.learning_rate))
            w -= clock.learning_rate * g

    schedule = nn.schedules.ExponentialDecay(0.1, decay_steps=3, decay_rate=0.5)
    callbacks = [nn.LambdaCallback(on_train_batch_end=lambda *_: None)] * has_batch_callback
    model = network(Noting(schedule))
    fit(model, epochs=2, batch_size=16, validation_data=None, callbacks=callbacks)
    assert [step for step, _ in seen] == list(range(1, 9))
    wanted = schedule(np.arange(8))
    np.testing.assert_allclose([rate for _, rate in seen], wanted, rtol=1e-12)
