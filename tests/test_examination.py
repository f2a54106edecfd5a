"""Teachers on labelled images of their kind, and of others."""

from pathlib import Path

import numpy as np
import pytest

import akd_jax
from akd_jax import digits, examination
from akd_jax.convert.teacher import convert
from akd_jax.errors import InputError

CHECKPOINT = Path(akd_jax.__file__).parent / "assets" / "digits_teacher.pth"


@pytest.fixture(scope="module")
def teacher():
    return convert(CHECKPOINT, arch="resnet18_8x_w8", mean=(digits.MEAN,), std=(digits.STD,))


def examined(teacher, source):
    held = examination.load(teacher[0], source, None, "test")
    return examination.of_teacher(
        examination.logits_of_teacher(*teacher, held), held, name="it", source=source, split="test"
    )


def test_a_teacher_on_the_digits(teacher):
    figures = examined(teacher, "digits")
    assert figures["top1"] >= 0.985 and figures["images"] == 400 and figures["agreement"] == 1
    assert figures["network"] == "it" and len(figures["classes"]) == 10


@pytest.mark.parametrize(("channels", "label", "says"), [(3, 0, "3"), (1, 10, "10 classes")])
def test_images_of_another_kind_are_refused(teacher, tmp_path, channels, label, says):
    np.savez(tmp_path / "other.npz", x=np.zeros((2, 16, 16, channels), np.uint8), y=np.array([0, label]))
    with pytest.raises(InputError, match=says):
        examined(teacher, str(tmp_path / "other.npz"))
