"""Every so many pixels, and the largest of a window, NHWC: fast on every platform, and so are their gradients.

XLA:CPU reduces windows, and scatters their gradients, one number at a time. There a window's maximum is taken of
shifted images, first of rows and then of columns. Ties, which share their gradient there and give it to one elsewhere,
are rare among numbers above 0, and after a ReLU the others have none.
"""

from functools import partial, reduce

import flax.linen as nn
import jax.numpy as jnp
from jax import lax

from akd_jax.platforms import by_platform
from akd_jax.types import Array


def strided(images: Array, starts: tuple[int, int], stops: tuple[int, int], stride: int) -> Array:
    """images[:, starts[0]:stops[0]:stride, starts[1]:stops[1]:stride] of [B, H, W, C].

    JAX writes that index as a slice where every size is known, but as a slow gather in a program for any batch.
    """
    limits = (images.shape[0], *stops, images.shape[3])
    return lax.slice(images, (0, *starts, 0), limits, (1, stride, stride, 1))


def max_pool(images: Array, size: int, stride: int, padding: int = 0) -> Array:
    """[B, H, W, C] -> [B, H', W', C]: the largest of each size x size window; padding never is."""
    settings = {"size": size, "stride": stride, "padding": padding}
    return by_platform(partial(_by_shifts, **settings), partial(_plain, **settings))(images)


def _plain(images, *, size, stride, padding):
    return nn.max_pool(images, (size, size), (stride, stride), ((padding, padding),) * 2)


def _by_shifts(images, *, size, stride, padding):
    padded = jnp.pad(images, ((0, 0), (padding, padding), (padding, padding), (0, 0)), constant_values=-jnp.inf)
    for axis in (1, 2):
        places = (padded.shape[axis] - size) // stride * stride + 1
        shifted = [lax.slice_in_dim(padded, start, start + places, stride, axis) for start in range(size)]
        padded = reduce(jnp.maximum, shifted)
    return padded
