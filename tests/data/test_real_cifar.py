"""The real test images of CIFAR-100: the same bytes from either archive, and through tensorflow-datasets."""

import importlib.util
from pathlib import Path

import cifar_archives
import numpy as np
import pytest

from akd_jax import data
from akd_jax.data import archive, prepare
from akd_jax.data.cifar import CIFARS

SHARED = Path(__file__).parents[3] / "shared"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared: real images")


def test_every_way_to_the_same_bytes(tmp_path):
    spec = importlib.util.spec_from_file_location("unpack", SHARED / "data" / "unpack.py")
    unpack = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(unpack)
    images, fine = unpack.load_split("cifar100", "test")
    labels = {
        "label": fine.tolist(),
        "coarse_label": np.load(SHARED / "data/cifar100/fine_to_coarse.npy")[fine].tolist(),
    }
    made = {"train": (images[:100], {key: values[:100] for key, values in labels.items()}), "test": (images, labels)}
    for kind in cifar_archives.KINDS:
        path = cifar_archives.write(tmp_path, "cifar100", kind, made)
        held = archive.read(path, CIFARS["cifar100"]).splits["test"]
        np.testing.assert_array_equal(held.images, images, strict=True)
        assert {key: values.tolist() for key, values in held.labels.items()} == labels
    prepare.prepare("cifar100", str(tmp_path), given=path, trust=True)
    held, indices = data.load_splits("cifar100", ["test", "seed:100%"], str(tmp_path))
    assert held.images.shape == (10_000, 32, 32, 3) and len(set(indices["test"].tolist())) == 10_000
    chosen = np.random.default_rng(42).choice(range(10_000), 10_000, replace=False)
    np.testing.assert_array_equal(held.images[indices["seed:100%"]], images[chosen])
    np.testing.assert_array_equal(held.labels[indices["seed:100%"]], fine[chosen])
