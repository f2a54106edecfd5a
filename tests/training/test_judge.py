"""Judges measure the student that is named, on every split of their pool."""

import jax.numpy as jnp
import numpy as np
import pytest

from akd_jax.models.network import on_pixels
from akd_jax.training.judge import Pool, judge, on_host, predictor
from akd_jax.types import Network, Outputs


def brightness(variables, images, *, train):
    """Two classes: dark and bright."""
    mean = images.mean((1, 2, 3))
    return Outputs(jnp.stack([-mean, mean], -1) * variables, None, {}), ()


LOOK = predictor(on_pixels(Network(init=None, apply=brightness), [0.5], [0.25]), batch_size=3, options={})
IMAGES = jnp.asarray(np.arange(7, dtype=np.uint8)[:, None, None, None] * 40 * np.ones((1, 4, 4, 1), np.uint8))


def test_judge_measures_the_named_student_on_every_split_of_the_pool():
    labels = jnp.array([0, 0, 0, 0, 1, 1, 0])
    splits = {"test": jnp.arange(7), "part": jnp.array([6, 0])}
    measured = judge({"a": LOOK, "b": LOOK}, Pool(IMAGES, labels, LOOK(jnp.float32(1), IMAGES), splits))
    upright, upside_down = measured("a", jnp.float32(1)), measured("b", jnp.float32(-1))
    assert upright["test"]["top1"] == pytest.approx(6 / 7, abs=1e-6) and upright["part"]["top1"] == 0.5
    assert upright["test"]["agreement"] == 1
    assert upside_down["test"]["agreement"] == 0 and upside_down["part"]["top1"] == 0.5
    assert {type(value) for value in upside_down["test"].values()} == {float}


def test_what_is_not_finite_is_none_on_the_host():
    found = on_host({"loss": jnp.float32(jnp.nan), "ece": jnp.float32(jnp.inf), "top1": jnp.float32(0.25)})
    assert found == {"loss": None, "ece": None, "top1": 0.25}
