"""Max-pooling, NHWC, whose gradient is fast on every platform.

XLA:CPU reduces windows, and scatters their gradients, one number at a time. There a window's maximum is taken of
shifted images, first of rows and then of columns. Ties, which share their gradient there and give it to one elsewhere,
are rare among numbers above 0, and after a ReLU the others have none. The choice is made by the platform that the
program is lowered for.
"""

from functools import partial, reduce

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from akd_jax.types import Array


def max_pool(images: Array, size: int, stride: int, padding: int = 0) -> Array:
    """[B, H, W, C] -> [B, H', W', C]: the largest of each size x size window; padding never is."""
    settings = {"size": size, "stride": stride, "padding": padding}
    return lax.platform_dependent(images, cpu=partial(_by_shifts, **settings), default=partial(_plain, **settings))


def _plain(images, *, size, stride, padding):
    return nn.max_pool(images, (size, size), (stride, stride), ((padding, padding),) * 2)


def _by_shifts(images, *, size, stride, padding):
    padded = jnp.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)), constant_values=-jnp.inf)
    for axis in (1, 2):
        places = (padded.shape[axis] - size) // stride * stride + 1
        shifted = [lax.slice_in_dim(padded, start, start + places, stride, axis) for start in range(size)]
        padded = reduce(jnp.maximum, shifted)
    return padded
