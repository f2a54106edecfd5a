"""Labelled images by name, and one clear error for everything that is not there or not of the form."""

import contextlib
import io
import subprocess
import sys
import time

import numpy as np
import pytest
from PIL import Image

from akd_jax import data
from akd_jax.errors import InputError

IMAGES = np.random.default_rng(0).integers(0, 256, (6, 4, 4, 3), np.uint8)
LABELS = np.arange(6) % 3


def refusal(name, split="test", data_dir=None):
    with pytest.raises(InputError) as caught:
        data.load(name, split, data_dir)
    return str(caught.value)


@pytest.mark.parametrize(("split", "count"), [("train", 1000), ("validation", 397), ("test", 400)])
def test_digits(split, count):
    held = data.load("digits", split)
    assert held.images.shape == (count, 16, 16, 1) and held.images.dtype == np.uint8
    assert held.labels.shape == (count,) and set(held.labels.tolist()) == set(range(10))


def test_unknown_names():
    assert "train, validation, test" in refusal("digits", "training")
    assert "cifar10, cifar100, digits" in refusal("mnist")


@pytest.fixture
def npz(tmp_path):
    def npz(**arrays):
        np.savez(tmp_path / "data.npz", **arrays)
        return str(tmp_path / "data.npz")

    return npz


def test_npz_of_one_split(npz):
    path = npz(x=IMAGES, y=LABELS)
    for split in ("test", "anything"):
        held = data.load(path, split)
        np.testing.assert_array_equal(held.images, IMAGES, strict=True)
        np.testing.assert_array_equal(held.labels, LABELS.astype(np.int32), strict=True)


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


def test_data_that_is_not_prepared(tmp_path):
    """The line comes at once, since nobody is asked over the network."""
    started = time.monotonic()
    assert f"cifar100 is not prepared in {tmp_path}" in refusal("cifar100", data_dir=str(tmp_path))
    assert time.monotonic() - started < 10
    assert not list(tmp_path.iterdir())


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A CIFAR-100 of five images, written by tensorflow-datasets itself."""
    import tensorflow_datasets as tfds

    def examples():
        for label in range(5):
            file = io.BytesIO()
            Image.fromarray(np.full((32, 32, 3), 50 * label, np.uint8)).save(file, "png")
            file.seek(0)  # encoded beforehand: tensorflow-datasets would encode it with TensorFlow
            yield str(label), {"id": str(label), "image": file, "label": label, "coarse_label": 0}

    directory = str(tmp_path_factory.mktemp("tfds"))
    builder = tfds.builder("cifar100", data_dir=directory, file_format="array_record")
    builder._split_generators = lambda *_, **__: {"test": examples()}
    with contextlib.redirect_stderr(io.StringIO()):
        builder.download_and_prepare()
    return directory


def test_prepared_data(prepared):
    held = data.load("cifar100", "test", prepared)
    assert held.images.shape == (5, 32, 32, 3) and held.images.dtype == np.uint8
    assert sorted(held.labels.tolist()) == [0, 1, 2, 3, 4]
    np.testing.assert_array_equal(held.images[:, 0, 0, 0], 50 * held.labels)  # each label with its image
    assert "nope" in refusal("cifar100", "nope", prepared)


def test_reading_needs_no_tensorflow(prepared):
    code = (
        "import sys; from akd_jax import data; data.load('cifar100', 'test', sys.argv[1]); "
        "sys.exit('tensorflow' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code, prepared], check=True, capture_output=True)
