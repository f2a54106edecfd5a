"""Every network against the same network in PyTorch, layer by layer, in float64."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from flax.traverse_util import flatten_dict

torch = pytest.importorskip("torch", reason="torch, the oracle, is a test dependency on Python 3.11 only")

from torch_reference import GeneratorA, ResNet
from torch_to_jax import scramble, variables_of

from akd_jax.models import GENERATORS, make_classifier

FULL, HALF, HE = (64, 128, 256, 512), (32, 64, 128, 256), (16, 32, 64)
NETWORKS = {
    "resnet34": ((3, 4, 6, 3), FULL, "imagenet", "B", "torchvision"),
    "resnet34_8x": ((3, 4, 6, 3), FULL, "cifar", "B", "dfad"),
    "resnet18_8x": ((2, 2, 2, 2), FULL, "cifar", "B", "dfad"),
    "resnet18_8x_small": ((2, 2, 2, 2), HALF, "cifar", "B", "dfad"),
    "resnet20": ((3, 3, 3), HE, "cifar", "A", "dfad"),
    "resnet32": ((5, 5, 5), HE, "cifar", "A", "dfad"),
    "resnet56_b": ((9, 9, 9), HE, "cifar", "B", "torchvision"),
}


def batch_norm_inputs(module, inputs):
    """{layer's name: mean and biased variance} of every batch norm's input while the module sees `inputs`."""
    noted = {}

    def note(name):
        def hook(_, arguments):
            x = arguments[0].detach()
            axes = (0, 2, 3)
            noted[name] = {"mean": x.mean(axes).numpy(), "var": x.var(axes, unbiased=False).numpy()}

        return hook

    for name, layer in module.named_modules():
        if isinstance(layer, torch.nn.BatchNorm2d):
            layer.register_forward_pre_hook(note(name))
    with torch.no_grad():
        return module(inputs), noted


def close(own, wanted, tolerance=1e-10):
    own, wanted = np.asarray(own), np.asarray(wanted)
    return own.shape == wanted.shape and np.abs(own - wanted).max() <= tolerance * max(np.abs(wanted).max(), 1e-3)


@pytest.mark.parametrize("train", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize("name", NETWORKS)
def test_classifier(name, train):
    generator = torch.Generator().manual_seed(0)
    sizes, widths, stem, shortcut, names = NETWORKS[name]
    module = scramble(ResNet(sizes, widths, 10, stem, shortcut, names).double(), generator).train(train)
    images = torch.randn(2, 3, 32, 32, generator=generator, dtype=torch.float64)
    shown = images
    if stem == "imagenet":
        shown = torch.nn.functional.interpolate(images, size=(224, 224), mode="bilinear", align_corners=True)
    with jax.enable_x64(True):
        network = make_classifier(name, 10, image_size=32)
        inputs = jnp.asarray(images.numpy().transpose(0, 2, 3, 1))
        variables = variables_of(module, network, inputs)
        wanted, layers = batch_norm_inputs(module, shown)
        outputs, _ = jax.jit(lambda v, x: network.apply(v, x, train=train))(variables, inputs)
        ours = flatten_dict(jax.tree.map(np.asarray, outputs.batch_norm_inputs), sep="/")
    theirs = {f"{_our_name(name)}/{what}": value for name, both in layers.items() for what, value in both.items()}
    assert ours.keys() == theirs.keys()
    assert all(close(ours[name], theirs[name]) for name in ours)
    assert close(outputs.logits, wanted.numpy())


def _our_name(name):
    """'layer2.0.shortcut.1' -> 'layer2_0/downsample_bn'."""
    name = name.replace("shortcut", "downsample").replace("downsample.1", "downsample_bn")
    block, _, layer = name.rpartition(".")
    return f"{block.replace('.', '_')}/{layer}" if block else layer


@pytest.mark.parametrize("train", [False, True], ids=["inference", "training"])
def test_generator(train):
    random = torch.Generator().manual_seed(0)
    module = scramble(GeneratorA(100).double(), random).train(train)
    latents = torch.randn(4, 100, generator=random, dtype=torch.float64)
    with jax.enable_x64(True):
        network = GENERATORS["generator_a"](32, 3, 64)
        inputs = jnp.asarray(latents.numpy())
        variables = variables_of(module, network, inputs)
        with torch.no_grad():
            wanted = module(latents).numpy().transpose(0, 2, 3, 1)
        images, _ = jax.jit(lambda v, z: network.apply(v, z, train=train))(variables, inputs)
    assert close(images, wanted)
