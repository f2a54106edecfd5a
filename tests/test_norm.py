import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akd_jax.norm import norm


def tree(dtype):
    keys = iter(jax.random.split(jax.random.key(0), 5))
    shapes = {"kernel": (3, 3, 4, 8), "bias": (8,), "dense": [(8, 5), (5,)], "number": ()}
    return jax.tree.map(lambda shape: jax.random.normal(next(keys), shape, dtype), shapes, is_leaf=_is_shape)


def _is_shape(node):
    return isinstance(node, tuple)


@pytest.mark.parametrize("double", [False, True])
def test_it_is_the_norm_of_all_numbers(double):
    with jax.enable_x64(double):
        leaves = tree(jnp.float64 if double else jnp.float32)
        joined = np.concatenate([np.ravel(leaf).astype(np.float64) for leaf in jax.tree.leaves(leaves)])
        found = jax.jit(norm)(leaves)
    assert found.shape == () and found.dtype == ("float64" if double else "float32")
    np.testing.assert_allclose(found, np.linalg.norm(joined), rtol=1e-14 if double else 1e-6)


@pytest.mark.parametrize("bad", [jnp.nan, jnp.inf, -jnp.inf, 1e20])
@pytest.mark.parametrize("leaf", ["kernel", "bias"])
def test_one_number_is_enough(bad, leaf):
    leaves = tree(jnp.float32)
    leaves[leaf] = leaves[leaf].at[-1].set(bad)
    assert not jnp.isfinite(norm(leaves))
