"""A converted teacher beside PyTorch, and under other normalisations."""

import sys
from dataclasses import replace
from pathlib import Path

import jax
import numpy as np
import pytest

import akd_jax
from akd_jax import digits, examination, verification
from akd_jax.convert.teacher import convert
from akd_jax.data import Images
from akd_jax.errors import InputError
from akd_jax.normalisation import Normalisation, usual
from akd_jax.verification import Trial, advice, against_torch

CHECKPOINT = Path(akd_jax.__file__).parent / "assets" / "digits_teacher.pth"


@pytest.fixture(scope="module")
def converted():
    return convert(CHECKPOINT, arch="auto", mean=(digits.MEAN,), std=(digits.STD,))


@pytest.fixture(scope="module")
def held(converted):
    return examination.load(converted[0], "digits", None, "test")


def under_normalisations(info, variables, held):
    logits = examination.logits_of_teacher(info, variables, held)
    return verification.under_normalisations(info, variables, held, logits)


def test_beside_pytorch(converted, held):
    pytest.importorskip("torch", reason="torch is a test dependency on Python 3.11 only")
    for images in (held, None):
        verdict = against_torch(CHECKPOINT, *converted, images)
        assert verdict.images == 64 and 0 < verdict.difference < 1e-5 * verdict.largest


def test_another_network_beside_pytorch(converted):
    pytest.importorskip("torch", reason="torch is a test dependency on Python 3.11 only")
    info, variables = converted
    changed = jax.tree.map(np.copy, variables)
    changed.params["layer4_1"]["conv2"]["kernel"][...] *= 1.1
    with pytest.raises(InputError, match=r"PyTorch's logits differ by .* please report it"):
        against_torch(CHECKPOINT, info, changed, None)


def test_without_pytorch(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)  # what makes its import fail
    with pytest.raises(InputError, match="pip install torch, or leave it out"):
        verification.check_torch()


def test_a_wrong_normalisation_is_found(converted, held):
    info, variables = converted
    right = under_normalisations(info, variables, held)
    assert list(right) == ["", "-1 to 1", "0 to 1"]  # its own is that of the digits
    assert right[""].top1 > 0.985 and "none of 2 other" in advice(right)
    wrong = under_normalisations(replace(info, mean=(0.9,), std=(0.05,)), variables, held)
    assert wrong["digits"].top1 == right[""].top1
    assert advice(wrong).startswith("another normalisation, digits's, fits better: loss 0.")
    assert advice(wrong).endswith(f"--mean {digits.MEAN:g} --std {digits.STD:g}")


def test_a_little_better_is_called_so():
    """Losses 1 and 3, or 0.9 and 3.1 at a mean of 0.01 less: within what chance does to 100 images."""
    own = np.tile([1.0, 3.0], 50)
    other = np.tile([0.8, 3.18], 50)
    trials = {"": Trial(Normalisation((0.5,), (0.5,)), 0.9, own), "x": Trial(Normalisation((0.1,), (0.2,)), 0.9, other)}
    assert "fits a little better: loss 1.9900" in advice(trials)


def test_usual_constants_have_a_number_a_channel():
    assert {"cifar10", "imagenet"} < set(usual(3)) and set(usual(1)) == {"digits", "-1 to 1", "0 to 1"}
    assert all(
        len(each.mean) == len(each.std) == channels for channels in (1, 2, 3) for each in usual(channels).values()
    )


def test_rows_are_spread():
    sorted_by_class = Images(np.zeros((9, 1, 1, 1), np.uint8), np.arange(9))
    assert verification._spread(sorted_by_class.labels, 3).tolist() == [0, 4, 8]
    assert verification._spread(sorted_by_class.labels, 20).tolist() == list(range(9))
