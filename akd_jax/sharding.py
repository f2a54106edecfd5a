"""Where arrays lie when several devices play one run: batches are split among them, and each has all the rest.

Whatever is computed of a batch follows it, and sums over it, those of gradients and of batch norms' statistics among
them, are of all devices together. So no step knows of devices.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from akd_jax.types import Array

AXIS = "data"


class Placement(NamedTuple):
    """split: a batch [B, ...] inside a program -> the same, its first axis divided among the devices.

    everywhere: tree of arrays -> the same, whole on every device. results: of a program that plays, jit's
    out_shardings; None for what XLA finds.
    """

    split: Callable[[Array], Array]
    everywhere: Callable[[Any], Any]
    results: NamedSharding | None


def as_it_is(tree: Any) -> Any:
    """All that a single device needs."""
    return tree


ALONE = Placement(as_it_is, as_it_is, None)


def first_devices(count: int) -> list[jax.Device]:
    """So many, of every process the same number, its first. All processes have equally many (`hosts.check_same`).

    Raises ValueError where there are too few.
    """
    there, processes = jax.devices(), jax.process_count()
    if count % processes:
        raise ValueError(f"must be a multiple of the number of processes, which is {processes}")
    if len(there) < count:
        seen = f"{len(there)} device{'s' * (len(there) > 1)} ({there[0].platform})"
        raise ValueError(f"there is no such number of devices: JAX sees {seen}")
    return [
        device
        for process in range(processes)
        for device in [each for each in there if each.process_index == process][: count // processes]
    ]


def over(devices: Sequence[jax.Device]) -> Placement:
    """Of a run that these devices play, of which all processes together give the same list."""
    if len(devices) == 1:
        return ALONE
    mesh = Mesh(devices, (AXIS,))
    whole, divided = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec(AXIS))
    return Placement(
        split=lambda batch: jax.lax.with_sharding_constraint(batch, divided),
        everywhere=lambda tree: jax.tree.map(lambda leaf: _placed(leaf, whole), tree),
        results=whole,
    )


def on_one_device(tree: Any) -> Any:
    """Arrays that are whole on every device, as one device of this process has them, to look at."""
    return jax.tree.map(lambda leaf: leaf.addressable_data(0), tree)


def _placed(leaf: Array, sharding: NamedSharding) -> Array:
    """The array, which every process has, on all devices."""
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_placed(jax.random.key_data(leaf), sharding), impl=jax.random.key_impl(leaf))
    if sharding.is_fully_addressable:
        return jax.device_put(leaf, sharding)
    values = jax.device_get(leaf)
    return jax.make_array_from_callback(leaf.shape, sharding, lambda index: values[index])
