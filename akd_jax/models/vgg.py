"""VGG for small images (Simonyan & Zisserman 2014, arXiv:1409.1556), with and without batch norm, as the field has it.

Instead of the paper's three linear layers there is a mean over positions and one linear layer. Modules carry PyTorch's
names (block0.0 as block0_0, ..., classifier), so that weights convert by name.
"""

from typing import Any

import flax.linen as nn
import jax.numpy as jnp
from jax.nn import initializers

from akd_jax.models.layers import BatchNorm, Conv, Dense, mean_over_positions, stage_end
from akd_jax.models.pooling import max_pool
from akd_jax.types import Array


class VGG(nn.Module):
    """Images [B, H, W, C] -> (logits [B, classes], features [B, 512]).

    stage_sizes: the 3x3 convolutions of each stage; (1, 1, 2, 2, 2) is the paper's A of 11 layers, (2, 2, 3, 3, 3) its
      D of 16.
    batch_norm: whether there is one after every convolution; the paper has none.
    dtype: of the computation; None follows inputs and parameters. Parameters and statistics are float32.
    """

    classes: int
    stage_sizes: tuple[int, ...]
    batch_norm: bool = True
    dtype: Any = None

    @nn.compact
    def __call__(self, images: Array, train: bool) -> tuple[Array, Array]:
        hidden = images
        # The field's checkpoints were trained without the fourth of the paper's pools, but at 64 pixels with it.
        pools = 4 if images.shape[1] == 64 else 3
        for stage, (size, width) in enumerate(zip(self.stage_sizes, (64, 128, 256, 512, 512), strict=True)):
            if 0 < stage <= pools:
                hidden = max_pool(hidden, 2, 2)  # an odd row or column is left out
            for layer in range(size):
                # PyTorch counts the convolution, the batch norm where there is one, and the ReLU. Before a batch norm,
                # which takes it off again in training, the bias is for the checkpoints' sake.
                place = layer * (3 if self.batch_norm else 2)
                hidden = Conv(
                    width,
                    3,
                    use_bias=True,
                    bias_init=initializers.zeros,
                    dtype=self.dtype,
                    name=f"block{stage}_{place}",
                )(hidden)
                if self.batch_norm:
                    hidden = BatchNorm(train, dtype=self.dtype, name=f"block{stage}_{place + 1}")(hidden)
                hidden = nn.relu(hidden)
            hidden = stage_end(self, stage, hidden)
        features = mean_over_positions(self, hidden)
        logits = Dense(
            self.classes,
            kernel_init=initializers.normal(0.01),
            bias_init=initializers.zeros,
            dtype=self.dtype,
            name="classifier",
        )(features)
        wide = jnp.promote_types(logits.dtype, jnp.float32)
        return logits.astype(wide), features.astype(wide)
