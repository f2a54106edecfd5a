"""The digits: a fixed split without overlap, its normalisation, and the stored teacher's figures on it."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pytest

from akd_jax import digits

pytest.importorskip("sklearn")
pytest.importorskip("PIL")

ASSETS = Path(digits.__file__).parent / "assets"
# SHA-256 of the positions as little-endian int32: the split must not move with a library's version.
SPLIT_HASHES = {
    "train": "44b713d556158771b32b8eff149184ed3261dd4a20e55d2fea1de8eafd1bd022",
    "validation": "4251eae0d25434d14e7a363256b3732666b8f4234587ec1c1210362bc1f34770",
    "test": "ae8dd9bc3439c16e3a27b58bccdcd6521d623de8331506396cd03aec4ddfdb9a",
}


@pytest.fixture(scope="module")
def parts():
    return {split: digits.load_digits_split(split) for split in digits.SIZES}


@pytest.fixture(scope="module")
def indices():
    from sklearn.datasets import load_digits

    return digits.split_indices(load_digits().target)


def test_shapes(parts):
    for split, (images, labels) in parts.items():
        assert images.shape == (digits.SIZES[split], 16, 16, 1) and images.dtype == np.uint8
        assert labels.shape == (digits.SIZES[split],) and labels.dtype == np.int32
        assert images.min() == 0 and images.max() > 240


def test_stratified(parts):
    totals = sum(np.bincount(labels) for _, labels in parts.values())
    for split, (_, labels) in parts.items():
        assert np.abs(np.bincount(labels) - totals * digits.SIZES[split] / 1797).max() < 2


def test_every_image_in_one_part(parts, indices):
    assert np.array_equal(np.sort(np.concatenate(list(indices.values()))), np.arange(1797))
    images = np.concatenate([images for images, _ in parts.values()]).reshape(1797, -1)
    assert len(np.unique(images, axis=0)) == 1797  # no image has a copy, in another part or its own


def test_split_is_fixed(parts, indices):
    for split, positions in indices.items():
        assert hashlib.sha256(positions.astype("<i4").tobytes()).hexdigest() == SPLIT_HASHES[split]
    images, labels = digits.load_digits_split("test")
    assert np.array_equal(images, parts["test"][0]) and np.array_equal(labels, parts["test"][1])


def test_unknown_split():
    with pytest.raises(KeyError):
        digits.load_digits_split("training")


def test_normalisation(parts):
    images = parts["train"][0]
    assert (images / 255).mean() == pytest.approx(digits.MEAN, abs=1e-6)
    assert (images / 255).std() == pytest.approx(digits.STD, abs=1e-6)
    scaled = digits.normalise(images)
    assert scaled.dtype == np.float32 and scaled.shape == images.shape
    assert scaled.mean(dtype=np.float64) == pytest.approx(0, abs=1e-5)
    assert scaled.std(dtype=np.float64) == pytest.approx(1, abs=1e-5)


def test_stored_teacher(parts):
    torch = pytest.importorskip("torch")
    from akd_jax.torch_networks import ResNet

    record = json.loads((ASSETS / "digits_teacher.json").read_text())
    teacher = ResNet(**record["architecture"])
    teacher.load_state_dict(torch.load(ASSETS / "digits_teacher.pth", weights_only=True))
    assert sum(p.numel() for p in teacher.parameters()) == record["parameters"]
    teacher.eval()
    for split, (images, labels) in parts.items():
        with torch.no_grad():
            logits = teacher(torch.from_numpy(digits.normalise(images)).permute(0, 3, 1, 2))
        correct = (logits.argmax(1).numpy() == labels).sum()
        # one image of slack: a near tie may fall the other way on another processor
        assert abs(correct - record["top1"][split] * len(labels)) < 1.5
