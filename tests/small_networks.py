"""A network of every kind, as small as it can be, and variables far from their first values."""

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax.export.facts import Facts
from akd_jax.models.generator import GeneratorA, SigmoidGenerator
from akd_jax.models.network import classifier, image_generator, normalised_images, resize_inputs
from akd_jax.models.resnet import ResNet
from akd_jax.models.vgg import VGG
from akd_jax.models.wide_resnet import WideResNet

# -> (network, its inputs' shape, the batch norms that stay)
NETWORKS = {
    "resnet": (classifier(ResNet(5, (1, 1), (4, 8))), (2, 8, 8, 3), 0),
    "7x7 stem": (classifier(ResNet(5, (1, 1), (4, 8), stem="imagenet")), (2, 16, 16, 3), 0),
    "option A": (classifier(ResNet(5, (2, 1), (4, 8), shortcut="A")), (2, 8, 8, 1), 0),
    "behind a resize": (resize_inputs(classifier(ResNet(5, (1,), (4,))), 12), (2, 8, 8, 3), 0),
    "bfloat16": (classifier(ResNet(5, (1,), (4,), dtype=jnp.bfloat16)), (2, 8, 8, 3), 0),
    # Of every block the first, which sees the shortcut too, and the network's last.
    "wide resnet": (classifier(WideResNet(5, 16, 1)), (2, 8, 8, 3), 7),
    "vgg, whose convolutions have a bias": (classifier(VGG(5, (1, 1, 1, 1, 1))), (2, 16, 16, 3), 0),
    "vgg without batch norm": (classifier(VGG(5, (1, 1, 1, 1, 2), batch_norm=False)), (2, 16, 16, 3), 0),
    "generator": (image_generator(GeneratorA(8, 3, 4)), (2, 6), 2),
    "sigmoid generator": (normalised_images(image_generator(SigmoidGenerator(8, 3, 4)), [0.5], [0.2]), (2, 6), 1),
}

# What an export knows about the first.
FACTS = Facts(
    role="student",
    kind="classifier",
    architecture="resnet",
    parameters=1,
    image_size=8,
    input_size=8,
    channels=3,
    classes=5,
    mean=[0.5] * 3,
    std=[0.2] * 3,
    teacher={},
)


def scrambled(network, inputs):
    """Statistics and parameters far from their first 0 and 1, kernels that keep the size of what they see. Of NumPy."""
    random = np.random.default_rng(0)
    shapes = jax.eval_shape(network.init, jax.random.key(0), inputs)

    def some(path, leaf):
        name = path[-1].key
        bound = (3 / np.prod(leaf.shape[:-1])) ** 0.5 if name == "kernel" else 0.5
        low, high = (0.5, 1.5) if name in ("scale", "var") else (-bound, bound)
        return random.uniform(low, high, leaf.shape).astype(leaf.dtype)

    return jax.tree_util.tree_map_with_path(some, shapes)


def evaluated(network, variables, inputs):
    outputs = quick(lambda v, x: network.apply(v, x, train=False)[0])(variables, inputs)
    return np.asarray(getattr(outputs, "logits", outputs))


def quick(function):
    """Compiled soon rather than well: each of these programs runs once."""
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})


def close(found, wanted, tolerance):
    return np.abs(found - wanted).max() <= tolerance * np.abs(wanted).max()
