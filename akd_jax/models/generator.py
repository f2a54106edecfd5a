"""Latents -> images."""

from collections.abc import Sequence
from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from akd_jax.models.layers import BatchNorm, Conv, Dense, torch_uniform, torch_uniform_bias
from akd_jax.types import Array


class GeneratorA(nn.Module):
    """Latents [B, Z] -> images [B, size, size, channels] (DFAD, Fang et al. 2019, arXiv:1912.11006).

    The last batch norm has no parameters: in training every batch of images has mean 0 and variance 1 in
    each channel, as normalised real images have. `size` is a multiple of 4. Modules carry DFAD's names.

    parts: of PARTS, those that are played: the first layer with its batch norm [B, size / 4, size / 4, 2 * width], two
    blocks at twice the size each, of which the second halves the channels, and what makes images of them.
    """

    size: int = 32
    channels: int = 3
    width: int = 64
    dtype: Any = None

    PARTS = (0, 1, 2, 3)

    @nn.compact
    def __call__(self, hidden: Array, train: bool, parts: Sequence[int] = PARTS) -> Array:
        def norm(name, affine=True):
            return BatchNorm(train, affine=affine, dtype=self.dtype, name=name)

        def conv(features, name):
            return Conv(features, 3, use_bias=True, kernel_init=torch_uniform, dtype=self.dtype, name=name)

        if 0 in parts:
            hidden = norm("conv_blocks0_0")(_first_layer(hidden, self.size // 4, 2 * self.width, self.dtype))
        if 1 in parts:
            hidden = conv(2 * self.width, "conv_blocks1_0")(_twice(hidden))
            hidden = nn.leaky_relu(norm("conv_blocks1_1")(hidden), 0.2)
        if 2 in parts:
            hidden = conv(self.width, "conv_blocks2_0")(_twice(hidden))
            hidden = nn.leaky_relu(norm("conv_blocks2_1")(hidden), 0.2)
        if 3 in parts:
            hidden = jnp.tanh(conv(self.channels, "conv_blocks2_3")(hidden))
            hidden = norm("conv_blocks2_5", affine=False)(hidden)
            hidden = hidden.astype(jnp.promote_types(hidden.dtype, jnp.float32))
        return hidden


class SigmoidGenerator(nn.Module):
    """Latents [B, Z] -> images [B, size, size, channels] in 0..1.

    The generator of CMI (Fang et al. 2021, arXiv:2105.08584) and of those after it. `size` is a multiple of 4. Modules
    carry CMI's names. parts: as of `GeneratorA`.
    """

    size: int = 32
    channels: int = 3
    width: int = 64
    dtype: Any = None

    PARTS = (0, 1, 2, 3)

    @nn.compact
    def __call__(self, hidden: Array, train: bool, parts: Sequence[int] = PARTS) -> Array:
        def norm(name):
            return BatchNorm(train, dtype=self.dtype, name=name)

        def conv(features, name, use_bias=False):
            return Conv(features, 3, use_bias=use_bias, kernel_init=torch_uniform, dtype=self.dtype, name=name)

        if 0 in parts:
            hidden = norm("conv_blocks_0")(_first_layer(hidden, self.size // 4, 2 * self.width, self.dtype))
        if 1 in parts:
            hidden = conv(2 * self.width, "conv_blocks_2")(_twice(hidden))
            hidden = nn.leaky_relu(norm("conv_blocks_3")(hidden), 0.2)
        if 2 in parts:
            hidden = conv(self.width, "conv_blocks_6")(_twice(hidden))
            hidden = nn.leaky_relu(norm("conv_blocks_7")(hidden), 0.2)
        if 3 in parts:
            hidden = conv(self.channels, "conv_blocks_9", use_bias=True)(hidden)
            hidden = nn.sigmoid(hidden.astype(jnp.promote_types(hidden.dtype, jnp.float32)))
        return hidden


def _first_layer(latents: Array, side: int, channels: int, dtype: Any) -> Array:
    """[B, Z] -> [B, side, side, channels], linearly; the module l1_0 of whoever calls it."""
    hidden = Dense(
        channels * side**2,
        kernel_init=torch_uniform,
        bias_init=torch_uniform_bias(latents.shape[-1]),
        dtype=dtype,
        name="l1_0",
    )(latents)
    # Channels first, as PyTorch's view(C, H, W) orders them, so that weights convert by name alone.
    return hidden.reshape(-1, channels, side, side).transpose(0, 2, 3, 1)


def _twice(images: Array) -> Array:
    """Nearest-neighbour enlargement [B, H, W, C] -> [B, 2H, 2W, C]."""
    return images.repeat(2, axis=1).repeat(2, axis=2)
