"""A tree of arrays to save, and to compare with what came back."""

import jax
import jax.numpy as jnp
import numpy as np

from akd_jax import digest
from akd_jax.checkpoint import Checkpoints

NOISE = np.random.default_rng(0).normal(size=296)  # too much to lie beside the metadata, which have checksums


def tree(value=0.1):
    return {
        "weights": jnp.array([value, -0.0, 1e-45, jnp.inf, *NOISE], jnp.float32),
        "step": jnp.int32(7),
        "nested": {"half": jnp.array([[value]], jnp.bfloat16), "none": ()},
        "key": jax.random.key(3),
    }


def assert_bitwise_equal(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    assert digest.of_tree(one) == digest.of_tree(other)


def save(directory, *steps, meta=None):
    with Checkpoints(directory, keep=2) as checkpoints:
        for step in steps:
            checkpoints.save(step, tree(step), meta or {})


def restore(directory, step, like=None):
    with Checkpoints(directory, keep=None) as checkpoints:
        return checkpoints.restore(step, tree() if like is None else like)[0]
