"""CIFAR-100's coarse classes at half the side."""

import cifar_archives
import numpy as np

from akd_jax import data
from akd_jax.data import prepare


def test_means_of_four_pixels_and_coarse_labels(tmp_path):
    archive = cifar_archives.write(tmp_path / "archive", "cifar100")
    prepare.prepare("cifar100", str(tmp_path), given=archive, trust=True)
    whole = data.load("cifar100", "train+test", str(tmp_path)).images.astype(float)
    held = data.load("cifar100_coarse16", "train+test", str(tmp_path))
    means = (whole[:, ::2, ::2] + whole[:, 1::2, ::2] + whole[:, ::2, 1::2] + whole[:, 1::2, 1::2]) / 4
    assert held.images.shape == (21, 16, 16, 3) and held.images.dtype == np.uint8
    np.testing.assert_array_equal(held.images, np.floor(means + 0.5))
    assert held.names == tuple(cifar_archives.class_names("cifar100")["coarse_label"])
    made = cifar_archives.make("cifar100")
    coarse = {made[s][0][i].tobytes(): made[s][1]["coarse_label"][i] for s in made for i in range(len(made[s][0]))}
    assert held.labels.tolist() == [coarse[image.astype(np.uint8).tobytes()] for image in whole]
