"""Wide residual networks for small images (Zagoruyko & Komodakis 2016, arXiv:1605.07146).

Modules carry PyTorch's names (conv1, block1.layer.0 as block1/layer_0, ..., bn1, fc), so that weights convert by name.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax.nn import initializers

from akd_jax.models.layers import BatchNorm, Conv, Dense, mean_over_positions, stage_end, torch_uniform
from akd_jax.types import Array


class WideBlock(nn.Module):
    """[B, H, W, I] -> [B, H / stride, W / stride, width]: two 3x3 convolutions, each after batch norm and ReLU.

    Where the width changes, the 1x1 convolution of the shortcut also sees what the first batch norm and ReLU give;
    elsewhere the shortcut is the bare input.
    """

    width: int
    stride: int
    dtype: Any

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        def conv(size, stride, name):
            return Conv(self.width, size, stride, dtype=self.dtype, name=name)

        def active(hidden, name):
            return nn.relu(BatchNorm(train, dtype=self.dtype, name=name)(hidden))

        begun = active(inputs, "bn1")
        outputs = conv(3, 1, "conv2")(active(conv(3, self.stride, "conv1")(begun), "bn2"))
        if inputs.shape[-1] == self.width:
            return outputs + inputs
        return outputs + conv(1, self.stride, "convShortcut")(begun)


class WideStage(nn.Module):
    """`size` blocks of one width, of which the first has the stride."""

    size: int
    width: int
    stride: int
    dtype: Any

    @nn.compact
    def __call__(self, hidden: Array, train: bool) -> Array:
        for block in range(self.size):
            stride = self.stride if block == 0 else 1
            hidden = WideBlock(self.width, stride, dtype=self.dtype, name=f"layer_{block}")(hidden, train)
        return hidden


class WideResNet(nn.Module):
    """WRN-depth-widening without dropout: images [B, H, W, C] -> (logits [B, classes], features [B, 64 * widening]).

    depth: 6n + 4, in three stages of n blocks.
    dtype: of the computation; None follows inputs and parameters. Parameters and statistics are float32.
    """

    classes: int
    depth: int
    widening: int
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Array, train: bool) -> tuple[Array, Array]:
        size, rest = divmod(self.depth - 4, 6)
        if rest or size < 1:
            raise ValueError(f"a wide residual network has 6n + 4 layers, n >= 1, not {self.depth}")
        hidden = Conv(16, size=3, dtype=self.dtype, name="conv1")(images)
        for stage, width in enumerate((16, 32, 64)):
            hidden = WideStage(
                size,
                width * self.widening,
                stride=1 if stage == 0 else 2,
                dtype=self.dtype,
                name=f"block{stage + 1}",
            )(hidden, train)
            hidden = stage_end(self, stage, hidden)
        hidden = nn.relu(BatchNorm(train, dtype=self.dtype, name="bn1")(hidden))
        features = mean_over_positions(self, hidden)
        logits = Dense(
            self.classes, kernel_init=torch_uniform, bias_init=initializers.zeros, dtype=self.dtype, name="fc"
        )(features)
        wide = jnp.promote_types(logits.dtype, jnp.float32)
        return logits.astype(wide), features.astype(wide)
