"""Sizes of the VGGs, and their pools."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest

from akd_jax.models import MODELS, parameter_count
from akd_jax.models.vgg import VGG

# On CIFAR-10 these are the numbers of every VGG with batch norm and one linear layer.
SIZES = {("vgg11_bn", 10): 9_231_114, ("vgg16_bn", 10): 14_728_266}
SIZES |= {("vgg11_bn", 100): 9_277_284, ("vgg16_bn", 100): 14_774_436}
# Two numbers less for each of the 2,752 and 4,224 channels.
SIZES |= {("vgg11", 10): 9_225_610, ("vgg16", 10): 14_719_818}


@pytest.mark.parametrize(("model", "expected"), SIZES.items())
def test_sizes(model, expected):
    name, classes = model
    images = jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.float32)
    variables = jax.eval_shape(MODELS[name].network(classes).init, jax.random.key(0), images)
    assert parameter_count(variables) == expected
    stages = {"vgg11": [64, 128, 256, 256, 512, 512, 512, 512]}
    stages["vgg16"] = [64, 64, 128, 128, 256, 256, 256] + [512] * 6
    channels, by_hand = 3, (512 + 1) * classes
    for width in stages[name.removesuffix("_bn")]:
        channels, by_hand = width, by_hand + (9 * channels + 1) * width + 2 * width * name.endswith("_bn")
    assert by_hand == expected


@pytest.mark.parametrize(("side", "last"), [(16, 2), (32, 4), (48, 6), (64, 4)])
def test_64_pixels_are_pooled_once_more(side, last):
    shapes = []

    def note(next_function, arguments, settings, context):
        result = next_function(*arguments, **settings)
        if context.module.name == "block4_3" and context.method_name == "__call__":
            shapes.append(result.shape)
        return result

    with nn.intercept_methods(note):
        images = jax.ShapeDtypeStruct((2, side, side, 3), jnp.float32)
        jax.eval_shape(lambda x: VGG(10, (1, 1, 2, 2, 2)).init(jax.random.key(0), x, train=False), images)
    assert shapes == [(2, last, last, 512)]
