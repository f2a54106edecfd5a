"""Images of one's own in an .npz, and one clear error for everything that is not of the form."""

import zipfile

import numpy as np
import pytest

from akd_jax import data
from akd_jax.errors import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), np.uint8)
LABELS = np.arange(6) % 3


def refusal(name, split="test", data_dir=None):
    with pytest.raises(InputError) as caught:
        data.load(name, split, data_dir)
    return str(caught.value)


@pytest.fixture
def npz(tmp_path):
    def npz(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return str(tmp_path / "data.npz")

    return npz


def test_npz_of_one_split(npz):
    path = npz(x=IMAGES, y=LABELS)
    for split in ("test", "all"):
        held = data.load(path, split)
        np.testing.assert_array_equal(held.images, IMAGES, strict=True)
        np.testing.assert_array_equal(held.labels, LABELS.astype(np.int32), strict=True)


@pytest.mark.parametrize("split", ["train", "Test", "tets", "train+test", ""])
def test_an_npz_of_one_split_has_no_other(npz, split):
    assert "': give test, a slice" in refusal(npz(x=IMAGES, y=LABELS), split)


def test_npz_of_several_splits(npz):
    path = npz(x_test=IMAGES[:2], y_test=LABELS[:2], x_train=IMAGES[2:], y_train=LABELS[2:])
    np.testing.assert_array_equal(data.load(path, "test").images, IMAGES[:2])
    np.testing.assert_array_equal(data.load(path, "train").labels, LABELS[2:])
    assert "has no split 'validation': give test, train" in refusal(path, "validation")


def test_npz_of_grey_images(npz):
    assert data.load(npz(x=IMAGES[..., 0], y=LABELS), "test").images.shape == (6, 4, 4, 1)


@pytest.mark.parametrize(
    ("arrays", "says"),
    [
        ({}, "has no x: it holds nothing, wanted uint8 x"),
        ({"images": IMAGES, "y": LABELS}, "has no x: it holds images, y, wanted uint8 x"),
        ({"x": IMAGES}, "has x but no y"),
        ({"x": IMAGES, "labels": LABELS}, "has x but no y"),
        ({"x_test": IMAGES, "y": LABELS}, "has x_test but no y_test"),
        ({"x": IMAGES, "y": LABELS, "x_test": IMAGES, "y_test": LABELS}, "has x and x_test, which would both be"),
        ({"x": IMAGES / 255, "y": LABELS}, "images are float64"),
        ({"x": IMAGES[0, 0], "y": LABELS[:4]}, "images are uint8 (4, 3)"),
        ({"x": IMAGES[:0], "y": LABELS[:0]}, "a part without images"),
        ({"x": IMAGES.transpose(0, 3, 1, 2), "y": LABELS}, "channels first: use x.transpose(0, 2, 3, 1)"),
        ({"x": IMAGES, "y": LABELS[:5]}, "has 6 images but 5 labels"),
        ({"x": IMAGES, "y": LABELS[:, None]}, "labels are (6, 1), wanted one an image: use y[:, 0]"),
        ({"x": IMAGES, "y": np.eye(3)[LABELS]}, "labels are (6, 3), wanted one an image: use y.argmax(1)"),
        ({"x": IMAGES, "y": LABELS - 1}, "has the label -1, wanted whole numbers from 0"),
        ({"x": IMAGES, "y": LABELS / 1}, "labels are float64"),
        ({"x": IMAGES, "y": LABELS[0]}, "labels are int64 ()"),
        ({"x": IMAGES, "y": LABELS.astype(object)}, "y is no array of numbers"),
        ({"x": IMAGES.astype(object), "y": LABELS}, "x is no array of numbers"),
    ],
)
def test_npz_of_another_form(npz, arrays, says):
    path = npz(**arrays)
    message = refusal(path)
    assert says in message and path in message and "\n" not in message and "pickle" not in message


@pytest.mark.parametrize("end", [0, 2, 10, -30])
def test_npz_cut_short(npz, tmp_path, end):
    path = npz(x=IMAGES, y=LABELS)
    content = (tmp_path / "data.npz").read_bytes()
    (tmp_path / "data.npz").write_bytes(content[:end])
    assert "is no whole .npz file: write it with" in refusal(path)


def test_an_npz_with_a_bit_that_turned(npz, tmp_path):
    path = npz(x=IMAGES, y=LABELS)
    content = bytearray((tmp_path / "data.npz").read_bytes())
    content[200] ^= 1
    (tmp_path / "data.npz").write_bytes(content)
    assert "x is no array of numbers, or damaged" in refusal(path)


def test_members_that_are_no_arrays(tmp_path):
    with zipfile.ZipFile(tmp_path / "data.npz", "w") as file:
        file.writestr("x.npy", "x")
        file.writestr("y.npy", "y")
    assert "y is no array of numbers" in refusal(str(tmp_path / "data.npz"))


def test_npy_under_the_name_of_an_npz(tmp_path):
    with (tmp_path / "data.npz").open("wb") as file:
        np.save(file, IMAGES)
    assert "is no whole .npz file" in refusal(str(tmp_path / "data.npz"))


def test_text_under_the_name_of_an_npz(tmp_path):
    (tmp_path / "data.npz").write_text("x,y")
    assert "is no whole .npz file" in refusal(str(tmp_path / "data.npz"))


def test_no_npz(tmp_path):
    assert "no such file" in refusal(str(tmp_path / "none.npz"))
    (tmp_path / "folder.npz").mkdir()
    assert "is a directory, wanted an .npz file" in refusal(str(tmp_path / "folder.npz"))


def test_slices(npz):
    path = npz(x=IMAGES, y=LABELS)
    np.testing.assert_array_equal(data.load(path, "test[2:4]").images, IMAGES[2:4])
    np.testing.assert_array_equal(
        data.load(path, "seed:50%").images, IMAGES[np.random.default_rng(42).choice(6, 3, replace=False)]
    )


def test_splits_of_several_shapes(npz):
    path = npz(x_a=IMAGES, y_a=LABELS, x_b=IMAGES[:, 1:], y_b=LABELS)
    assert "several shapes: (3, 4, 3), (4, 4, 3)" in refusal(path, "a+b")
