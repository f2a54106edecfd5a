"""Evaluation counts every image once, whatever the batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akd_jax.evaluate import by_class, calibration_error, measure, predict, top5
from akd_jax.models.network import on_pixels
from akd_jax.types import Network, Outputs


def brightness(variables, images, *, train):
    """Two classes: dark and bright."""
    mean = images.mean((1, 2, 3))
    return Outputs(jnp.stack([-mean, mean], -1) * variables, None, {}), ()


NETWORK = on_pixels(Network(init=None, apply=brightness), [0.5], [0.25])
IMAGES = jnp.asarray(np.arange(7, dtype=np.uint8)[:, None, None, None] * 40 * np.ones((1, 4, 4, 1), np.uint8))


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 100])
def test_predict_is_the_same_for_every_batch_size(batch_size):
    logits = predict(NETWORK, jnp.float32(1), IMAGES, batch_size=batch_size)
    wanted = (jnp.arange(7) * 40 / 255 - 0.5) / 0.25
    assert logits.shape == (7, 2)
    assert jnp.allclose(logits[:, 1], wanted, atol=1e-6)


def test_measure_by_hand():
    logits = jnp.array([[2.0, 0], [0, 2], [2, 0], [0, 2]])
    teacher = jnp.array([[1.0, 0], [0, 1], [0, 1], [1, 0]])
    measures = measure(logits, jnp.array([0, 1, 1, 1]), teacher)
    right, wrong = np.log1p(np.exp(-2)), np.log1p(np.exp(2))
    assert measures["top1"] == 0.75
    assert measures["agreement"] == 0.5
    sure, surer = np.exp([0, 1]) / np.exp([0, 1]).sum(), np.exp([0, 2]) / np.exp([0, 2]).sum()
    apart = [(sure * np.log(sure / other)).sum() for other in (surer, surer[::-1])]
    assert measures["kl"] == pytest.approx(np.mean(apart), rel=1e-5)
    assert measures["loss"] == pytest.approx((3 * right + wrong) / 4)
    assert measures["top5"] == 1 and measures["ece"] == calibration_error(logits, jnp.array([0, 1, 1, 1]))
    assert "agreement" not in measure(logits, jnp.array([0, 1, 1, 1]))


def test_top5_by_hand():
    logits = jnp.array([[9.0, 8, 7, 6, 5, 4]] * 4)
    assert top5(logits, jnp.array([0, 4, 5, 5])) == 0.5
    assert top5(logits[:, :3], jnp.array([0, 1, 2, 2])) == 1


def test_calibration_error_by_hand():
    """Four images at confidence 0.8, two of them right, and two at 0.6, both right: (4 * 0.3 + 2 * 0.4) / 6."""
    probabilities = jnp.array([[0.8, 0.2]] * 4 + [[0.4, 0.6]] * 2)
    labels = jnp.array([0, 0, 1, 1, 1, 1])
    assert calibration_error(jnp.log(probabilities), labels) == pytest.approx(2 / 6, abs=1e-6)
    # In one interval over- and underconfidence cancel: |4 right - 4.4 expected| / 6.
    assert calibration_error(jnp.log(probabilities), labels, bins=1) == pytest.approx(0.4 / 6, abs=1e-6)
    certain = jnp.array([[200.0, 0], [0, 200]])
    assert calibration_error(certain, jnp.array([0, 1])) == 0
    assert calibration_error(certain, jnp.array([1, 0])) == 1


def test_by_class_by_hand():
    logits = jnp.eye(3)[jnp.array([0, 0, 1, 2])]
    counts, right = by_class(logits, jnp.array([0, 1, 1, 1]))
    assert counts.tolist() == [1, 3, 0] and right.tolist() == [1, 1, 0]


def test_wrong_shapes_are_refused():
    with pytest.raises(AssertionError):
        measure(jnp.zeros((3, 2)), jnp.zeros(4, jnp.int32), jnp.zeros((3, 2)))
    with pytest.raises(AssertionError):
        jax.eval_shape(lambda x: predict(NETWORK, 1.0, x, batch_size=2), IMAGES[0])
