"""Where arrays lie when several devices play one run: what each has whole, and what is split among them.

A run's batches are split, and nothing else needs to be: whatever is computed of a batch follows it, and sums over it,
those of gradients and of batch norms' statistics among them, are of all devices together. So no step knows of devices.
"""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import jax
from jax.sharding import Mesh, NamedSharding, PartitionSpec

from akd_jax.types import AKDState, Array, NetworkState

AXIS = "data"


class Placement(NamedTuple):
    """Where a run's arrays lie, as functions.

    split: a batch [B, ...] inside a program -> the same, its first axis divided among the devices.
    state: AKDState -> the same, placed for the programs that play it.
    everywhere: tree of arrays -> the same, whole on every device.
    results: AKDState -> the out_shardings of a program that returns such a state and metrics; None for one device.
    local: tree of arrays -> as one device of this process has them, to look at; of what is split, its part.
    """

    split: Callable[[Array], Array]
    state: Callable[[AKDState], AKDState]
    everywhere: Callable[[Any], Any]
    results: Callable[[AKDState], Any]
    local: Callable[[Any], Any]


def as_it_is(tree: Any) -> Any:
    """All that a single device needs."""
    return tree


ALONE = Placement(as_it_is, as_it_is, as_it_is, lambda state: None, as_it_is)
"""One device, with everything on it."""


def over(devices: Sequence[jax.Device], *, shard_optimizer: bool) -> Placement:
    """Batches are split among the devices, of which all processes together give the same list.

    shard_optimizer: whether optimizers' states are, too (as ZeRO does, Rajbhandari et al. 2020, arXiv:1910.02054): each
    array along its largest axis that divides by the number of devices, those without one are whole everywhere.
    """
    if len(devices) == 1:
        return ALONE
    mesh = Mesh(devices, (AXIS,))
    whole, batches = NamedSharding(mesh, PartitionSpec()), NamedSharding(mesh, PartitionSpec(AXIS))

    def of_optimizer(leaf: Array) -> NamedSharding:
        return NamedSharding(mesh, _along_the_largest(leaf.shape, len(devices))) if shard_optimizer else whole

    def of_player(player: NetworkState) -> NetworkState:
        variables = jax.tree.map(lambda _: whole, player.variables)
        return NetworkState(variables.params, variables.batch_stats, jax.tree.map(of_optimizer, player.opt_state))

    def shardings(state: AKDState) -> AKDState:
        return AKDState(
            step=whole,
            students={name: of_player(player) for name, player in state.students.items()},
            generator=of_player(state.generator),
            # Whole, as long as no method has any: a bank of images belongs along its first axis, as batches are.
            memory=jax.tree.map(lambda _: whole, state.memory),
        )

    return Placement(
        split=lambda batch: jax.lax.with_sharding_constraint(batch, batches),
        state=lambda state: jax.tree.map(_placed, state, shardings(state)),
        everywhere=lambda tree: jax.tree.map(lambda leaf: _placed(leaf, whole), tree),
        results=lambda state: (shardings(state), whole),
        local=lambda tree: jax.tree.map(lambda leaf: leaf.addressable_data(0), tree),
    )


def _along_the_largest(shape: Sequence[int], parts: int) -> PartitionSpec:
    """The largest axis that divides into so many parts, the first of several; none where none does."""
    axes = [axis for axis, size in enumerate(shape) if size and size % parts == 0]
    if not axes:
        return PartitionSpec()
    return PartitionSpec(*[None] * max(axes, key=lambda axis: shape[axis]), AXIS)


def _placed(leaf: Array, sharding: NamedSharding) -> Array:
    """The array, which every process has, on the devices; each copies its own part."""
    if jax.dtypes.issubdtype(leaf.dtype, jax.dtypes.prng_key):
        return jax.random.wrap_key_data(_placed(jax.random.key_data(leaf), sharding), impl=jax.random.key_impl(leaf))
    if sharding.is_fully_addressable:
        return jax.device_put(leaf, sharding)
    values = jax.device_get(leaf)
    return jax.make_array_from_callback(leaf.shape, sharding, lambda index: values[index])
