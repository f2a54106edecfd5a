"""Classifiers of one block, since tracing and compiling them is most of what a run of a few rounds takes.

A process of its own knows the package's networks only.

TEACHER, 97 % of the test digits, is what `akd-train-teacher --config teacher:digits --config.students=tiny_w16` leaves.
"""

from functools import partial
from pathlib import Path

from akd_jax.models import MODELS, Model
from akd_jax.models.network import classifier
from akd_jax.models.resnet import ResNet

TEACHER = Path(__file__).with_name("assets") / "tiny_teacher.pth"
ARCH = "tiny_w16"
STUDENTS = ("tiny_w4", "tiny_w8")


def _one_block(classes, *, dtype=None, width):
    return classifier(ResNet(classes, (1,), (width,), dtype=dtype))


def register():
    """Adds them to those that a config may name."""
    for width in (4, 8, 16):
        MODELS[f"tiny_w{width}"] = Model(partial(_one_block, width=width), ((1, width),))
