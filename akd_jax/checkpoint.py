"""Saving and restoring pytrees of arrays with Orbax. The only place that knows it."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from akd_jax import digest, files
from akd_jax.errors import InputError, SavedStateError
from akd_jax.event_loops import patient

SCHEMA = 5  # of what a checkpoint holds; training/progress.py says what its arrays and its meta are
LEFT_BY_ORBAX = ".orbax-checkpoint-tmp"  # in the names of what it has not finished
ABSENT = (FileNotFoundError, IsADirectoryError, NotADirectoryError)
REFUSED = (OSError, MemoryError, RuntimeError)  # by the disk or the device, whatever the checkpoint holds
FIRST_ALONE = ocp.options.MultiprocessingOptions(active_processes={0})  # the other processes of a run are not here


class Checkpoints:
    """The numbered checkpoints of one pytree in one directory; the newest `keep` stay.

    Orbax restores arrays without noticing that a byte has changed, and casts them to other types without a word. So
    each checkpoint has a record of its arrays' shapes, types and digest, which has a digest itself.
    keep None: only to read, which leaves alone what a training process may be writing there just now.
    """

    def __init__(self, directory: Path, *, keep: int | None):
        writes = keep is not None
        if writes:
            directory.mkdir(parents=True, exist_ok=True)
            files.tidy(directory)
            for left in directory.glob(f"*{LEFT_BY_ORBAX}*"):
                shutil.rmtree(left)  # which Orbax does in a thread that a short process does not wait for
            steps = sorted(
                (path for path in directory.glob("*") if path.name.isdecimal()), key=lambda path: int(path.name)
            )
            for surplus in steps[:-keep]:  # where a kill came while it was removed
                shutil.rmtree(surplus)
        self._directory = directory
        self._manager = ocp.CheckpointManager(
            directory.absolute(),
            options=ocp.CheckpointManagerOptions(
                max_to_keep=keep, create=False, read_only=not writes, multiprocessing_options=FIRST_ALONE
            ),
            item_handlers={
                "state": ocp.StandardCheckpointHandler(multiprocessing_options=FIRST_ALONE),
                "meta": ocp.JsonCheckpointHandler(multiprocessing_options=FIRST_ALONE),
            },
        )

    def save(self, step: int, arrays: Any, meta: dict[str, Any]) -> None:
        """Returns before the writing ends, which `wait` awaits; `arrays` may be donated at once.

        One of this number that is there already is replaced, once the new one is whole; that is awaited.
        """
        if step in self.steps():
            self.wait()
            with files.new_directory(self._directory / str(step)) as new:
                new.rmdir()
                with Checkpoints(new.parent / "beside", keep=1) as beside:
                    beside.save(step, arrays, meta)
                (new.parent / "beside" / str(step)).rename(new)
            return
        arrays = _on_host(arrays)
        record = {"schema": SCHEMA, "meta": meta, "kinds": digest.kinds(arrays), "arrays": digest.of_tree(arrays)}
        record["digest"] = digest.of_json(record)
        wanted = ocp.args.Composite(state=ocp.args.StandardSave(arrays), meta=ocp.args.JsonSave(record))
        with self._writing():
            saved = self._manager.save(step, args=wanted)
        if not saved:
            raise RuntimeError(f"checkpoint {step} in {self._directory} was not saved")

    def wait(self) -> None:
        """Until all is on disk. Raises SavedStateError where that failed."""
        with self._writing():
            self._manager.wait_until_finished()

    def steps(self) -> list[int]:
        """The numbers of those that are there, the newest first."""
        return sorted(self._manager.all_steps(), reverse=True)

    def record(self, step: int) -> dict[str, Any]:
        """What was written down beside the arrays: meta, their kinds and their digest.

        Raises SavedStateError where it is damaged, InputError where another version of akd_jax wrote it.
        """
        with self._reading(step):
            record = dict(self._manager.restore(step, args=ocp.args.Composite(meta=ocp.args.JsonRestore())).meta)
        found, schema = record.pop("digest", None), record.get("schema")
        if found != digest.of_json(record) and (found or schema == SCHEMA):  # those of older versions have none
            raise SavedStateError(f"checkpoint {step} in {self._directory} is damaged: its record is not as it was")
        if schema != SCHEMA:
            raise InputError(
                f"checkpoint {step} in {self._directory} was written by another version of akd_jax: take another "
                "--workdir"
            )
        return record

    def restore(self, step: int, like: Any) -> tuple[Any, dict[str, Any]]:
        """(arrays of the placement of `like`, meta).

        Raises SavedStateError where they are not those that were saved, InputError where those were of other names,
        shapes or types than `like`.
        """
        record = self.record(step)
        if differing := digest.differing(record["kinds"], digest.kinds(like)):
            raise InputError(
                f"checkpoint {step} in {self._directory} is of a run with other networks ({differing}): "
                "take another --workdir"
            )
        with self._reading(step):
            wanted = ocp.args.Composite(state=ocp.args.StandardRestore(like))
            arrays = self._manager.restore(step, args=wanted).state
        if digest.of_tree(_on_host(arrays)) != record["arrays"]:
            raise SavedStateError(f"checkpoint {step} in {self._directory} is damaged: its arrays are not as they were")
        return arrays, record["meta"]

    @contextmanager
    def _reading(self, step: int) -> Iterator[None]:
        """What cannot be restored although the disk gives all of it is damaged."""
        try:
            # Orbax closes its event loop at the first array that cannot be read, while others still are.
            with patient():
                yield
        except Exception as error:  # Orbax raises many kinds, Exception itself among them
            if isinstance(error, REFUSED) and not isinstance(error, ABSENT):
                raise
            files.read_through(self._directory / str(step))
            raise SavedStateError(
                f"checkpoint {step} in {self._directory} is damaged: it cannot be read ({_brief(error)})"
            ) from error

    @contextmanager
    def _writing(self) -> Iterator[None]:
        try:
            yield
        except (OSError, ValueError) as error:  # the latter from TensorStore, whatever the disk said
            raise SavedStateError(
                f"no checkpoint could be written to {self._directory} ({_brief(error)}): see that there is room and "
                "give the same command again; it goes on from the checkpoint before, which is intact"
            ) from error

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        """Waits until all is written. Raises SavedStateError where that failed, and was not said before."""
        try:
            with self._writing():
                self._manager.close()
        except SavedStateError:
            if kind is None or not issubclass(kind, SavedStateError):
                raise


def latest_in(directory: Path) -> int | None:
    """The number of the newest checkpoint there; None where there is none, or no such directory."""
    return next(iter(rounds_in(directory)), None)


def rounds_in(directory: Path) -> list[int]:
    """The numbers of the checkpoints there, the newest first."""
    if not directory.is_dir():
        return []
    with Checkpoints(directory, keep=None) as checkpoints:
        return checkpoints.steps()


def remove_after(directory: Path, round: int) -> None:
    """Removes the checkpoints of later rounds, each at once and whole to whoever looks."""
    for later in rounds_in(directory):
        if later > round:
            doomed = directory / f"{later}{LEFT_BY_ORBAX}-removed"
            os.rename(directory / str(later), doomed)
            shutil.rmtree(doomed)


def save_tree(directory: Path, tree: Any) -> None:
    """One pytree of arrays as a directory, which must not exist."""
    with ocp.StandardCheckpointer(multiprocessing_options=FIRST_ALONE) as checkpointer:
        checkpointer.save(directory.absolute(), tree)


def restore_tree(directory: Path, like: Any) -> Any:
    """The pytree of the shapes and types of `like` (arrays or jax.ShapeDtypeStruct) that `save_tree` wrote.

    Raises ValueError or OSError where it holds another one.
    """
    with ocp.StandardCheckpointer(multiprocessing_options=FIRST_ALONE) as checkpointer:
        placed = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        restored = checkpointer.restore(directory.absolute(), placed)
    if jax.tree.map(np.shape, restored) != jax.tree.map(np.shape, placed):  # Orbax gives whatever was saved
        raise ValueError("arrays of other shapes")
    return restored


def _on_host(tree: Any) -> Any:
    """Of copies: on CPU NumPy gives views, and an array that has one is not donated. Typed keys stay as they are.

    One after the other, so that a device holds no second state.
    """
    return jax.tree.map(lambda leaf: jax.device_get(leaf.copy()), tree)


def _brief(error: Exception) -> str:
    return f"{error!s:.200}" or repr(error)
