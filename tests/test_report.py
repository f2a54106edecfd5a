"""Pictures: the right pixels in the right places."""

import numpy as np
import pytest
from PIL import Image

from akd_jax import report

MEAN, STD = (0.5, 0.4, 0.3), (0.25, 0.2, 0.1)


def test_pixels_come_back_through_the_normalisation():
    pixels = np.random.default_rng(0).integers(0, 256, (2, 4, 4, 3), np.uint8)
    pixels[0, 0, 0], pixels[0, 0, 1] = 0, 255
    normalised = (pixels / 255 - MEAN) / STD
    np.testing.assert_array_equal(report.to_pixels(normalised, MEAN, STD), pixels, strict=True)


def test_brighter_than_white_is_white():
    pixels = report.to_pixels(np.array([-100.0, 100.0]).reshape(1, 1, 2, 1), (0.3,), (0.3,))
    assert pixels.ravel().tolist() == [0, 255]


@pytest.mark.parametrize(("count", "rows", "columns"), [(1, 1, 1), (4, 2, 2), (5, 2, 3), (7, 3, 3), (2, 1, 2)])
@pytest.mark.parametrize("channels", [1, 3])
def test_tiles_row_by_row(count, rows, columns, channels):
    height, width, border = 4, 3, 2
    pixels = np.broadcast_to(np.arange(count, dtype=np.uint8)[:, None, None, None], (count, height, width, channels))
    picture = report.tile(pixels, border)
    assert picture.shape == (
        rows * (height + border) - border,
        columns * (width + border) - border,
        channels,
    )
    expected = np.full_like(picture, 255)  # what no image covers is white
    for index in range(count):
        top, left = (index // columns) * (height + border), (index % columns) * (width + border)
        expected[top : top + height, left : left + width] = index
    np.testing.assert_array_equal(picture, expected)


@pytest.mark.parametrize(("channels", "mode"), [(1, "L"), (3, "RGB")])
def test_sample_files(tmp_path, channels, mode):
    pixels = np.random.default_rng(0).integers(0, 256, (3, 8, 8, channels), np.uint8)
    report.save_samples(tmp_path / "deep" / "down", pixels)
    files = sorted((tmp_path / "deep" / "down").iterdir())
    assert [file.name for file in files] == ["grid.png", "image_000.png", "image_001.png", "image_002.png"]
    for file, image in zip(files[1:], pixels, strict=True):
        with Image.open(file) as saved:
            assert saved.mode == mode
            np.testing.assert_array_equal(np.asarray(saved).reshape(image.shape), image)
    with Image.open(files[0]) as grid:
        np.testing.assert_array_equal(np.asarray(grid).reshape(18, 18, channels), report.tile(pixels))


def test_enlarged_picture_keeps_its_pixels(tmp_path):
    pixels = np.arange(4, dtype=np.uint8).reshape(2, 2, 1)
    report.save_png(tmp_path / "x.png", pixels, scale=3)
    with Image.open(tmp_path / "x.png") as saved:
        np.testing.assert_array_equal(np.asarray(saved), np.kron(pixels[..., 0], np.ones((3, 3), np.uint8)))


ROWS = [
    {"kind": "train", "round": 1, "student": "a", "student_loss": 1.0, "generator_loss": -1.0},
    {"kind": "train", "round": 2, "student": "b", "student_loss": 0.5, "generator_loss": -0.5},
    {"kind": "eval", "round": 2, "student": "a", "split": "test", "top1": 0.1},
    {"kind": "eval", "round": 2, "student": "a", "split": "validation", "top1": 0.2},
]


def test_curves(curves, tmp_path):
    for name, rows in {"none": [], "losses": ROWS[:2], "all": ROWS}.items():
        report.save_curves(tmp_path / f"{name}.png", rows)
    pictures = [(tmp_path / f"{name}.png").read_bytes() for name in ("none", "losses", "all")]
    assert all(picture.startswith(b"\x89PNG") for picture in pictures)
    assert len(set(pictures)) == 3  # each kind of row leaves its line


def test_samples_replace_those_of_an_earlier_call(tmp_path):
    (tmp_path / "image_of_mine.png").write_text("")
    report.save_samples(tmp_path, np.zeros((3, 2, 2, 1), np.uint8))
    report.save_samples(tmp_path, np.zeros((1, 2, 2, 1), np.uint8))
    assert {path.name for path in tmp_path.iterdir()} == {"grid.png", "image_000.png", "image_of_mine.png"}
