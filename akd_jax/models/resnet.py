"""Residual networks of basic blocks (He et al. 2015, arXiv:1512.03385) for small and for large images.

Modules carry PyTorch's names (conv1, bn1, layer1.0 as layer1_0, ..., fc), so that weights convert by name.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax.nn import initializers

from akd_jax.models.layers import (
    BatchNorm,
    Conv,
    Dense,
    he_normal_fan_out,
    mean_over_positions,
    stage_end,
    torch_uniform,
    torch_uniform_bias,
)
from akd_jax.models.pooling import max_pool, strided
from akd_jax.types import Array


class BasicBlock(nn.Module):
    """[B, H, W, I] -> [B, H / stride, W / stride, width]: two 3x3 convolutions around a shortcut.

    shortcut: what stands in for the identity where the shape changes: "B", a 1x1 convolution and batch norm,
      or "A", every stride-th pixel and zero channels on both sides, without parameters (He et al. 2015, 4.1).
    """

    width: int
    stride: int
    shortcut: str
    kernel_init: Any
    dtype: Any

    @nn.compact
    def __call__(self, inputs: Array, train: bool) -> Array:
        def conv(size, stride, name):
            return Conv(self.width, size, stride, kernel_init=self.kernel_init, dtype=self.dtype, name=name)

        def norm(name):
            return BatchNorm(train, dtype=self.dtype, name=name)

        outputs = nn.relu(norm("bn1")(conv(3, self.stride, "conv1")(inputs)))
        outputs = norm("bn2")(conv(3, 1, "conv2")(outputs))
        if self.stride == 1 and inputs.shape[-1] == self.width:
            identity = inputs
        elif self.shortcut == "A":
            extra = self.width - inputs.shape[-1]
            identity = strided(inputs, (0, 0), inputs.shape[1:3], self.stride)
            identity = jnp.pad(identity, ((0, 0), (0, 0), (0, 0), (extra // 2, extra - extra // 2)))
        else:
            identity = norm("downsample_bn")(conv(1, self.stride, "downsample_conv")(inputs))
        return nn.relu(outputs + identity)


class ResNet(nn.Module):
    """Images [B, H, W, C] -> (logits [B, classes], features [B, stage_widths[-1]]).

    stem: "cifar", a 3x3 convolution; "imagenet", a 7x7 convolution of stride 2 and a 3x3 max-pool of stride 2.
    dtype: of the computation; None follows inputs and parameters. Parameters and statistics are float32.
    """

    classes: int
    stage_sizes: tuple[int, ...]
    stage_widths: tuple[int, ...]
    stem: str = "cifar"
    shortcut: str = "B"
    kernel_init: Any = he_normal_fan_out
    dense_init: Any = torch_uniform
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Array, train: bool) -> tuple[Array, Array]:
        large = self.stem == "imagenet"
        hidden = Conv(
            self.stage_widths[0],
            size=7 if large else 3,
            stride=2 if large else 1,
            kernel_init=self.kernel_init,
            dtype=self.dtype,
            name="conv1",
        )(images)
        hidden = nn.relu(BatchNorm(train, dtype=self.dtype, name="bn1")(hidden))
        if large:
            hidden = max_pool(hidden, 3, 2, padding=1)
        for stage, (size, width) in enumerate(zip(self.stage_sizes, self.stage_widths, strict=True)):
            for block in range(size):
                hidden = BasicBlock(
                    width,
                    stride=2 if stage > 0 and block == 0 else 1,
                    shortcut=self.shortcut,
                    kernel_init=self.kernel_init,
                    dtype=self.dtype,
                    name=f"layer{stage + 1}_{block}",
                )(hidden, train)
            hidden = stage_end(self, stage, hidden)
        features = mean_over_positions(self, hidden)
        logits = Dense(
            self.classes,
            kernel_init=self.dense_init,
            bias_init=torch_uniform_bias(features.shape[-1]),
            dtype=self.dtype,
            name="fc",
        )(features)
        wide = jnp.promote_types(logits.dtype, jnp.float32)
        return logits.astype(wide), features.astype(wide)


he_normal_fan_in = initializers.he_normal()
"""The initialisation of He et al.'s CIFAR networks, convolutions and classifier alike."""
