"""Trees of arrays on disk: what comes back is what was saved, bit for bit."""

import builtins
import contextlib
import gc
import itertools
import multiprocessing
import os
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import orbax.checkpoint as ocp
import pytest
from damage import DAMAGES, data_file

from akd_jax import digest
from akd_jax.checkpoint import Checkpoints, restore_tree, save_tree
from akd_jax.errors import CheckpointError, InputError

ROOT = Path(__file__).parents[1]
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


def test_reading_writes_nothing(tmp_path):
    unfinished = tmp_path / "run" / "5.orbax-checkpoint-tmp"
    unfinished.mkdir(parents=True)  # as of a process that is saving just now
    with Checkpoints(tmp_path / "run", keep=None) as checkpoints:
        assert checkpoints.steps() == []
    assert unfinished.exists()
    with Checkpoints(tmp_path / "none", keep=None) as checkpoints:
        assert checkpoints.steps() == []
    assert not (tmp_path / "none").exists()


def test_what_a_kill_left_half_written_is_gone_at_once(tmp_path):
    save(tmp_path, 4)
    shutil.copytree(tmp_path / "4", tmp_path / "5.orbax-checkpoint-tmp")
    with Checkpoints(tmp_path, keep=2) as checkpoints:
        assert [path.name for path in tmp_path.iterdir()] == ["4"]
        assert checkpoints.steps() == [4]
        checkpoints.save(5, tree(5), {})
    assert_bitwise_equal(restore(tmp_path, 5), tree(5))


def save_without_end(directory):
    for step in itertools.count():
        save(directory, step)


