"""Networks by name. A new network is one entry here; only this package knows Flax's modules."""

from collections.abc import Callable
from typing import NamedTuple

from akd_jax.models.generator import GeneratorA, SigmoidGenerator
from akd_jax.models.network import (
    class_rows,
    classifier,
    image_generator,
    normalised_images,
    parameter_count,
    pixels,
    resize_inputs,
)
from akd_jax.models.resnet import ResNet, he_normal_fan_in
from akd_jax.models.vgg import VGG
from akd_jax.models.wide_resnet import WideResNet
from akd_jax.types import Network

__all__ = ["GENERATORS", "MODELS", "Generator", "Model", "class_rows", "make_classifier", "parameter_count", "pixels"]


class Model(NamedTuple):
    """A classifier of the table.

    network: (classes, *, dtype=None) -> Network.
    stages: (blocks, or layers where it has no blocks; channels) of each.
    input_size: side in pixels that images are enlarged to before the network, or None to take them as they come.
    """

    network: Callable[..., Network]
    stages: tuple[tuple[int, int], ...]
    input_size: int | None = None


def _resnet(stage_sizes, stage_widths, *, input_size=None, **settings) -> Model:
    def network(classes, *, dtype=None):
        module = ResNet(classes, stage_sizes, stage_widths, dtype=dtype, **settings)
        return classifier(module)

    return Model(network, tuple(zip(stage_sizes, stage_widths, strict=True)), input_size)


def _he_resnet(depth: int, shortcut: str) -> Model:
    """He et al. 2015, section 4.2: 6n + 2 layers in three stages; their own shortcut is A."""
    stages, init = ((depth - 2) // 6,) * 3, he_normal_fan_in
    return _resnet(stages, (16, 32, 64), shortcut=shortcut, kernel_init=init, dense_init=init)


def _wide_resnet(depth: int, widening: int) -> Model:
    return Model(
        lambda classes, *, dtype=None: classifier(WideResNet(classes, depth, widening, dtype=dtype)),
        tuple(((depth - 4) // 6, width * widening) for width in (16, 32, 64)),
    )


def _vgg(*stage_sizes: int, batch_norm: bool) -> Model:
    return Model(
        lambda classes, *, dtype=None: classifier(VGG(classes, stage_sizes, batch_norm=batch_norm, dtype=dtype)),
        tuple(zip(stage_sizes, (64, 128, 256, 512, 512), strict=True)),
    )


_RESNET10, _RESNET18, _RESNET34 = (1, 1, 1, 1), (2, 2, 2, 2), (3, 4, 6, 3)
# He et al. begin with 20; the two shallower ones are students of the others.
_HE_DEPTHS = (8, 14, 20, 32, 44, 56, 110)

MODELS: dict[str, Model] = {
    # torchvision's, which the seed feeds with images enlarged to 224.
    "resnet34": _resnet(_RESNET34, (64, 128, 256, 512), stem="imagenet", input_size=224),
    # DFAD's, for 32x32; the seed's students are the two of 18 layers.
    "resnet34_8x": _resnet(_RESNET34, (64, 128, 256, 512)),
    "resnet18_8x": _resnet(_RESNET18, (64, 128, 256, 512)),
    "resnet18_8x_small": _resnet(_RESNET18, (32, 64, 128, 256)),
    # An eighth as wide, for the digits: a teacher and, in the seed's proportions, its two students.
    "resnet18_8x_w8": _resnet(_RESNET18, (8, 16, 32, 64)),
    "resnet10_8x_w8": _resnet(_RESNET10, (8, 16, 32, 64)),
    "resnet10_8x_w4": _resnet(_RESNET10, (4, 8, 16, 32)),
    **{f"resnet{depth}": _he_resnet(depth, "A") for depth in _HE_DEPTHS},
    **{f"resnet{depth}_b": _he_resnet(depth, "B") for depth in _HE_DEPTHS},
    **{f"wrn{depth}_{widening}": _wide_resnet(depth, widening) for depth in (16, 40) for widening in (1, 2)},
    "vgg11_bn": _vgg(1, 1, 2, 2, 2, batch_norm=True),
    "vgg16_bn": _vgg(2, 2, 3, 3, 3, batch_norm=True),
    "vgg11": _vgg(1, 1, 2, 2, 2, batch_norm=False),
    "vgg16": _vgg(2, 2, 3, 3, 3, batch_norm=False),
}


def make_classifier(name: str, classes: int, *, image_size: int, dtype=None) -> Network:
    """The network `name` for images [B, image_size, image_size, C], enlarged if it wants them larger."""
    model = MODELS[name]
    network = model.network(classes, dtype=dtype)
    return network if model.input_size in (None, image_size) else resize_inputs(network, model.input_size)


def _generator_a(size: int, channels: int, width: int, *, mean=(0.0,), std=(1.0,), dtype=None) -> Network:
    """Its images are normalised by their own statistics, so it has no use for the teacher's."""
    return image_generator(GeneratorA(size, channels, width, dtype=dtype))


def _generator_sigmoid(size: int, channels: int, width: int, *, mean=(0.0,), std=(1.0,), dtype=None) -> Network:
    return normalised_images(image_generator(SigmoidGenerator(size, channels, width, dtype=dtype)), mean, std)


class Generator(NamedTuple):
    """A generator of the table.

    network: (size, channels, width, *, mean=(0,), std=(1,), dtype=None) -> Network from latents [B, Z] to images. mean,
    std: the teacher's, one a channel or one for all.
    first_layers: the modules of its linear layer and of the batch norm after it.
    """

    network: Callable[..., Network]
    first_layers: tuple[str, str]


GENERATORS: dict[str, Generator] = {
    "generator_a": Generator(_generator_a, ("l1_0", "conv_blocks0_0")),
    "generator_sigmoid": Generator(_generator_sigmoid, ("l1_0", "conv_blocks_0")),
}
