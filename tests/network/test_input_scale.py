"""uint8: images are pixels, tables are numbers, and a trained model scales as its training did."""

from __future__ import annotations

import copy
import warnings
from typing import Any

import numpy as np
import pytest

import nnaccel as nn

Arrays = tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]


@pytest.fixture(scope="module")
def digits() -> Arrays:
    (x, y), _ = nn.data.digits()
    return x[:400], y[:400]


def model(units: int = 10, learning_rate: float = 0.01) -> nn.Sequential:
    made = nn.Sequential([nn.Dense(32, "relu"), nn.Dense(units, "softmax")], seed=0)
    made.compile(optimizer=nn.optim.Adam(learning_rate), metrics=["accuracy"])
    return made


@pytest.fixture(scope="module")
def trained(digits: Arrays) -> nn.Sequential:
    made = model()
    made.fit(*digits, epochs=15, verbose=0)
    return made


def test_a_table_of_flags_is_numbers() -> None:
    rng = np.random.default_rng(0)
    flags = rng.integers(0, 2, (200, 3)).astype(np.uint8)
    y = (flags.sum(axis=1) > 1).astype(int)
    made = model(2)
    made.fit(flags, y, epochs=60, verbose=0)
    assert made.evaluate(flags, y)[1] == 1.0
    same = model(2)
    same.fit(flags.astype("float32"), y, epochs=60, verbose=0)
    np.testing.assert_array_equal(made.predict(flags), same.predict(flags.astype("float32")))


def test_images_are_pixels(digits: Arrays, trained: nn.Sequential) -> None:
    x, y = digits
    same = model()
    same.fit((x / 255).astype("float32"), y, epochs=15, verbose=0)
    assert trained.evaluate(x, y)[1] > 0.95
    np.testing.assert_allclose(trained.predict(x), same.predict(x), atol=1e-4)


@pytest.mark.parametrize("dtype", ["int8", "int16", "int64", "uint32"])
def test_the_same_pixels_as_other_integers_are_scaled_alike(
    digits: Arrays, trained: nn.Sequential, dtype: str
) -> None:
    x = digits[0] // 2  # int8 ends at 127
    np.testing.assert_array_equal(trained.predict(x.astype(dtype)), trained.predict(x))


@pytest.mark.parametrize("shape", [(-1, 64), (-1, 8, 8), (-1, 1, 8, 8)])
def test_a_model_of_pixels_takes_rows_of_them_too(
    digits: Arrays, trained: nn.Sequential, shape: tuple[int, ...]
) -> None:
    x = digits[0]
    np.testing.assert_array_equal(trained.predict(x.reshape(shape)), trained.predict(x))


def test_the_scale_is_saved_copied_and_shared_with_slices(
    digits: Arrays, trained: nn.Sequential, tmp_path: Any
) -> None:
    x = digits[0].astype(np.int64)
    trained.save(tmp_path / "m.safetensors")
    for other in (nn.load(tmp_path / "m.safetensors"), trained[:2], copy.deepcopy(trained)):
        np.testing.assert_array_equal(other.predict(x), trained.predict(x))


def test_inputs_unlike_trainings_are_warned_of_once(digits: Arrays) -> None:
    x, y = digits
    made = model()
    made.fit(x, y, epochs=1, verbose=0)
    floats = x.astype("float32")
    with pytest.warns(UserWarning, match=r"float32 reach 255, but training's .* reached 1") as seen:
        made.evaluate(floats, y)
    assert seen[0].filename == __file__
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made.evaluate(floats, y)


def test_images_divided_twice_are_warned_of(digits: Arrays) -> None:
    x, y = digits
    made = model()
    made.fit(x, y, epochs=1, verbose=0)
    with pytest.warns(UserWarning, match="scale them as in training"):
        made.predict(x.astype("float32") / 255**2)


def test_pixels_of_a_training_on_undivided_floats_are_not_divided(digits: Arrays) -> None:
    x, y = digits
    made = model()
    made.fit(x.astype("float32"), y, epochs=1, verbose=0)
    np.testing.assert_allclose(made.predict(x), made.predict(x.astype("float32")), atol=1e-6)


def test_flat_pixels_and_images_of_flags_are_warned_of(digits: Arrays) -> None:
    x, y = digits
    with pytest.warns(UserWarning, match=r"rows of uint8, \(400, 64\).*images \(N, H, W\)"):
        model().fit(x.reshape(-1, 64), y, epochs=1, verbose=0)
    with pytest.warns(UserWarning, match="reach only 1.*give floats"):
        model().fit(x // 128, y, epochs=1, verbose=0)


def test_batches_of_a_stream_are_scaled_alike(digits: Arrays) -> None:
    x, y = digits
    whole, stream = model(), model()
    whole.fit(x, y, epochs=2, batch_size=100, shuffle=False, verbose=0)
    batches = [(x[i : i + 100], y[i : i + 100]) for i in range(0, 400, 100)]
    stream.fit(batches, epochs=2, verbose=0)
    np.testing.assert_array_equal(stream.predict(x.astype(int)), whole.predict(x))


def test_the_convolutional_classifier_takes_any_integers_alike(digits: Arrays) -> None:
    x, y = digits
    made = nn.estimators.ConvNetClassifier(filters=(4,), max_iter=1, random_state=0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # one epoch does not converge
        made.fit(x, y)
    np.testing.assert_array_equal(made.predict_proba(x.astype(int)), made.predict_proba(x))


@pytest.mark.parametrize(
    "wrong", [{}, {"factor": -1, "largest": None}, {"factor": "x", "largest": 1}]
)
def test_a_damaged_scale_in_a_file_is_refused(wrong: Any) -> None:
    from nnaccel.network.input_scale import InputScale

    with pytest.raises(ValueError, match="must"):
        InputScale.from_description(wrong)


def test_an_extended_model_scales_as_its_body_was_trained(
    digits: Arrays, trained: nn.Sequential
) -> None:
    x = digits[0]
    longer = trained[:-1].extended([nn.Dense(3)])
    np.testing.assert_array_equal(longer.predict(x.astype(int)), longer.predict(x))


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy])
def test_training_a_copy_leaves_the_scale_of_the_original(digits: Arrays, copied: Any) -> None:
    x, y = digits
    original = model()
    original.fit((x / 255).astype("float32"), y, verbose=0)
    before = original.predict(x)
    with pytest.warns(UserWarning, match="training's inputs reached 1"):
        copied(original).fit(x.astype("float32"), y, verbose=0)
    np.testing.assert_array_equal(original.predict(x), before)


def test_batches_of_a_stream_may_differ_in_size() -> None:
    x = np.random.default_rng(0).normal(size=(40, 1, 4, 4)).astype("float32")
    x[:10] /= 1000
    made = model(2)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        for first in (0, 10):
            order = np.roll(np.arange(40), first)
            batches = [(x[order[i : i + 10]], np.zeros(10, int)) for i in range(0, 40, 10)]
            made.fit(batches, epochs=2, verbose=0)
