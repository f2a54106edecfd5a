"""Classifiers of one block, since tracing and compiling them is most of what a run of a few rounds takes.

A process of its own knows the package's networks only.

TEACHER, 97 % of the test digits, is what `akd-train-teacher --config teacher:digits --config.students=tiny_w16` leaves.
"""

from functools import partial
from pathlib import Path
from typing import Any

import flax.linen as nn

from akd_jax.models import MODELS, Model
from akd_jax.models.layers import Conv, Dense, mean_over_positions, stage_end
from akd_jax.models.network import classifier
from akd_jax.models.resnet import ResNet

TEACHER = Path(__file__).with_name("assets") / "tiny_teacher.pth"
ARCH = "tiny_w16"
STUDENTS = ("tiny_w4", "tiny_w8")
PLAIN = "tiny_plain"
"""The one without batch norms."""


class Plain(nn.Module):
    """Images [B, H, W, C] -> (logits [B, classes], features [B, 16]), two convolutions apart."""

    classes: int
    dtype: Any = None

    @nn.compact
    def __call__(self, images, train):
        hidden = images
        for stage, width in enumerate((8, 16)):
            conv = Conv(width, 3, stride=stage + 1, use_bias=True, dtype=self.dtype, name=f"conv{stage + 1}")
            hidden = stage_end(self, stage, nn.relu(conv(hidden)))
        features = mean_over_positions(self, hidden)
        return Dense(self.classes, dtype=self.dtype, name="fc")(features), features


def plain(classes, *, dtype=None):
    return classifier(Plain(classes, dtype=dtype))


def _one_block(classes, *, dtype=None, width):
    return classifier(ResNet(classes, (1,), (width,), dtype=dtype))


def register():
    """Adds them to those that a config may name."""
    for width in (4, 8, 16):
        MODELS[f"tiny_w{width}"] = Model(partial(_one_block, width=width), ((1, width),))
    MODELS[PLAIN] = Model(plain, ((1, 8), (1, 16)))
