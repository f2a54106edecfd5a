"""Several processes that play one run together, one a host: who writes, and how all come to know the same.

Process 0 reads and writes; the others compute with it. Whatever depends on a clock, a disk or a signal is agreed upon
here, so that all run the same programs in the same order. With one process every function is trivial.
"""

import pickle
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

import jax
import numpy as np
from jax.experimental import multihost_utils
from jax.sharding import NamedSharding, PartitionSpec

from akd_jax.config import MeshConfig
from akd_jax.errors import InputError

T = TypeVar("T")

AUTO = "auto"
HEARTBEAT_SECONDS = 60
"""A process that says nothing for so long is dead, and the others end too."""
LEAVE_SECONDS = 20
"""How long a process that ends waits for the others to end with it; who does not is in the middle of something that
cannot be finished without it."""
LEAST_ROOM = 1 << 10  # bytes that a broadcast takes at least, so that nearly all are of one program


def join(wanted: MeshConfig) -> None:
    """Meets the other processes, if there are any. Before anything touches a device.

    Raises InputError where they do not come.
    """
    if not wanted.coordinator or jax.distributed.is_initialized():
        return
    # A signal is ours to answer (signals.py), not this service's.
    jax.config.update("jax_enable_preemption_service", False)
    limits = {"heartbeat_timeout_seconds": HEARTBEAT_SECONDS, "shutdown_timeout_seconds": LEAVE_SECONDS}
    found = (
        {}
        if wanted.coordinator == AUTO
        else {
            "coordinator_address": wanted.coordinator,
            "num_processes": wanted.processes,
            "process_id": wanted.process,
            "cluster_detection_method": "deactivate",
        }
    )
    try:
        jax.distributed.initialize(**found, **limits)
    except (RuntimeError, ValueError) as error:
        raise InputError(
            f"mesh.coordinator={wanted.coordinator!r}: the processes did not meet ({str(error).splitlines()[0]:.200}): "
            "see that every host runs the command, with a mesh.process of its own, and reaches the coordinator"
        ) from None


def several() -> bool:
    """Whether this process has others beside it."""
    return jax.process_count() > 1


def is_first() -> bool:
    """Whether this is the process that reads and writes."""
    return jax.process_index() == 0


def agree(value: T) -> T:
    """The value that the first process has, which can be pickled; the others' are ignored."""
    if not several():
        return value
    data = np.frombuffer(pickle.dumps(value), np.uint8) if is_first() else np.zeros(0, np.uint8)
    size = int(multihost_utils.broadcast_one_to_all(np.int32(len(data))))
    room = max(LEAST_ROOM, 1 << (size - 1).bit_length())
    received = multihost_utils.broadcast_one_to_all(np.pad(data, (0, room - len(data))))
    return value if is_first() else pickle.loads(received[:size].tobytes())


def any_of(number: int) -> int:
    """The largest that any process has, for one: whether any has something to say."""
    return int(multihost_utils.process_allgather(np.int32(number)).max()) if several() else number


def by_first(act: Callable[[], T]) -> T | None:
    """What the first process gets by it, None in the others, which wait; what it raises, all raise."""
    if not several():
        return act()
    result = error = None
    if is_first():
        try:
            result = act()
        except Exception as raised:
            error = raised
    if told := agree(error):
        raise told
    return result


def of_first(compute: Callable[[], T]) -> T:
    """As `by_first`, and all get what it gets."""
    return agree(by_first(compute))


def check_same(values: Mapping[str, Any]) -> None:
    """Raises InputError in every process unless all were given the same."""
    if any_of(agree(values) != values):
        raise InputError(
            "the processes were not given the same settings: give every host the same command, but for "
            "--config.mesh.process"
        )


def devices(wanted: MeshConfig) -> list[jax.Device]:
    """Those that play: of every process equally many, its first. Raises InputError where there are too few."""
    processes = range(jax.process_count())
    if wanted.data % len(processes):
        raise InputError(
            f"mesh.data={wanted.data}: must be a multiple of the number of processes, which is {len(processes)}"
        )
    share = wanted.data // len(processes)
    owned = [[device for device in jax.devices() if device.process_index == process] for process in processes]
    if share > min(map(len, owned)):
        there = f"{len(jax.devices())} device{'s' * (len(jax.devices()) > 1)} ({jax.devices()[0].platform})"
        if several():
            there += f", {min(map(len, owned))} in a process where {share} are wanted"
        raise InputError(f"mesh.data={wanted.data}: there is no such number of devices: JAX sees {there}")
    return [device for own in owned for device in own[:share]]


def fetch(tree: Any) -> Any:
    """The arrays whole, in this process's memory, as the first needs them to write; with one process, as they are."""
    return jax.tree.map(_whole, tree) if several() else tree


def _whole(leaf: jax.Array) -> np.ndarray:
    if not leaf.is_fully_replicated:
        everywhere = NamedSharding(leaf.sharding.mesh, PartitionSpec())
        leaf = jax.jit(lambda x: x, out_shardings=everywhere)(leaf)
    return np.array(leaf.addressable_data(0))
