"""The real CIFAR-100 in the official layouts: the same bytes from each, and through tensorflow-datasets."""

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from akd_jax import data
from akd_jax.data import archive, prepare
from akd_jax.data.cifar import CIFARS

SHARED = Path(__file__).parents[3] / "shared"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared: real images")


@pytest.fixture(scope="module")
def real(tmp_path_factory):
    """The binary archive, the unpacked python one and an .npz, in a folder."""
    directory = tmp_path_factory.mktemp("cifar100")
    for layout in ("binary", "python", "npz"):
        unpack = [sys.executable, SHARED / "data" / "unpack.py", "cifar100", directory, "--format", layout]
        subprocess.run(unpack, check=True, capture_output=True)
    return directory


@pytest.mark.slow
def test_every_way_to_the_same_bytes(real, tmp_path):
    binary = archive.read(real / "cifar-100-binary.tar.gz", CIFARS["cifar100"])
    python = archive.read(real / "cifar-100-python", CIFARS["cifar100"])
    assert binary.names == python.names
    arrays = np.load(real / "cifar100.npz")
    for split, count in {"train": 50_000, "test": 10_000}.items():
        images, labels = binary.splits[split]
        assert len(images) == count
        np.testing.assert_array_equal(images, python.splits[split].images)
        np.testing.assert_array_equal(images, arrays[f"x_{split}"])
        np.testing.assert_array_equal(labels["label"], arrays[f"y_{split}"])
        for label in labels:
            np.testing.assert_array_equal(labels[label], python.splits[split].labels[label])
    prepare.prepare("cifar100", str(tmp_path), given=real / "cifar-100-binary.tar.gz", trust=True)
    held = data.load("cifar100", "train+test", str(tmp_path))
    assert len(held.labels) == 60_000 and np.bincount(held.labels).tolist() == [600] * 100
    held = data.load("cifar100", "seed:20%", str(tmp_path))
    chosen = np.random.default_rng(42).choice(range(10_000), 2000, replace=False)
    np.testing.assert_array_equal(held.images, arrays["x_test"][chosen])
    np.testing.assert_array_equal(held.labels, arrays["y_test"][chosen])
    assert held.names[:2] == ("apple", "aquarium_fish")
