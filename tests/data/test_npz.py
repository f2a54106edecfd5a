"""Images of one's own in an .npz, and one clear error for everything that is not of the form."""

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
        ({"x": IMAGES}, "wanted an .npz"),
        ({"x": IMAGES, "labels": LABELS}, "wanted an .npz"),
        ({"x": IMAGES, "y": LABELS, "x_test": IMAGES, "y_test": LABELS}, "x and x_test would both be the split test"),
        ({"x": IMAGES / 255, "y": LABELS}, "images are float64"),
        ({"x": IMAGES[0, 0], "y": LABELS[:4]}, "images are uint8 (4, 3)"),
        ({"x": IMAGES[:0], "y": LABELS[:0]}, "a part without images"),
        ({"x": IMAGES, "y": LABELS[:5]}, "labels are int64 (5,)"),
        ({"x": IMAGES, "y": LABELS[:, None]}, "labels are int64 (6, 1)"),
        ({"x": IMAGES, "y": LABELS - 1}, "from 0"),
        ({"x": IMAGES, "y": LABELS / 1}, "labels are float64"),
        ({"x": IMAGES, "y": LABELS.astype(object)}, "wanted an .npz"),
    ],
)
def test_npz_of_another_form(npz, arrays, says):
    path = npz(**arrays)
    message = refusal(path)
    assert says in message and path in message


@pytest.mark.parametrize("end", [0, 2, 10, -30])
def test_npz_cut_short(npz, tmp_path, end):
    path = npz(x=IMAGES, y=LABELS)
    content = (tmp_path / "data.npz").read_bytes()
    (tmp_path / "data.npz").write_bytes(content[:end])
    assert "wanted an .npz" in refusal(path)


def test_npy_under_the_name_of_an_npz(tmp_path):
    with (tmp_path / "data.npz").open("wb") as file:
        np.save(file, IMAGES)
    assert "wanted an .npz" in refusal(str(tmp_path / "data.npz"))


def test_missing_npz(tmp_path):
    assert "no such file" in refusal(str(tmp_path / "none.npz"))


def test_slices(npz):
    path = npz(x=IMAGES, y=LABELS)
    np.testing.assert_array_equal(data.load(path, "test[2:4]").images, IMAGES[2:4])
    np.testing.assert_array_equal(
        data.load(path, "seed:50%").images, IMAGES[np.random.default_rng(42).choice(6, 3, replace=False)]
    )


def test_splits_of_several_shapes(npz):
    path = npz(x_a=IMAGES, y_a=LABELS, x_b=IMAGES[:, 1:], y_b=LABELS)
    assert "several shapes: (3, 4, 3), (4, 4, 3)" in refusal(path, "a+b")
