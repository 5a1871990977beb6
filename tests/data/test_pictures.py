"""Pictures of digits as people make them: what comes out looks like MNIST."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw

from nnaccel.data import digits
from nnaccel.data.pictures import ImageError, load_image


def draw_seven(size: int = 200, ink: Any = 0, paper: Any = 255, mode: str = "L") -> Image.Image:
    """Draw a seven, off the middle of a page that is wider than high."""
    image = Image.new(mode, (2 * size, size), paper)
    stroke = size // 12
    pen = ImageDraw.Draw(image)
    pen.line([(20, 30), (90, 30), (50, 150)], ink, stroke, joint="curve")
    return image


def load(image: Image.Image, folder: Path, name: str = "digit.png", **options: Any) -> Any:
    image.save(folder / name)
    return load_image(folder / name, **options)


@pytest.fixture(scope="module")
def seven(tmp_path_factory: pytest.TempPathFactory) -> Any:
    return load(draw_seven(), tmp_path_factory.mktemp("seven"))


def test_the_digit_fills_a_box_of_20_and_its_mass_is_central(seven: Any) -> None:
    assert (seven.dtype, seven.shape, seven.max()) == (np.uint8, (28, 28), 255)
    rows, columns = np.flatnonzero(seven.any(1)), np.flatnonzero(seven.any(0))
    assert np.ptp(rows) + 1 == 20
    assert np.ptp(columns) + 1 <= 20
    mass = seven.astype(float)
    for axis in (0, 1):
        centre = (mass.sum(1 - axis) * np.arange(28)).sum() / mass.sum()
        assert abs(centre - 14) <= 0.5


@pytest.mark.parametrize(
    "image",
    [
        pytest.param(draw_seven(ink=255, paper=0), id="light on dark"),
        pytest.param(draw_seven(ink=90, paper=200), id="pencil on grey"),
        pytest.param(draw_seven(ink="black", paper="white", mode="RGB"), id="colour"),
        pytest.param(draw_seven(ink=(0, 0, 0, 255), paper=(0, 0, 0, 0), mode="RGBA"), id="clear"),
        pytest.param(
            draw_seven(ink=(255,) * 4, paper=(255, 255, 255, 0), mode="RGBA"), id="clear, white ink"
        ),
        pytest.param(draw_seven().convert("P"), id="palette"),
        pytest.param(draw_seven().convert("1"), id="two colours"),
    ],
)
def test_every_way_of_drawing_it_gives_the_same(
    image: Image.Image, seven: Any, tmp_path: Path
) -> None:
    np.testing.assert_allclose(load(image, tmp_path).astype(int), seven, atol=3)


def test_sixteen_bits_a_pixel(seven: Any, tmp_path: Path) -> None:
    deep = Image.fromarray(np.asarray(draw_seven()).astype(np.uint16) * 257)
    np.testing.assert_array_equal(load(deep, tmp_path), seven)


def test_a_phone_held_sideways(seven: Any, tmp_path: Path) -> None:
    sideways = draw_seven().rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6  # orientation: turn clockwise to see it upright
    sideways.save(tmp_path / "turned.jpg", exif=exif, quality=95)
    np.testing.assert_allclose(load_image(tmp_path / "turned.jpg").astype(int), seven, atol=40)


def test_a_noisy_photo_in_uneven_light(seven: Any, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    page = np.asarray(draw_seven(), float) * 0.5 + 70 + rng.normal(0, 4, (200, 400))
    page += np.linspace(-10, 10, 400)
    photo = load(Image.fromarray(page.astype(np.uint8)), tmp_path, "photo.jpg")
    assert np.corrcoef(photo.ravel(), seven.ravel())[0, 1] > 0.95


def test_images_like_those_of_mnist_come_back_as_they_are(seven: Any, tmp_path: Path) -> None:
    np.testing.assert_array_equal(load(Image.fromarray(seven), tmp_path), seven)


def test_small_fields_are_filled(tmp_path: Path) -> None:
    small = load(draw_seven(), tmp_path, shape=(8, 8))
    assert small.shape == (8, 8)
    assert small.any(1).all()
    (x, _), _ = digits()
    again = load(Image.fromarray(np.pad(x[0], 4)).resize((160, 160)), tmp_path, shape=(8, 8))
    assert np.corrcoef(again.ravel(), x[0].ravel())[0, 1] > 0.8


@given(
    size=st.tuples(st.integers(1, 60), st.integers(1, 60)),
    margin=st.integers(1, 9),
    shape=st.sampled_from([(28, 28), (8, 8), (20, 32)]),
)
def test_any_block_of_ink_fits(
    size: tuple[int, int], margin: int, shape: tuple[int, int], tmp_path_factory: Any
) -> None:
    page = np.pad(np.zeros(size, np.uint8), margin, constant_values=255)
    image = load(Image.fromarray(page), tmp_path_factory.mktemp("block"), shape=shape)
    assert (image.shape, image.max()) == (shape, 255)


def broken_png(folder: Path) -> Path:
    draw_seven().save(folder / "whole.png")
    path = folder / "half.png"
    path.write_bytes((folder / "whole.png").read_bytes()[:200])
    return path


def text_file(folder: Path) -> Path:
    path = folder / "note.png"
    path.write_text("seven")
    return path


def blank_page(folder: Path) -> Path:
    path = folder / "blank.png"
    Image.new("L", (50, 50), 200).save(path)
    return path


def huge_page(folder: Path) -> Path:
    path = folder / "huge.png"
    Image.new("1", (20_000, 20_000)).save(path)
    return path


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda folder: folder / "none.png", "no such file"),
        (lambda folder: folder, "not a regular file"),
        (text_file, "not a PNG or JPEG"),
        (broken_png, "cannot be read"),
        (blank_page, "blank"),
        (huge_page, "50,000,000 pixels"),
    ],
)
def test_bad_pictures_are_refused_in_words(make: Any, message: str, tmp_path: Path) -> None:
    path = make(tmp_path)
    with pytest.raises(ImageError, match=message) as caught:
        load_image(path)
    assert str(path) in str(caught.value)