def test_killed_in_the_middle_of_a_save(tmp_path):
    """Ten times, and the next process always finds the last one that was whole."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["akd_jax.loop"])
    draw, unfinished = random.Random(0), 0
    for attempt in range(10):
        directory = tmp_path / f"{attempt}"
        process = processes.Process(target=save_without_end, args=(directory,))
        process.start()
        while not (directory / "2").exists():
            time.sleep(0.01)
        time.sleep(draw.uniform(0, 0.1))
        process.kill()
        process.join()
        names = {path.name for path in directory.iterdir()}
        unfinished += any("tmp" in name for name in names)
        newest = max(int(name) for name in names if name.isdecimal())
        with Checkpoints(directory, keep=2) as checkpoints:
            assert checkpoints.steps()[0] == newest
            assert {path.name for path in directory.iterdir()} == {f"{step}" for step in checkpoints.steps()}
            assert_bitwise_equal(checkpoints.restore(newest, tree())[0], tree(newest))
            checkpoints.save(newest + 1, tree(), {})
    assert unfinished > 0


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_is_noticed(tmp_path, damage):
    save(tmp_path, 1, meta={"seconds": 1.5})
    DAMAGES[damage](tmp_path / "1")
    with pytest.raises(CheckpointError, match=f"checkpoint 1 in {tmp_path} is damaged"):
        restore(tmp_path, 1)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
def test_many_damaged_arrays_leave_nothing_behind(tmp_path, capfd):
    """No line on stderr, and nothing that blocks when it is collected, as what Orbax leaves undone did."""
    for step in range(1, 6):
        save(tmp_path, step)
        DAMAGES["a byte of the arrays' metadata"](tmp_path / f"{step}")
        with pytest.raises(CheckpointError):
            restore(tmp_path, step)
        gc.collect()
    assert capfd.readouterr().err == ""


def test_orbax_does_not_notice_a_changed_byte(tmp_path):
    """Or our digests are not needed any more."""
    save(tmp_path, 1)
    DAMAGES["a byte of the arrays"](tmp_path / "1")
    with ocp.StandardCheckpointer() as checkpointer:
        state = checkpointer.restore((tmp_path / "1" / "state").absolute(), tree())
    assert digest.of_tree(state) != digest.of_tree(tree(1))


@pytest.mark.parametrize("seed", [0, pytest.param(range(1, 40), marks=pytest.mark.slow)])
def test_no_byte_that_changes_anything_goes_unnoticed(tmp_path, seed):
    """Of any file: what is restored is right, or damaged, and nothing else is ever said or raised."""
    save(tmp_path, 1, meta={"seconds": 1.5})
    for draw in map(random.Random, seed if isinstance(seed, range) else [seed]):
        for path in [path for path in (tmp_path / "1").rglob("*") if path.is_file()]:
            whole = path.read_bytes()
            place = draw.randrange(len(whole))
            path.write_bytes(whole[:place] + bytes([whole[place] ^ 1 << draw.randrange(8)]) + whole[place + 1 :])
            try:
                with Checkpoints(tmp_path, keep=None) as checkpoints:
                    found = checkpoints.restore(1, tree())
                assert digest.of_tree(found[0]) == digest.of_tree(tree(1)) and found[1] == {"seconds": 1.5}
            except CheckpointError:
                pass
            path.write_bytes(whole)


def test_what_the_disk_refuses_is_not_called_damaged(tmp_path, monkeypatch):
    save(tmp_path, 1)
    DAMAGES["a byte of the arrays' metadata"](tmp_path / "1")
    opened = builtins.open

    def refusing(path, *arguments, **settings):
        if str(path) == str(data_file(tmp_path / "1")):
            raise PermissionError(13, "Permission denied", str(path))
        return opened(path, *arguments, **settings)

    with monkeypatch.context() as patch:
        patch.setattr("io.open", refusing)
        with pytest.raises(PermissionError):
            restore(tmp_path, 1)
    for error in (MemoryError(), OSError(5, "Input/output error"), RuntimeError("RESOURCE_EXHAUSTED")):
        with monkeypatch.context() as patch:
            patch.setattr(ocp.CheckpointManager, "restore", lambda *_, error=error, **__: _raise(error))
            with pytest.raises(type(error)):
                restore(tmp_path, 1)


def _raise(error):
    raise error


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


@contextlib.contextmanager
def small_disk(directory, size):
    """A file system of so many bytes."""
    directory.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "none", str(directory)]
    if subprocess.run(command, capture_output=True).returncode:
        pytest.skip("no file system can be mounted here")
    try:
        yield directory
    finally:
        subprocess.run(["umount", "-l", str(directory)], check=True)


def test_a_full_disk(tmp_path):
    arrays = lambda step: {"noise": jax.random.normal(jax.random.key(step), (150_000,))}  # noqa: E731
    with small_disk(tmp_path / "disk", 1_500_000) as disk:
        with pytest.raises(CheckpointError, match="see that there is room"), Checkpoints(disk, keep=2) as checkpoints:
            for step in (1, 2, 3, 4):
                checkpoints.save(step, arrays(step), {})
                checkpoints.wait()
        assert step == 3
        assert_bitwise_equal(restore(disk, 2, arrays(0)), arrays(2))
        shutil.rmtree(disk / "1")
        with Checkpoints(disk, keep=2) as checkpoints:  # what was half written is out of the way
            checkpoints.save(3, arrays(3), {})
        assert_bitwise_equal(restore(disk, 3, arrays(0)), arrays(3))


@pytest.mark.parametrize("ends", [contextlib.nullcontext, lambda: _raise(RuntimeError("stopped"))])
def test_a_disk_that_is_full_when_the_last_save_ends(tmp_path, monkeypatch, ends):
    """Also where the run is being stopped, and somebody would say that it is saved."""

    def full(*_):
        raise OSError(28, "No space left on device")

    with pytest.raises(CheckpointError, match="No space left on device"), Checkpoints(tmp_path, keep=2) as checkpoints:
        checkpoints.save(1, tree(1), {})
        checkpoints.wait()
        monkeypatch.setattr(ocp.CheckpointManager, "_finalize", full)
        checkpoints.save(2, tree(2), {})
        ends()
    monkeypatch.undo()
    assert_bitwise_equal(restore(tmp_path, 1), tree(1))


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
if len(jax.devices()) == 4:
    with Checkpoints(directory, keep=1) as checkpoints:
        checkpoints.save(1, arrays(4), {})
for count in {4: (4, 1, 2), 8: (8,)}[len(jax.devices())]:
    like = arrays(count)
    with Checkpoints(directory, keep=None) as checkpoints:
        found, _ = checkpoints.restore(1, jax.tree.map(lambda leaf: leaf * 0, like))
    for name in like:
        assert (found[name] == like[name]).all() and found[name].sharding == like[name].sharding, (count, name)
"""


def test_saved_on_four_devices_and_restored_on_one_two_and_eight(tmp_path):
    for count in (4, 8):
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
