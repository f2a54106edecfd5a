"""Checkpoints by other people, on real images: the published accuracy, and PyTorch's logits."""

import subprocess
import sys
from pathlib import Path

import jax
import numpy as np
import pytest

from akd_jax import data, examination
from akd_jax.convert.reader import read_checkpoint
from akd_jax.convert.state_dict import find_state_dict
from akd_jax.convert.teacher import convert
from akd_jax.errors import InputError
from akd_jax.models import make_classifier

SHARED = Path(__file__).parents[2] / "shared"
pytestmark = pytest.mark.skipif(not SHARED.is_dir(), reason="needs ../shared: real images and checkpoints by others")

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
CHECKPOINTS = {  # file: (architecture, blocks a stage, top-1 that PyTorch measures on the 10,000 test images)
    "resnet20-12fca82f.th": ("resnet20", 3, 0.9173),
    "resnet32-d509ac18.th": ("resnet32", 5, 0.9263),
}


@pytest.fixture(scope="module")
def cifar10(tmp_path_factory):
    directory = tmp_path_factory.mktemp("cifar10")
    unpack = [sys.executable, SHARED / "data" / "unpack.py", "cifar10", directory, "--format", "npz"]
    subprocess.run(unpack, check=True, capture_output=True)
    return str(directory / "cifar10.npz")


@pytest.mark.slow
@pytest.mark.parametrize("name", CHECKPOINTS)
def test_published_accuracy(name, cifar10):
    assert_accuracy(name, cifar10, "test", images=10_000, top1=CHECKPOINTS[name][2])


def test_accuracy_on_the_first_thousand(cifar10):
    """As PyTorch measures it there."""
    assert_accuracy("resnet20-12fca82f.th", cifar10, "test[:10%]", images=1000, top1=0.913)


def assert_accuracy(name, data, split, *, images, top1):
    info, variables = convert(SHARED / "weights" / name, arch="auto", mean=MEAN, std=STD)
    assert (info.arch, info.layout, info.key) == (CHECKPOINTS[name][0], "cifar", "state_dict")
    held = examination.load(info, data, None, split)
    logits = examination.logits_of_teacher(info, variables, held)
    figures = examination.of_teacher(logits, held, name=name, source=data, split=split)
    assert figures["images"] == images
    assert figures["top1"] == pytest.approx(top1, abs=0.0005)


@pytest.mark.parametrize("name", ["resnet20_cifar100.pth", "resnet32_cifar100.pth"])
def test_another_kind_of_network_is_refused(name):
    """A stem of 64 channels, a last layer of 256 inputs, and no ReLU at the end of a block, which no tensor shows."""
    with pytest.raises(InputError, match=r"fits no network .* the nearest is resnet\d\d_b") as caught:
        convert(SHARED / "weights" / name, arch="auto", mean=MEAN, std=STD)
    assert "layer1.0.shortcut.0.weight [16, 64, 1, 1]" in str(caught.value)


@pytest.mark.parametrize("name", CHECKPOINTS)
def test_logits_are_pytorchs(name, cifar10):
    torch = pytest.importorskip("torch", reason="torch, the oracle, is a test dependency on Python 3.11 only")
    from akd_jax.torch_networks import ResNet

    arch, blocks, _ = CHECKPOINTS[name]
    path = SHARED / "weights" / name
    module = ResNet((blocks,) * 3, (16, 32, 64), 10, shortcut="A", names="cifar").eval()
    weights = find_state_dict(read_checkpoint(path)).tensors
    missing, unexpected = module.load_state_dict({k: torch.tensor(v) for k, v in weights.items()}, strict=False)
    assert not unexpected and all(name.endswith("num_batches_tracked") for name in missing)
    _, variables = convert(path, arch=arch, mean=MEAN, std=STD)
    network = make_classifier(arch, 10, image_size=32)
    pixels = data.load(cifar10, "test").images[:200]
    images = (np.float32(pixels) / 255 - np.float32(MEAN)) / np.float32(STD)
    ours = jax.jit(lambda v, x: network.apply(v, x, train=False)[0].logits)(variables, images)
    with torch.no_grad():
        theirs = module(torch.tensor(images.transpose(0, 3, 1, 2))).numpy()
    assert np.abs(ours - theirs).max() <= 1e-4 * np.abs(theirs).max()
