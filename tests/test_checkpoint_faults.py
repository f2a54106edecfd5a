"""What kills and disks do to saved trees: what comes back is right, or refused."""

import builtins
import contextlib
import gc
import itertools
import multiprocessing
import os
import random
import shutil
import subprocess
import time

import jax
import orbax.checkpoint as ocp
import pytest
from damage import DAMAGES, data_file
from saved_trees import assert_bitwise_equal, restore, save, tree

from akd_jax import digest
from akd_jax.checkpoint import Checkpoints
from akd_jax.errors import SavedStateError


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


def in_the_middle(directory):
    """Of a save after several."""
    names = os.listdir(directory) if directory.exists() else []
    return any("tmp" in name for name in names) and any(name.isdecimal() and int(name) >= 2 for name in names)


def test_killed_in_the_middle_of_a_save(tmp_path):
    """Ten times, and the next process always finds the last one that was whole."""
    processes = multiprocessing.get_context("forkserver")
    processes.set_forkserver_preload(["akd_jax.training.loop"])
    draw, unfinished = random.Random(0), 0
    for attempt in range(10):
        directory = tmp_path / f"{attempt}"
        process = processes.Process(target=save_without_end, args=(directory,))
        process.start()
        while not in_the_middle(directory):
            time.sleep(0.001)
        time.sleep(draw.uniform(0, 0.01))
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
    with pytest.raises(SavedStateError, match=f"checkpoint 1 in {tmp_path} is damaged"):
        restore(tmp_path, 1)


@pytest.mark.filterwarnings("error::pytest.PytestUnraisableExceptionWarning")
@pytest.mark.slow
def test_many_damaged_arrays_leave_nothing_behind(tmp_path, capfd):
    """No line on stderr, and nothing that blocks when it is collected, as what Orbax leaves undone did."""
    for step in range(1, 6):
        save(tmp_path, step)
        DAMAGES["a byte of the arrays' metadata"](tmp_path / f"{step}")
        with pytest.raises(SavedStateError):
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
            except SavedStateError:
                pass
            path.write_bytes(whole)


@pytest.mark.parametrize("harm", ["cut short", "deleted"])
def test_no_file_that_is_cut_short_or_deleted_goes_unnoticed(tmp_path, harm):
    """What is restored is right, or damaged."""
    save(tmp_path, 1, meta={"seconds": 1.5})
    noticed = 0
    for path in [path for path in (tmp_path / "1").rglob("*") if path.is_file()]:
        whole = path.read_bytes()
        path.write_bytes(whole[: len(whole) // 2])
        if harm == "deleted":
            path.unlink()
        try:
            with Checkpoints(tmp_path, keep=None) as checkpoints:
                found = checkpoints.restore(1, tree())
            assert digest.of_tree(found[0]) == digest.of_tree(tree(1)) and found[1] == {"seconds": 1.5}
        except SavedStateError:
            noticed += 1
        path.write_bytes(whole)
    assert noticed >= 3


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
        with pytest.raises(SavedStateError, match="see that there is room"), Checkpoints(disk, keep=2) as checkpoints:
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

    with pytest.raises(SavedStateError, match="No space left on device"), Checkpoints(tmp_path, keep=2) as checkpoints:
        checkpoints.save(1, tree(1), {})
        checkpoints.wait()
        monkeypatch.setattr(ocp.CheckpointManager, "_finalize", full)
        checkpoints.save(2, tree(2), {})
        ends()
    monkeypatch.undo()
    assert_bitwise_equal(restore(tmp_path, 1), tree(1))
