"""Digests of trees of arrays: the same for the same values, and for them alone."""

import jax
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
        plain | {"b": np.zeros(())},
        plain | {"b": jax.random.key(0)},
        plain | {"b": jax.random.key(1)},
        plain | {"b": jax.random.key_data(jax.random.key(1))},
        plain | {"b": jnp.zeros(1, jnp.bfloat16)},
        plain | {"b": jnp.ones(1, jnp.bfloat16)},
    ]
    digests = [digest.of_tree(one) for one in (plain, *others)]
    assert len(set(digests)) == len(digests)
    assert all(one.startswith("sha256:") and len(one) == 71 for one in digests)


def test_how_the_values_lie_in_memory_does_not_matter():
    values = np.arange(6, dtype=np.float32).reshape(2, 3)
    assert len({digest.of_tree({"a": a}) for a in (values, jnp.asarray(values), np.asfortranarray(values))}) == 1


def test_plain_values():
    assert digest.of_json({"a": 1, "b": [2.5]}) == digest.of_json({"b": [2.5], "a": 1})
    assert digest.of_json({"a": 1}) != digest.of_json({"a": 2})


def test_kinds_that_differ_are_told_in_words():
    saved = digest.kinds({"a": np.zeros((2, 3)), "b": {"c": np.int32(1)}})
    assert saved == {"a": "float64[2, 3]", "b/c": "int32[]"}
    assert digest.differing(saved, saved) == ""
    wanted = {"a": "float64[3]", "d": "int32[]", "b/c": "int32[]"}
    assert digest.differing(saved, wanted) == (
        "a: saved float64[2, 3], wanted float64[3], d: saved nothing, wanted int32[]"
    )
