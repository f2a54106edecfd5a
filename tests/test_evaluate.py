"""Evaluation counts every image once, whatever the batch."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akd_jax.evaluate import Pool, judge, measure, normalise, predict
from akd_jax.types import Network, Outputs

MEAN, STD = jnp.array([0.5]), jnp.array([0.25])


def brightness(variables, images, *, train):
    """Two classes: dark and bright."""
    mean = images.mean((1, 2, 3))
    return Outputs(jnp.stack([-mean, mean], -1) * variables, None, {}), ()


NETWORK = Network(init=None, apply=brightness)
IMAGES = jnp.asarray(np.arange(7, dtype=np.uint8)[:, None, None, None] * 40 * np.ones((1, 4, 4, 1), np.uint8))


def test_normalise():
    assert normalise(jnp.array([[0], [255]], jnp.uint8), MEAN, STD).tolist() == [[-2], [2]]


@pytest.mark.parametrize("batch_size", [1, 2, 3, 7, 100])
def test_predict_is_the_same_for_every_batch_size(batch_size):
    logits = predict(NETWORK, jnp.float32(1), IMAGES, mean=MEAN, std=STD, batch_size=batch_size)
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
    assert measures["loss"] == pytest.approx((3 * right + wrong) / 4)


def test_judge_measures_the_named_student_on_every_split_of_the_pool():
    labels = jnp.array([0, 0, 0, 0, 1, 1, 1])
    teacher_logits = predict(NETWORK, jnp.float32(1), IMAGES, mean=MEAN, std=STD, batch_size=7)
    splits = {"test": jnp.arange(7), "part": jnp.array([6, 0])}
    pool = Pool(IMAGES, labels.at[6].set(0), teacher_logits, splits)
    measured = judge({"a": NETWORK, "b": NETWORK}, pool, mean=MEAN, std=STD, batch_size=3)
    upright, upside_down = measured("a", jnp.float32(1)), measured("b", jnp.float32(-1))
    assert upright["test"]["top1"] == pytest.approx(6 / 7, abs=1e-6) and upright["part"]["top1"] == 0.5
    assert upright["test"]["agreement"] == 1
    assert upside_down["test"]["agreement"] == 0 and upside_down["part"]["top1"] == 0.5
    assert {type(value) for value in upside_down["test"].values()} == {float}


def test_wrong_shapes_are_refused():
    with pytest.raises(AssertionError):
        measure(jnp.zeros((3, 2)), jnp.zeros(4, jnp.int32), jnp.zeros((3, 2)))
    with pytest.raises(AssertionError):
        jax.eval_shape(lambda x: predict(NETWORK, 1.0, x, mean=MEAN, std=STD, batch_size=2), IMAGES[0])
