"""Checkpoints as the field's repositories save them: every network in every layout, there and back, and its logits."""

import jax.numpy as jnp
import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch, the oracle, is a test dependency on Python 3.11 only")

from torch_to_jax import scramble

from akd_jax.convert.architecture import variable_shapes
from akd_jax.convert.layouts import layouts_of, to_state_dict, to_variables
from akd_jax.convert.reader import read_checkpoint
from akd_jax.convert.teacher import convert
from akd_jax.models import GENERATORS, MODELS, make_classifier
from akd_jax.torch_networks import VGG, GeneratorA, ResNet, WideResNet, network_of

MEAN, STD = (0.5071, 0.4867, 0.4408), (0.2675, 0.2565, 0.2761)
CLASSES = 100
FULL = (64, 128, 256, 512)
SIZES = {34: (3, 4, 6, 3), 18: (2, 2, 2, 2), 10: (1, 1, 1, 1)}


def resnet(depth, widths, stem="cifar", shortcut="B"):
    sizes = SIZES.get(depth, ((depth - 2) // 6,) * 3)
    return lambda layout: ResNet(sizes, widths, CLASSES, stem, shortcut, layout)


NETWORKS = {  # architecture: (layout) -> PyTorch's module
    "resnet34": resnet(34, FULL, "imagenet"),
    "resnet34_8x": resnet(34, FULL),
    "resnet18_8x": resnet(18, FULL),
    "resnet18_8x_small": resnet(18, (32, 64, 128, 256)),
    "resnet18_8x_w8": resnet(18, (8, 16, 32, 64)),
    "resnet10_8x_w8": resnet(10, (8, 16, 32, 64)),
    "resnet10_8x_w4": resnet(10, (4, 8, 16, 32)),
    **{f"resnet{depth}": resnet(depth, (16, 32, 64), shortcut="A") for depth in (8, 14, 20, 32, 44, 56, 110)},
    **{f"resnet{depth}_b": resnet(depth, (16, 32, 64)) for depth in (8, 14, 20, 32, 44, 56, 110)},
    **{f"wrn{d}_{w}": lambda _, d=d, w=w: WideResNet(d, w, CLASSES) for d in (16, 40) for w in (1, 2)},
    "vgg11_bn": lambda _: VGG((1, 1, 2, 2, 2), CLASSES),
    "vgg16_bn": lambda _: VGG((2, 2, 3, 3, 3), CLASSES),
    "vgg11": lambda _: VGG((1, 1, 2, 2, 2), CLASSES, batch_norm=False),
    "vgg16": lambda _: VGG((2, 2, 3, 3, 3), CLASSES, batch_norm=False),
}
CASES = [(arch, layout) for arch in MODELS for layout in layouts_of(variable_shapes(arch, CLASSES, 3))]


def random():
    return torch.Generator().manual_seed(0)


def arrays(module):
    """The state dict without what only training counts."""
    state_dict = module.state_dict().items()
    return {name: value.numpy() for name, value in state_dict if not name.endswith("num_batches_tracked")}


def assert_same(ours, theirs):
    assert ours.keys() == theirs.keys()
    for name, value in ours.items():
        np.testing.assert_array_equal(value, theirs[name], strict=True)


def assert_close(ours, theirs):
    assert np.abs(ours - theirs).max() <= 1e-5 * np.abs(theirs).max()


@pytest.mark.parametrize(("arch", "layout"), CASES)
def test_there_and_back_is_bitwise(arch, layout):
    module = scramble(NETWORKS[arch](layout), random())
    weights = arrays(module)
    variables = to_variables(weights, variable_shapes(arch, CLASSES, 3), layout)
    back = to_state_dict(variables, layout)
    assert_same(back, weights)
    assert_same(arrays(network_of(back)), weights)


DEEP = tuple(arch for arch, model in MODELS.items() if sum(blocks for blocks, _ in model.stages) > 16)


@pytest.mark.parametrize(
    "arch", [pytest.param(arch, marks=pytest.mark.slow) if arch in DEEP else arch for arch in MODELS]
)
def test_logits(arch, tmp_path):
    """From the file to the logits that PyTorch gives."""
    module = scramble(NETWORKS[arch]("weiaicunzai"), random()).eval()
    torch.save({"epoch": 240, "model": module.state_dict(), "best_acc": 75.6}, tmp_path / "teacher.pth")
    teacher, variables = convert(tmp_path / "teacher.pth", arch="auto", mean=MEAN, std=STD)
    assert (teacher.arch, teacher.classes, teacher.channels, teacher.key) == (arch, CLASSES, 3, "model")
    assert teacher.parameters == sum(parameter.numel() for parameter in module.parameters())
    side = MODELS[arch].input_size or 32
    images = torch.randn(2, 3, side, side, generator=random())
    with torch.no_grad():
        wanted = module(images).numpy()
    network = make_classifier(arch, CLASSES, image_size=side)
    outputs, _ = network.apply(variables, jnp.asarray(images.numpy().transpose(0, 2, 3, 1)), train=False)
    assert_close(outputs.logits, wanted)


def test_generator():
    module = scramble(GeneratorA(100), random()).eval()
    network = GENERATORS["generator_a"].network(32, 3, 64)
    latents = torch.randn(2, 100, generator=random())
    expected = network.init(jnp.zeros(2, jnp.uint32), jnp.asarray(latents.numpy()))
    variables = to_variables(arrays(module), expected, "dfad")
    assert_same(to_state_dict(variables, "dfad"), arrays(module))
    images, _ = network.apply(variables, jnp.asarray(latents.numpy()), train=False)
    with torch.no_grad():
        assert_close(images, module(latents).numpy().transpose(0, 2, 3, 1))


@pytest.mark.parametrize("dtype", [torch.float16, torch.bfloat16])
@pytest.mark.parametrize("new", [True, False], ids=["zip", "legacy"])
def test_half_precision_is_widened(dtype, new, tmp_path):
    module = scramble(NETWORKS["resnet20"]("cifar"), random()).to(dtype)
    torch.save(module.state_dict(), tmp_path / "half.pth", _use_new_zipfile_serialization=new)
    weights = read_checkpoint(tmp_path / "half.pth")
    weights = {name: value for name, value in weights.items() if not name.endswith("num_batches_tracked")}
    variables = to_variables(weights, variable_shapes("resnet20", CLASSES, 3), "cifar")
    assert_same(to_state_dict(variables, "cifar"), arrays(module.float()))
