"""Max-pooling: Flax's, by forms that differ by platform."""

import flax.linen as nn
import jax
import jax.numpy as jnp
import pytest
from jax import export

from akd_jax.models.pooling import max_pool

SHAPES = [(2, 8, 8, 3), (2, 5, 8, 3), (1, 3, 4, 1), (1, 9, 9, 2)]
WINDOWS = [(2, 2, 0), (3, 2, 1), (3, 1, 1), (3, 3, 0)]  # size, stride, padding


def plain(images, size, stride, padding):
    return nn.max_pool(images, (size, size), (stride, stride), ((padding, padding),) * 2)


@pytest.mark.parametrize("window", WINDOWS)
@pytest.mark.parametrize("shape", SHAPES)
def test_values_and_gradients(shape, window):
    images = jax.random.normal(jax.random.key(0), shape)
    assert jnp.array_equal(max_pool(images, *window), plain(images, *window))
    weights = jnp.sin(jnp.arange(max_pool(images, *window).size, dtype=images.dtype))
    ours, wanted = (
        jax.grad(lambda x, pool=pool: (pool(x, *window).ravel() * weights).sum())(images) for pool in (max_pool, plain)
    )
    assert jnp.allclose(ours, wanted, atol=1e-6)


def test_after_a_relu_ties_change_nothing():
    images = jax.random.normal(jax.random.key(0), (2, 8, 8, 3))
    ours, wanted = (
        jax.grad(lambda x, pool=pool: pool(nn.relu(x - 1), 3, 2, 1).sum())(images) for pool in (max_pool, plain)
    )
    assert (max_pool(nn.relu(images - 1), 3, 2, 1) == 0).any(), "no window without a number above 0"
    assert jnp.allclose(ours, wanted, atol=1e-6)


def test_the_platform_that_is_lowered_for_decides():
    def lowered(platform):
        pool = jax.jit(lambda x: max_pool(x, 3, 2, 1))
        return export.export(pool, platforms=[platform])(jnp.ones((1, 8, 8, 1))).mlir_module()

    assert "reduce_window" in lowered("cuda") and "reduce_window" not in lowered("cpu")
