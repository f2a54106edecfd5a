"""Labelled images by name, and one clear error for everything that is not there or not of the form."""

import os
import subprocess
import sys

import cifar_archives
import numpy as np
import pytest

from akd_jax import data
from akd_jax.errors import InputError


def refusal(name, split="test", data_dir=None):
    with pytest.raises(InputError) as caught:
        data.load(name, split, data_dir)
    return str(caught.value)


@pytest.mark.parametrize(("split", "count"), [("train", 1000), ("validation", 397), ("test", 400)])
def test_digits(split, count):
    held = data.load("digits", split)
    assert held.images.shape == (count, 16, 16, 1) and held.images.dtype == np.uint8
    assert held.labels.shape == (count,) and set(held.labels.tolist()) == set(range(10))
    assert held.names == tuple("0123456789")


def test_unknown_names():
    assert "train, validation, test" in refusal("digits", "training")
    assert "cifar10, cifar100, cifar100_coarse16, digits" in refusal("mnist")
    assert "give a path, without file://" in refusal("file:///data/mine.npz")


def test_slices_of_the_digits():
    whole = data.load("digits", "test")
    np.testing.assert_array_equal(data.load("digits", "test[:20%]").images, whole.images[:80])
    chosen = np.random.default_rng(42).choice(range(400), 80, replace=False)
    np.testing.assert_array_equal(data.load("digits", "seed:20%").labels, whole.labels[chosen])


def test_splits_that_overlap():
    """Each image is held once, and each split finds its own in its own order."""
    specs = ("seed:20%", "seed:10%", "test[:90%]", "train[:5]+test[395:]", "test[:5]+test[:3]")
    held, indices = data.load_splits("digits", specs)
    assert tuple(indices) == specs
    whole = data.load("digits", "train+test")
    used = set(data.load_splits("digits", ["seed:20%"]).indices["seed:20%"].tolist())
    assert len(used) == 80
    for spec in specs:
        alone = data.load("digits", spec)
        np.testing.assert_array_equal(held.images[indices[spec]], alone.images)
        np.testing.assert_array_equal(held.labels[indices[spec]], alone.labels)
    seeds = np.random.default_rng(42).choice(range(400), 80, replace=False)
    test = {*range(360), *range(395, 400), *seeds.tolist()}
    assert len(held.images) == 5 + len(test) < len(whole.images)
    assert sorted({*np.concatenate(list(indices.values())).tolist()}) == list(range(len(held.images)))
    assert indices["test[:5]+test[:3]"].tolist()[:3] == indices["test[:5]+test[:3]"].tolist()[5:]


def test_no_tensorflow(tmp_path):
    """Neither where data are prepared, nor where they are read; nobody even looks whether it is there."""
    (tmp_path / "tensorflow.py").write_text("import os; os._exit(9)  # an ImportError might be caught")
    archive = cifar_archives.write(tmp_path, "cifar100")
    code = (
        "import sys; from pathlib import Path; from akd_jax import data; from akd_jax.data.prepare import prepare; "
        "prepare('cifar100', sys.argv[1], given=Path(sys.argv[2]), trust=True); "
        "data.load('cifar100', 'test[:50%]', sys.argv[1])"
    )
    paths = os.pathsep.join([str(tmp_path), *filter(None, [os.environ.get("PYTHONPATH")])])
    command = [sys.executable, "-c", code, tmp_path, archive]
    subprocess.run(command, check=True, capture_output=True, env=os.environ | {"PYTHONPATH": paths})


def test_digits_need_no_tensorflow_datasets():
    """Its import takes half a second."""
    code = (
        "import sys; from akd_jax import data; data.load('digits', 'test'); "
        "sys.exit('tensorflow_datasets' in sys.modules or 'requests' in sys.modules)"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
