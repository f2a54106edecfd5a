"""Several processes that play one run together, one a host. The first reads, decides and writes; it tells the others.

So nothing that depends on a clock, a disk or a signal is anybody else's, and all run the same programs in one order.
"""

import json
import pickle
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import jax
import numpy as np
from jax.experimental import multihost_utils

from akd_jax.config import Config, MeshConfig
from akd_jax.config_dict import to_dict
from akd_jax.errors import (
    ExportError,
    InputError,
    NonFiniteError,
    OutOfMemoryError,
    SavedStateError,
    StoppedError,
)

AUTO = "auto"
HEARTBEAT_SECONDS = 60
"""A process that says nothing for so long is dead, and the others end too."""
LEAVE_SECONDS = 120
"""How long a process that ends waits for the others: who does not come is in the middle of something that cannot be
finished without it, and ends then."""
TELLABLE = (
    InputError,
    NonFiniteError,
    SavedStateError,
    StoppedError,
    ExportError,
    OutOfMemoryError,
    OSError,
    KeyboardInterrupt,
)
"""What is raised between programs, where all are listening. JAX's own errors may come out of one that all are in."""


def join(wanted: MeshConfig) -> None:
    """Meets the other processes, if there are any. Before anything touches a device.

    Raises InputError where they do not come.
    """
    if not wanted.coordinator or jax.distributed.is_initialized():
        return
    jax.config.update("jax_enable_preemption_service", False)  # a signal is ours to answer (signals.py)
    who = {} if wanted.coordinator == AUTO else {
        "coordinator_address": wanted.coordinator,
        "num_processes": wanted.processes,
        "process_id": wanted.process,
        "cluster_detection_method": "deactivate",
    }  # fmt: skip
    try:
        jax.distributed.initialize(
            **who, heartbeat_timeout_seconds=HEARTBEAT_SECONDS, shutdown_timeout_seconds=LEAVE_SECONDS
        )
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"mesh.coordinator={wanted.coordinator!r}: the processes did not meet ({str(error).splitlines()[0]:.200}): "
            "see that every host runs the command, with a mesh.process of its own, and reaches the coordinator"
        ) from None


def is_first() -> bool:
    """Whether this is the process that reads, decides and writes."""
    return jax.process_index() == 0


def check_same(config: Config) -> None:
    """Raises InputError, in every process, unless all have equally many devices, and were given the same settings, each
    with a number of its own.
    """
    if not _several():
        return
    owned = Counter(device.process_index for device in jax.devices())
    if len(set(owned.values())) > 1:  # which all know without a word; they could not exchange any
        each = ", ".join(f"{count} in process {process}" for process, count in sorted(owned.items()))
        raise InputError(
            f"mesh.coordinator={config.mesh.coordinator!r}: the processes have unequally many devices ({each}): let "
            "all see as many, e.g. by CUDA_VISIBLE_DEVICES"
        )
    settings = to_dict(config)
    del settings["mesh"]["process"]
    given = np.uint32(zlib.crc32(json.dumps(settings).encode()))
    if len(set(multihost_utils.process_allgather(given).tolist())) > 1:
        raise InputError(
            "the processes were not given the same settings: give every host the same command, but for "
            "--config.mesh.process"
        )


def tell(message: Any) -> int:
    """Tells the others, who `hear` it, what can be pickled; the number of a signal that came to any, 0 for none."""
    return _exchange(message, 0)[1] if _several() else 0


def hear(came: int = 0) -> Any:
    """What the first process tells, in any other; raises what it raises. came: the signal that it is to know of, 0 for
    none.
    """
    message, _ = _exchange(None, came)
    if isinstance(message, BaseException):
        raise message
    return message


@contextmanager
def leading() -> Iterator[None]:
    """In the first process: how it ends is told to the others, who listen until they hear None."""
    try:
        yield
    except TELLABLE as error:
        tell(error)
        raise
    tell(None)


def _several() -> bool:
    return jax.process_count() > 1


def _exchange(message: Any, came: int) -> tuple[Any, int]:
    """(the first one's message, the largest number of a signal that came to any)."""
    data = np.frombuffer(pickle.dumps(message), np.uint8) if is_first() else np.zeros(0, np.uint8)
    said = multihost_utils.process_allgather(np.int32([len(data), came]))
    size = int(said[0, 0])
    room = 1 << (size - 1).bit_length()  # so that a few programs serve all sizes
    heard = multihost_utils.broadcast_one_to_all(np.pad(data, (0, room - len(data))))
    return message if is_first() else pickle.loads(np.asarray(heard)[:size].tobytes()), int(said[:, 1].max())
