"""Saving and restoring pytrees of arrays with Orbax. The only place that knows it."""

from pathlib import Path
from typing import Any

import jax
import numpy as np
import orbax.checkpoint as ocp

from akd_jax.errors import InputError


class Checkpoints:
    """The numbered checkpoints of one pytree in one directory; the newest `keep` stay.

    keep None: only to read, which leaves alone what a training process may be writing there just now.
    """

    def __init__(self, directory: Path, *, keep: int | None):
        writes = keep is not None
        self._manager = ocp.CheckpointManager(
            directory.absolute(),
            options=ocp.CheckpointManagerOptions(
                max_to_keep=keep, create=writes, cleanup_tmp_directories=writes, read_only=not writes
            ),
            item_handlers={"state": ocp.StandardCheckpointHandler(), "meta": ocp.JsonCheckpointHandler()},
        )

    def save(self, step: int, state: Any, meta: dict[str, Any]) -> None:
        """Returns before the writing ends; `state` may be donated at once."""
        saved = self._manager.save(
            step, args=ocp.args.Composite(state=ocp.args.StandardSave(state), meta=ocp.args.JsonSave(meta))
        )
        if not saved:
            raise RuntimeError(f"checkpoint {step} in {self._manager.directory} was not saved")

    def latest(self) -> int | None:
        return self._manager.latest_step()

    def restore(self, step: int, like: Any) -> tuple[Any, dict[str, Any]]:
        """(state of the shapes, types and placement of `like`, meta). Raises InputError if that cannot be read."""
        wanted = ocp.args.Composite(state=ocp.args.StandardRestore(like), meta=ocp.args.JsonRestore())
        try:
            restored = self._manager.restore(step, args=wanted)
        except (KeyError, OSError, TypeError, ValueError) as error:
            raise InputError(
                f"checkpoint {step} in {self._manager.directory} is damaged, or of a run with other networks "
                f"({error!s:.200}): take another --workdir"
            ) from error
        return restored.state, restored.meta

    def __enter__(self) -> "Checkpoints":
        return self

    def __exit__(self, *_: object) -> None:
        """Waits until all is written."""
        self._manager.close()


def latest_in(directory: Path) -> int | None:
    """The number of the newest checkpoint there; None where there is none, or no such directory."""
    if not directory.is_dir():
        return None
    with Checkpoints(directory, keep=None) as checkpoints:
        return checkpoints.latest()


def save_tree(directory: Path, tree: Any) -> None:
    """One pytree of arrays as a directory, which must not exist."""
    with ocp.StandardCheckpointer() as checkpointer:
        checkpointer.save(directory.absolute(), tree)


def restore_tree(directory: Path, like: Any) -> Any:
    """The pytree of the shapes and types of `like` (arrays or jax.ShapeDtypeStruct) that `save_tree` wrote.

    Raises ValueError or OSError where it holds another one.
    """
    with ocp.StandardCheckpointer() as checkpointer:
        placed = jax.tree.map(ocp.utils.to_shape_dtype_struct, like)
        restored = checkpointer.restore(directory.absolute(), placed)
    if jax.tree.map(np.shape, restored) != jax.tree.map(np.shape, placed):  # Orbax gives whatever was saved
        raise ValueError("arrays of other shapes")
    return restored
