"""Sizes of the wide residual networks, and the depths that there are."""

from itertools import pairwise

import jax
import jax.numpy as jnp
import pytest

from akd_jax.models import MODELS, parameter_count
from akd_jax.models.network import classifier
from akd_jax.models.wide_resnet import WideResNet

# On CIFAR-100; table 5 of the paper has 0.6M for WRN-40-1 and 2.2M for WRN-40-2.
SIZES = {"wrn16_1": 180_916, "wrn16_2": 703_284, "wrn40_1": 569_780, "wrn40_2": 2_255_156}


def size(network):
    images = jax.ShapeDtypeStruct((2, 32, 32, 3), jnp.float32)
    return parameter_count(jax.eval_shape(network.init, jax.random.key(0), images))


def size_by_hand(depth, widening, classes):
    blocks, widths = (depth - 4) // 6, [16, 16 * widening, 32 * widening, 64 * widening]
    total = 9 * 3 * 16 + 2 * widths[-1] + (widths[-1] + 1) * classes
    for before, width in pairwise(widths):
        # A stage: its first 3x3 convolution, the others, the 1x1 shortcut; a batch norm before each 3x3.
        total += 9 * before * width + (2 * blocks - 1) * 9 * width**2 + (before != width) * before * width
        total += 2 * before + (2 * blocks - 1) * 2 * width
    return total


@pytest.mark.parametrize(("name", "expected"), SIZES.items())
def test_sizes(name, expected):
    depth, widening = map(int, name.removeprefix("wrn").split("_"))
    assert size(MODELS[name].network(100)) == size_by_hand(depth, widening, 100) == expected


def test_any_depth_and_widening():
    assert size(classifier(WideResNet(10, depth=28, widening=10))) == size_by_hand(28, 10, 10) == 36_479_194


@pytest.mark.parametrize("depth", [4, 17, 20, 38])
def test_depths_that_there_are_not(depth):
    with pytest.raises(ValueError, match=f"6n \\+ 4 layers, n >= 1, not {depth}"):
        size(classifier(WideResNet(10, depth, 1)))
