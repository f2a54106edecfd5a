"""Latents -> images."""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp

from akd_jax.models.layers import BatchNorm, Conv, Dense, torch_uniform, torch_uniform_bias
from akd_jax.types import Array


class GeneratorA(nn.Module):
    """Latents [B, Z] -> images [B, size, size, channels] (DFAD, Fang et al. 2019, arXiv:1912.11006).

    The last batch norm has no parameters: in training every batch of images has mean 0 and variance 1 in
    each channel, as normalised real images have. `size` is a multiple of 4. Modules carry DFAD's names.
    """

    size: int = 32
    channels: int = 3
    width: int = 64
    dtype: Any = None

    @nn.compact
    def __call__(self, latents: Array, train: bool) -> Array:
        def norm(name, affine=True):
            return BatchNorm(train, affine=affine, dtype=self.dtype, name=name)

        def conv(features, name):
            return Conv(features, 3, use_bias=True, kernel_init=torch_uniform, dtype=self.dtype, name=name)

        start = self.size // 4
        hidden = Dense(
            2 * self.width * start**2,
            kernel_init=torch_uniform,
            bias_init=torch_uniform_bias(latents.shape[-1]),
            dtype=self.dtype,
            name="l1_0",
        )(latents)
        # Channels first, as PyTorch's view(C, H, W) orders them, so that weights convert by name alone.
        hidden = hidden.reshape(-1, 2 * self.width, start, start).transpose(0, 2, 3, 1)
        hidden = norm("conv_blocks0_0")(hidden)
        hidden = conv(2 * self.width, "conv_blocks1_0")(_twice(hidden))
        hidden = nn.leaky_relu(norm("conv_blocks1_1")(hidden), 0.2)
        hidden = conv(self.width, "conv_blocks2_0")(_twice(hidden))
        hidden = nn.leaky_relu(norm("conv_blocks2_1")(hidden), 0.2)
        hidden = jnp.tanh(conv(self.channels, "conv_blocks2_3")(hidden))
        images = norm("conv_blocks2_5", affine=False)(hidden)
        return images.astype(jnp.promote_types(images.dtype, jnp.float32))


def _twice(images: Array) -> Array:
    """Nearest-neighbour enlargement [B, H, W, C] -> [B, 2H, 2W, C]."""
    return images.repeat(2, axis=1).repeat(2, axis=2)
