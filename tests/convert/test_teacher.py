"""From PyTorch's file to a teacher's record and arrays, or one line that says why not."""

import hashlib
from pathlib import Path

import jax
import numpy as np
import pytest

import akd_jax
from akd_jax import digest, digits
from akd_jax.convert.teacher import convert
from akd_jax.errors import InputError

CHECKPOINT = Path(akd_jax.__file__).parent / "assets" / "digits_teacher.pth"
NORMALISATION = {"mean": (digits.MEAN,), "std": (digits.STD,)}
ARCH = "resnet18_8x_w8"


def test_record_and_arrays():
    info, variables = convert(CHECKPOINT, arch=ARCH, **NORMALISATION)
    assert (info.arch, info.classes, info.channels, info.source) == (ARCH, 10, 1, str(CHECKPOINT))
    assert info.parameters == 176_258
    assert info.source_digest == f"sha256:{hashlib.sha256(CHECKPOINT.read_bytes()).hexdigest()}"
    assert info.digest == digest.of_tree(variables)
    assert all(leaf.dtype == np.float32 for leaf in jax.tree.leaves(variables))


def test_another_architecture_names_every_difference():
    with pytest.raises(InputError) as caught:
        convert(CHECKPOINT, arch="resnet10_8x_w8", **NORMALISATION)
    message = str(caught.value)
    assert "\n" not in message
    unexpected = message.partition("unexpected: ")[2]
    assert all(f"layer{stage}.1.conv2.weight" in unexpected for stage in range(1, 5))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"arch": "nobody"}, "resnet18_8x_w8"),
        ({"classes": 7}, "fc.weight is"),
        ({"mean": (0.5,) * 3, "std": (0.5,) * 3}, "takes 1 channels"),
        ({"key": "model"}, "no state dict under 'model'"),
    ],
)
def test_what_cannot_be_converted(changes, says):
    with pytest.raises(InputError, match=says):
        convert(CHECKPOINT, **{"arch": ARCH, **NORMALISATION, **changes})
