"""Trees of arrays on disk: what comes back is what was saved, bit for bit."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from akd_jax.checkpoint import Checkpoints, restore_tree, save_tree
from akd_jax.errors import InputError


def tree(value=0.1):
    return {
        "weights": jnp.array([value, -0.0, 1e-45, jnp.inf], jnp.float32),
        "step": jnp.int32(7),
        "nested": {"half": jnp.array([[value]], jnp.bfloat16)},
    }


def assert_bitwise_equal(one, other):
    assert jax.tree.structure(one) == jax.tree.structure(other)
    for a, b in zip(jax.tree.leaves(one), jax.tree.leaves(other), strict=True):
        a, b = np.asarray(a), np.asarray(b)
        assert (a.dtype, a.shape, a.tobytes()) == (b.dtype, b.shape, b.tobytes())


def test_restored_bitwise(tmp_path):
    meta = {"best": {"a": {"top1": 0.1}}, "seconds": 1.5}
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert checkpoints.latest() is None
        checkpoints.save(3, tree(), meta)
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert checkpoints.latest() == 3
        state, found = checkpoints.restore(3, tree(0.0))
    assert_bitwise_equal(state, tree())
    assert found == meta


def test_the_newest_stay(tmp_path):
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        for step in (1, 2, 3):
            checkpoints.save(step, tree(step), {})
    with Checkpoints(tmp_path, keep=None) as checkpoints:
        assert checkpoints.latest() == 3
        assert_bitwise_equal(checkpoints.restore(2, tree())[0], tree(2))
        with pytest.raises(InputError, match="checkpoint 1 in"):
            checkpoints.restore(1, tree())


def test_a_saved_array_may_be_donated_at_once(tmp_path):
    state = tree()
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(1, state, {})
        jax.block_until_ready(jax.jit(lambda t: jax.tree.map(lambda x: x + 1, t), donate_argnums=0)(state))
    with Checkpoints(tmp_path, keep=None) as checkpoints:
        assert_bitwise_equal(checkpoints.restore(1, tree())[0], tree())


def test_reading_writes_nothing(tmp_path):
    unfinished = tmp_path / "run" / "5.orbax-checkpoint-tmp"
    unfinished.mkdir(parents=True)  # as of a process that is saving just now
    with Checkpoints(tmp_path / "run", keep=None) as checkpoints:
        assert checkpoints.latest() is None
    assert unfinished.exists()
    with Checkpoints(tmp_path / "none", keep=None) as checkpoints:
        assert checkpoints.latest() is None
    assert not (tmp_path / "none").exists()


def test_a_checkpoint_of_other_networks(tmp_path):
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(1, {"weights": jnp.ones(4)}, {})
    for other in ({"other": jnp.ones(4)}, {"weights": jnp.ones(5)}):
        with Checkpoints(tmp_path, keep=None) as checkpoints, pytest.raises(InputError, match="other networks"):
            checkpoints.restore(1, other)


def test_one_tree_as_a_directory(tmp_path):
    save_tree(tmp_path / "tree", tree())
    shapes = jax.eval_shape(tree)
    assert_bitwise_equal(restore_tree(tmp_path / "tree", shapes), tree())
    with pytest.raises(ValueError):
        save_tree(tmp_path / "tree", tree())


@pytest.mark.parametrize("kind", [np, jnp])  # Orbax itself does not look at the shapes of numpy's arrays
def test_a_tree_of_other_shapes(tmp_path, kind):
    save_tree(tmp_path / "tree", {"weights": kind.ones((2, 3))})
    with pytest.raises(ValueError, match="shape"):
        restore_tree(tmp_path / "tree", {"weights": jax.ShapeDtypeStruct((2, 4), jnp.float32)})
