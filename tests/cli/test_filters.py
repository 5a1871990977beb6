"""`nnaccel filters`: a sheet that any program can read, from any picture or none."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image

from nnaccel import filters
from nnaccel.data.pictures import ImageError, read_picture
from nnaccel.layers import Conv2D, Dense, Dropout, Flatten, MaxPool2D
from nnaccel.model.sequential import Sequential


def page(*channels: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (12, 10, *channels), np.uint8)


def read(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        assert image.format == "PNG"
        return np.asarray(image)


def save_model(path: Path, *layers: Any, shape: tuple[int, ...]) -> Path:
    model = Sequential(layers, seed=0)
    model.build(shape)
    model.save(path)
    return path


@pytest.fixture(scope="module")
def cnn(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("cnn") / "cnn.safetensors"
    return save_model(path, Conv2D(5, 3, "relu"), Dense(2, "softmax"), shape=(16, 14))


def test_without_arguments_all_named_filters_of_the_photograph(
    call: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = call("filters")
    assert (done.returncode, done.stderr) == (0, "")
    wrote, *rows = done.stdout.splitlines()
    assert wrote == "wrote filters.png: 7 maps, 995 × 497 pixels"
    assert rows[0].startswith("  row 1: identity, ")
    assert [path.name for path in tmp_path.iterdir()] == ["filters.png"]
    sheet = read(tmp_path / "filters.png")
    assert sheet.shape == (497, 995, 3)
    assert (sheet[248] == 255).all()  # the gap
    assert sheet[:248, :248].std() > 40
    sharpened = sheet[:248, 498:746]
    assert sharpened.std() > 60  # the sky is bright; its few extremes do not leave it grey


def test_a_process_does_so_too(run: Any, tmp_path: Path) -> None:
    done = run("filters", "--random", 2, "--grey", "-o", tmp_path / "two.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert "2 maps, 497 × 248 pixels" in done.stdout


@pytest.mark.parametrize(
    ("picture", "shape"),
    [
        (Image.fromarray(page()), ()),
        (Image.fromarray(page(3)), (3,)),
        (Image.fromarray(page(4)), (4,)),
        (Image.fromarray(page()).convert("LA"), (4,)),
        (Image.fromarray(page(3)).convert("P"), (3,)),
        (Image.fromarray(page()).convert("1"), ()),
        (Image.fromarray(page().astype(np.uint16) * 257), ()),
    ],
    ids=["grey", "RGB", "RGBA", "grey and alpha", "palette", "black and white", "16 bits"],
)
def test_every_kind_of_png(call: Any, tmp_path: Path, picture: Any, shape: Any) -> None:
    picture.save(tmp_path / "page.png")
    sheet = tmp_path / "sheet.png"
    args = "filters", tmp_path / "page.png", "--output", sheet
    done = call(*args, "--filter", "identity", "--filter", "blur")
    wrote = f"wrote {sheet}: 2 maps, 609 × 380 pixels, enlarged 38 times\n"  # of maps of 8 by 10
    assert (done.returncode, done.stdout.splitlines(True)[0]) == (0, wrote)
    assert read(sheet).shape == (380, 609, *shape)
    done = call(*args, "--filter", "identity", "--grey")
    assert "1 map, 600 × 750 pixels, enlarged 75 times\n" in done.stdout
    assert read(sheet).shape == (750, 600)


def test_the_pixels_are_those_of_the_filter(call: Any, tmp_path: Path) -> None:
    Image.fromarray(page()).save(tmp_path / "page.png")
    sheet = tmp_path / "sheet.png"
    assert call("filters", tmp_path / "page.png", "--random", 9, "--seed", 4, "--filter", "emboss",
                "-o", sheet).returncode == 0  # fmt: skip
    bank = [filters.named("emboss"), *filters.random_bank(9, seed=4)]
    maps = filters.to_unit(filters.apply(page(), np.stack(bank)), clip=5)
    wanted = 255 * filters.mosaic(maps.repeat(15, axis=1).repeat(15, axis=2))
    np.testing.assert_allclose(read(sheet), wanted, atol=1)


def test_a_picture_that_is_large_enough_keeps_its_pixels(call: Any, tmp_path: Path) -> None:
    Image.new("RGB", (220, 30), "red").save(tmp_path / "band.png")
    done = call("filters", tmp_path / "band.png", "--filter", "blur", "-o", tmp_path / "sheet.png")
    assert "1 map, 218 × 28 pixels\n" in done.stdout


def test_a_thread_is_not_enlarged_beyond_bounds(call: Any, tmp_path: Path) -> None:
    Image.new("L", (3, 190)).save(tmp_path / "thread.png")
    sheet = tmp_path / "sheet.png"
    assert call("filters", tmp_path / "thread.png", "--filter", "blur", "-o", sheet).returncode == 0
    assert 10_000_000 < read(sheet).size <= 16_000_000


def test_a_jpeg_too_large_is_reduced(call: Any, tmp_path: Path) -> None:
    Image.new("RGB", (3000, 2000), "red").save(tmp_path / "large.jpg")
    done = call("filters", tmp_path / "large.jpg", "-o", tmp_path / "sheet.png")
    assert done.returncode == 0
    assert read(tmp_path / "sheet.png").size <= 3 * 8 / 7 * 16_000_000


@pytest.mark.parametrize("layer", ["conv2d", "0", "-2"])
def test_layers_of_a_model(call: Any, cnn: Path, tmp_path: Path, layer: str) -> None:
    seven = np.full((60, 50), 255, np.uint8)
    seven[10:14, 10:40] = seven[10:50, 36:40] = 0
    Image.fromarray(seven).save(tmp_path / "seven.png")
    out = tmp_path / "sheet.png"
    for picture in ([], [tmp_path / "seven.png"]):
        done = call("filters", *picture, "--model", cnn, f"--layer={layer}", "-o", out)
        assert (done.returncode, done.stderr) == (0, "")
        wanted = "5 maps of layer conv2d, 614 × 477 pixels, enlarged 17 times\n"
        assert wanted in done.stdout
        sheet = read(out)  # of maps of 14 by 12, each pixel a square of 17 by 17
        np.testing.assert_array_equal(
            sheet[:238:17, :204:17].repeat(17, 0).repeat(17, 1), sheet[:238, :204]
        )


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        ((Dropout(0.1), Conv2D(3, 3), MaxPool2D(2), Dense(2)),
         "took layer conv2d; --layer takes dropout, maxpool2d too"),
        ((Conv2D(3, 3), Dense(2)), "took layer conv2d"),
        ((MaxPool2D(2), Dense(2)), "took layer maxpool2d"),
    ],
)  # fmt: skip
def test_the_first_convolution_is_taken_unless_told(
    call: Any, tmp_path: Path, layers: Any, told: str
) -> None:
    model = save_model(tmp_path / "m.safetensors", *layers, shape=(8, 8))
    done = call("filters", "--model", model, "-o", tmp_path / "sheet.png")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout.splitlines()[0] == told


def test_a_model_of_colours(call: Any, tmp_path: Path) -> None:
    model = save_model(tmp_path / "m.safetensors", Conv2D(4, 3), Dense(2), shape=(3, 8, 8))
    Image.fromarray(page(4)).save(tmp_path / "page.png")
    out = tmp_path / "sheet.png"
    done = call("filters", tmp_path / "page.png", "--model", model, "--layer", "0", "-o", out)
    assert (done.returncode, read(out).shape) == (0, (601, 601))


@pytest.fixture
def drawn(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """Figures as they are saved."""
    figures: list[Any] = []
    monkeypatch.setattr("nnaccel.plot.save", lambda figure, path: figures.append(figure))
    return figures


def test_maps_are_drawn_with_their_titles(call: Any, tmp_path: Path, drawn: list[Any]) -> None:
    Image.fromarray(page(4)).save(tmp_path / "page.png")
    done = call("filters", tmp_path / "page.png", "--random", 2, "--seed", 3, "--filter", "blur",
                "-o", tmp_path / "sheet.png", "--plot", tmp_path / "maps.png")  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert f"drawn in {tmp_path / 'maps.png'}\n" in done.stdout
    (figure,) = drawn
    assert [ax.get_title() for ax in figure.axes] == ["blur", "random 0", "random 1"]
    grey = page(4)[..., :3].mean(axis=-1)  # the map of the mean is the mean of the maps
    for ax, weights in zip(figure.axes[1:], filters.random_bank(2, seed=3), strict=True):
        wanted = filters.apply(grey, weights)
        np.testing.assert_allclose(ax.images[0].get_array(), wanted, rtol=1e-4, atol=1e-3)


def test_maps_of_a_model_are_drawn(call: Any, cnn: Path, tmp_path: Path, drawn: list[Any]) -> None:
    done = call("filters", "--model", cnn, "--layer", "0", "-o", tmp_path / "sheet.png",
                "--plot", tmp_path / "maps.png")  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert [ax.get_title() for ax in drawn[0].axes] == [f"map {i}" for i in range(5)]


def test_what_is_drawn_is_a_png_of_the_first_64(call: Any, tmp_path: Path) -> None:
    Image.fromarray(page()).save(tmp_path / "page.png")
    done = call("filters", tmp_path / "page.png", "--random", 65,
                "-o", tmp_path / "sheet.png", "--plot", tmp_path / "maps.png")  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")
    assert "maps.png: the first 64 maps\n" in done.stdout
    assert read(tmp_path / "maps.png").shape[1] == 1350


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (["--filter", "embos"], "Did you mean 'emboss'?"),
        (["{folder}/none.png"], "no such file"),
        (["{folder}"], "not a regular file"),
        (["{folder}/note.png"], "not a PNG or JPEG"),
        (["{folder}/half.png"], "cannot be read as an image"),
        (["{folder}/half.jpg"], "cannot be read as an image"),
        (["{folder}/dot.png"], "filter of 3x3 does not fit on an image of 1x2"),
        (["--random", "0"], "--random"),
        (["--random", "x"], "--random"),
        (["--seed", "1"], "add --random N"),
        (["--layer", "1"], "add --model FILE"),
        (["--model", "{cnn}", "--layer", "conv"], "Did you mean 'conv2d'?"),
        (["--model", "{cnn}", "--layer", "2"], "layer 2 is not there"),
        (["--model", "{cnn}", "--layer", "dense"], "not maps"),
        (["--model", "{cnn}", "--layer", "0", "--random", "3"], "leave out"),
        (["{folder}/photo.jpg", "--model", "{cnn}"], "photo.jpg shows no digit on plain paper"),
        (["{folder}/photo.jpg", "--model", "{cnn}"], "takes 16 × 14 grey pixels; to filter the"),
        (["--model", "{folder}/note.png", "--layer", "0"], "not a whole model file"),
        (["--model", "{folder}/flat.safetensors", "--layer", "0"], "no layer that gives maps"),
        (["--model", "{folder}/six.safetensors", "--layer", "0"], "it takes 6 × 4 × 4 numbers"),
        (["-o", "{folder}/none/s.png"], "no folder"),
        (["-o", "{folder}/sheet.jpg"], "must end in .png"),
        (["-o", "{folder}"], "directory"),
        (["--plot", "maps.jpg"], "must end in .png"),
        (["--plot", "{folder}/none/maps.png"], "no folder"),
        (["--backend", "nump"], "Did you mean 'numpy'?"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_bad_input_is_told_in_one_line(
    call: Any, cnn: Path, tmp_path: Path, args: list[str], message: str
) -> None:
    for name in ("half.png", "half.jpg"):
        Image.fromarray(page(3)).resize((80, 80)).save(tmp_path / name)
        whole = (tmp_path / name).read_bytes()
        (tmp_path / name).write_bytes(whole[: len(whole) // 2])
    Image.fromarray(load_sample_image("china.jpg")).save(tmp_path / "photo.jpg")
    Image.new("L", (2, 1)).save(tmp_path / "dot.png")
    (tmp_path / "note.png").write_text("not a picture")
    save_model(tmp_path / "flat.safetensors", Dense(3), shape=(9,))
    save_model(tmp_path / "six.safetensors", Conv2D(2, 3), Flatten(), shape=(6, 4, 4))
    before = sorted(tmp_path.iterdir())
    paths = {"folder": str(tmp_path), "cnn": str(cnn)}
    safe = [] if "-o" in args else ["-o", "{folder}/sheet.png"]
    done = call("filters", *(arg.format(**paths) for arg in [*args, *safe]))
    assert done.returncode == 2
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("nnaccel: ")
    assert message in done.stderr
    assert sorted(tmp_path.iterdir()) == before  # nothing half written


@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_damaged_pictures_are_read_or_refused(tmp_path: Path, kind: str) -> None:
    rng = np.random.default_rng(0)
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(page(3)).save(tmp_path / "page", kind, exif=exif)
    whole = np.frombuffer((tmp_path / "page").read_bytes(), np.uint8)
    for _ in range(200):
        damaged = whole.copy()
        damaged[rng.integers(8, len(whole), 3)] = rng.integers(0, 256, 3)
        (tmp_path / "damaged").write_bytes(damaged.tobytes())
        with contextlib.suppress(ImageError):  # and nothing else
            assert read_picture(tmp_path / "damaged").size
