"""Digests of trees of arrays: the same for the same values, and for them alone."""

import jax.numpy as jnp
import numpy as np

from akd_jax import digest


def test_trees_are_told_apart():
    plain = {"a": np.arange(6, dtype=np.float32), "b": np.zeros(1)}
    others = [
        plain | {"a": np.float32([0, 1, 2, 3, 4, np.nextafter(np.float32(5), 6)])},
        plain | {"a": plain["a"].reshape(2, 3)},
        plain | {"a": plain["a"].view(np.int32)},
        {"c": plain["a"], "b": plain["b"]},
    ]
    digests = [digest.of_tree(one) for one in (plain, *others)]
    assert len(set(digests)) == len(digests)
    assert all(one.startswith("sha256:") and len(one) == 71 for one in digests)


def test_how_the_values_lie_in_memory_does_not_matter():
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert len({digest.of_tree({"a": a}) for a in (values, jnp.asarray(values), np.asfortranarray(values))}) == 1
