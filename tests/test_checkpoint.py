"""Trees of arrays on disk: what comes back is what was saved, bit for bit."""

import os
import subprocess
import sys
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from saved_trees import assert_bitwise_equal, restore, save, tree

from akd_jax.checkpoint import Checkpoints, restore_tree, save_tree
from akd_jax.errors import InputError

ROOT = Path(__file__).parents[1]


def test_restored_bitwise(tmp_path):
    meta = {"best": {"a": {"top1": 0.1}}, "seconds": 1.5}
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert checkpoints.steps() == []
        checkpoints.save(3, tree(), meta)
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert checkpoints.steps() == [3]
        state, found = checkpoints.restore(3, tree(0.0))
    assert_bitwise_equal(state, tree())
    assert found == meta


def test_the_newest_stay(tmp_path):
    save(tmp_path, 1, 2, 3)
    with Checkpoints(tmp_path, keep=None) as checkpoints:
        assert checkpoints.steps() == [3, 2]
    assert_bitwise_equal(restore(tmp_path, 2), tree(2))


@pytest.mark.parametrize("steps", [20, pytest.param(200, marks=pytest.mark.slow)])
def test_a_save_a_step(tmp_path, steps):
    """Never more on disk than what is kept and what is just written, and all of it is right."""
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        for step in range(steps):
            checkpoints.save(step, {"step": jnp.int32(step)}, {})
            assert len(list(tmp_path.iterdir())) <= 2 + 1
            if step % 5 == 4:
                checkpoints.wait()
                for kept in (step, step - 1):
                    assert checkpoints.restore(kept, {"step": jnp.int32(0)})[0]["step"] == kept
    assert {path.name for path in tmp_path.iterdir()} == {f"{steps - 2}", f"{steps - 1}"}


def test_a_saved_array_may_be_donated_at_once(tmp_path):
    state = tree() | {"many": jnp.ones(1_000_000)}
    with Checkpoints(tmp_path, keep=1) as checkpoints:
        checkpoints.save(1, state, {})
        add = jax.jit(lambda t: jax.tree.map(lambda x: x + 1, t), donate_argnums=0)
        jax.block_until_ready(add({name: state[name] for name in ("many", "weights", "step")}))
        assert state["many"].is_deleted()  # which no view of it has hindered
    like = tree() | {"many": jnp.zeros(1_000_000)}
    restored = restore(tmp_path, 1, like)
    assert_bitwise_equal(restored, tree() | {"many": jnp.ones(1_000_000)})


def test_a_restored_array_may_be_donated(tmp_path):
    save(tmp_path, 1)
    weights = restore(tmp_path, 1)["weights"]
    jax.block_until_ready(jax.jit(lambda x: x + 1, donate_argnums=0)(weights))
    assert weights.is_deleted()


def test_one_that_is_there_is_replaced(tmp_path):
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        for step, value in ((1, 1.0), (2, 2.0), (2, 2.5), (3, 3.0), (3, 3.5)):
            checkpoints.save(step, tree(value), {"value": value})
    assert {path.name for path in tmp_path.iterdir()} == {"2", "3"}
    for step, value in ((2, 2.5), (3, 3.5)):
        with Checkpoints(tmp_path, keep=None) as checkpoints:
            found, meta = checkpoints.restore(step, tree())
        assert_bitwise_equal(found, tree(value))
        assert meta == {"value": value}


def test_reading_writes_nothing(tmp_path):
    unfinished = tmp_path / "run" / "5.orbax-checkpoint-tmp"
    unfinished.mkdir(parents=True)  # as of a process that is saving just now
    with Checkpoints(tmp_path / "run", keep=None) as checkpoints:
        assert checkpoints.steps() == []
    assert unfinished.exists()
    with Checkpoints(tmp_path / "none", keep=None) as checkpoints:
        assert checkpoints.steps() == []
    assert not (tmp_path / "none").exists()


def test_other_networks_are_named_array_by_array(tmp_path):
    save(tmp_path, 1)
    other = tree() | {"weights": jnp.ones((2, 2)), "step": jnp.float32(0), "more": jnp.ones(3)}
    del other["key"]
    with pytest.raises(InputError) as caught:
        restore(tmp_path, 1, other)
    assert (
        "other networks (key: saved key<fry>[], wanted nothing, more: saved nothing, wanted float32[3], "
        "step: saved int32[], wanted float32[], weights: saved float32[300], wanted float32[2, 2])" in str(caught.value)
    )


def test_no_type_is_cast(tmp_path):
    save(tmp_path, 1)
    other = tree() | {"nested": {"half": jnp.ones((1, 1), jnp.float32), "none": ()}}
    with pytest.raises(InputError, match=r"nested/half: saved bfloat16\[1, 1\], wanted float32\[1, 1\]"):
        restore(tmp_path, 1, other)


@pytest.mark.parametrize("record", [{"schema": 2, "best": {}}, {"measures": {}}])
def test_a_checkpoint_of_another_version_is_refused(tmp_path, record):
    """Those had no digest."""
    save(tmp_path, 1)
    (metadata,) = (tmp_path / "1" / "meta").glob("metadata")
    metadata.write_text(str(record).replace("'", '"'))
    with pytest.raises(InputError, match="another version"):
        restore(tmp_path, 1)


DEVICES = """
import sys
from pathlib import Path
import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec
import numpy as np
from akd_jax.checkpoint import Checkpoints

def arrays(count):
    mesh = Mesh(np.array(jax.devices()[:count]), ("data",))
    put = lambda values, *axes: jax.device_put(values, NamedSharding(mesh, PartitionSpec(*axes)))
    return {"split": put(np.arange(16, dtype=np.float32), "data"), "copied": put(np.float32([1, 2, 3]))}

directory = Path(sys.argv[1])
count = len(jax.devices())
like = arrays(count)
if count == 4:
    with Checkpoints(directory, keep=1) as checkpoints:
        checkpoints.save(1, like, {})
with Checkpoints(directory, keep=None) as checkpoints:
    found, _ = checkpoints.restore(1, jax.tree.map(lambda leaf: leaf * 0, like))
for name in like:
    assert (found[name] == like[name]).all() and found[name].sharding == like[name].sharding, (count, name)
"""


def test_saved_on_four_devices_and_restored_on_one_two_and_eight(tmp_path):
    for count in (4, 1, 2, 8):
        flags = {"XLA_FLAGS": f"--xla_force_host_platform_device_count={count}", "JAX_PLATFORMS": "cpu"}
        subprocess.run([sys.executable, "-c", DEVICES, tmp_path], cwd=ROOT, env=os.environ | flags, check=True)


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
