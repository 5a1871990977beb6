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
from nnaccel.data.pictures import Digit, ImageError, load_image, read_digit


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


def read(image: Image.Image, folder: Path) -> Digit:
    image.save(folder / "page.png")
    return read_digit(folder / "page.png")


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


@pytest.mark.parametrize("bits", [10, 12])
@pytest.mark.parametrize("darkest", [0, 20_000])
def test_a_camera_that_uses_fewer_bits_of_sixteen(
    bits: int, darkest: int, seven: Any, tmp_path: Path
) -> None:
    grey = np.asarray(draw_seven()) / 255.0
    deep = Image.fromarray((darkest + grey * (2**bits - 1)).astype(np.uint16))
    np.testing.assert_allclose(load(deep, tmp_path).astype(int), seven, atol=1)


def test_sixteen_bits_without_a_digit_are_blank(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="blank"):
        load(Image.fromarray(np.full((50, 50), 700, np.uint16)), tmp_path)


def test_a_digit_of_several_strokes(tmp_path: Path) -> None:
    page = Image.new("L", (240, 240), 230)
    pen = ImageDraw.Draw(page)
    pen.line([(90, 60), (80, 120), (150, 130), (150, 180), (80, 190)], 30, 12)
    body = load(page, tmp_path)
    pen.line([(105, 52), (160, 50)], 30, 12)  # a bar that does not touch the rest
    whole = read(page, tmp_path)
    assert np.flatnonzero(whole.image[:6].any(0)).size > np.flatnonzero(body[:6].any(0)).size + 3
    assert whole.doubt == ""


def test_a_picture_cut_close_to_its_digit(seven: Any, tmp_path: Path) -> None:
    page = draw_seven()
    close = page.crop(Image.fromarray(255 - np.asarray(page)).getbbox())
    cut = read(close, tmp_path)
    assert np.corrcoef(cut.image.ravel(), seven.ravel())[0, 1] > 0.97
    assert cut.doubt == ""


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


def text_page() -> Image.Image:
    page = Image.new("L", (400, 300), "white")
    pen = ImageDraw.Draw(page)
    for top in range(20, 260, 50):
        for left in range(20, 380, 40):
            pen.line([(left, top), (left + 16, top + 8), (left + 4, top + 30)], 0, 3)
    return page


def two_digits() -> Image.Image:
    page = draw_seven()
    page.paste(page.crop((10, 0, 110, 200)), (150, 0))
    return page


def blot() -> Image.Image:
    page = Image.new("L", (300, 300), "white")
    ImageDraw.Draw(page).ellipse((100, 100, 180, 180), 0)
    return page


def edge_alone() -> Image.Image:
    page = Image.new("L", (300, 300), "white")
    page.paste(0, (0, 0, 12, 300))
    return page


@pytest.mark.parametrize(
    ("page", "doubt"),
    [
        pytest.param(text_page(), "more than one thing", id="text"),
        pytest.param(two_digits(), "more than one thing", id="two digits"),
        pytest.param(blot(), "more ink than a digit", id="blot"),
        pytest.param(edge_alone(), "clear of the border", id="edge"),
        pytest.param(draw_seven(), "", id="seven"),
    ],
)
def test_what_is_unlike_a_page_with_one_digit_is_doubted(
    page: Image.Image, doubt: str, tmp_path: Path
) -> None:
    found = read(page, tmp_path).doubt
    assert doubt in found
    assert bool(doubt) == bool(found)


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
