"""Every network against the same network in PyTorch, layer by layer, in float64."""

import re
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from exact import EXACT
from flax.traverse_util import flatten_dict

torch = pytest.importorskip("torch", reason="torch, the oracle, is a test dependency on Python 3.11 only")

from torch_to_jax import scramble, variables_of

from akd_jax.models import GENERATORS, make_classifier
from akd_jax.torch_networks import VGG, GeneratorA, ResNet, SigmoidGenerator, WideResNet

FULL, HALF, HE = (64, 128, 256, 512), (32, 64, 128, 256), (16, 32, 64)
NETWORKS = {
    "resnet34": lambda: ResNet((3, 4, 6, 3), FULL, 10, "imagenet"),
    "resnet34_8x": lambda: ResNet((3, 4, 6, 3), FULL, 10, names="cifar"),
    "resnet18_8x": lambda: ResNet((2, 2, 2, 2), FULL, 10, names="cifar"),
    "resnet18_8x_small": lambda: ResNet((2, 2, 2, 2), HALF, 10, names="cifar"),
    "resnet20": lambda: ResNet((3, 3, 3), HE, 10, shortcut="A", names="cifar"),
    "resnet32": lambda: ResNet((5, 5, 5), HE, 10, shortcut="A", names="cifar"),
    "resnet56_b": lambda: ResNet((9, 9, 9), HE, 10),
    "wrn16_1": lambda: WideResNet(16, 1, 10),
    "wrn16_2": lambda: WideResNet(16, 2, 10),
    "wrn40_2": lambda: WideResNet(40, 2, 10),
    "vgg11_bn": lambda: VGG((1, 1, 2, 2, 2), 10),
    "vgg16_bn": lambda: VGG((2, 2, 3, 3, 3), 10),
    "vgg11": lambda: VGG((1, 1, 2, 2, 2), 10, batch_norm=False),
    "vgg16": lambda: VGG((2, 2, 3, 3, 3), 10, batch_norm=False),
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


QUICK = ("resnet34", "resnet18_8x_small", "resnet20", "wrn16_1", "vgg11_bn", "vgg11")
"""Of every kind one; the others differ in size."""


@pytest.mark.parametrize("train", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in NETWORKS]
)
def test_classifier(name, train):
    generator = torch.Generator().manual_seed(0)
    module = scramble(NETWORKS[name]().double(), generator).train(train)
    images = torch.randn(2, 3, 32, 32, generator=generator, dtype=torch.float64)
    shown = images
    if name == "resnet34":
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
    return re.sub(r"\.(\d)", r"_\1", name).replace(".", "/")


@pytest.mark.parametrize(
    "name", ["resnet20", "wrn16_2", *(pytest.param(name, marks=pytest.mark.slow) for name in ("vgg11_bn", "vgg11"))]
)
def test_gradients(name):
    """Of a weighted sum of the logits in training, by every parameter and by the images."""
    random = torch.Generator().manual_seed(0)
    module = scramble(NETWORKS[name]().double(), random).train()
    images = torch.randn(2, 3, 32, 32, generator=random, dtype=torch.float64, requires_grad=True)
    weights = torch.randn(2, 10, generator=random, dtype=torch.float64)
    with jax.enable_x64(True):
        network = make_classifier(name, 10, image_size=32)
        inputs = jnp.asarray(images.detach().numpy().transpose(0, 2, 3, 1))
        variables = variables_of(module, network, inputs)

        def weighted(params, x):
            outputs, _ = network.apply(variables.replace(params=params), x, train=True)
            return (outputs.logits * weights.numpy()).sum()

        ours = jax.jit(jax.grad(weighted, (0, 1)), compiler_options=EXACT)(variables.params, inputs)
        (module(images) * weights).sum().backward()
        for parameter in module.parameters():
            parameter.data = parameter.grad  # so that they convert as the parameters do
        theirs = variables_of(module, network, inputs).params, images.grad.numpy().transpose(0, 2, 3, 1)
    assert jax.tree.all(jax.tree.map(partial(close, tolerance=1e-9), ours, theirs))


@pytest.mark.parametrize("train", [False, True], ids=["inference", "training"])
@pytest.mark.parametrize(("name", "kind"), [("generator_a", GeneratorA), ("generator_sigmoid", SigmoidGenerator)])
def test_generator(name, kind, train):
    random = torch.Generator().manual_seed(0)
    module = scramble(kind(100).double(), random).train(train)
    latents = torch.randn(4, 100, generator=random, dtype=torch.float64)
    with jax.enable_x64(True):
        network = GENERATORS[name].network(32, 3, 64)
        inputs = jnp.asarray(latents.numpy())
        variables = variables_of(module, network, inputs)
        with torch.no_grad():
            wanted = module(latents).numpy().transpose(0, 2, 3, 1)
        images, _ = jax.jit(lambda v, z: network.apply(v, z, train=train))(variables, inputs)
    assert close(images, wanted)
