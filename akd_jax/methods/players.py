"""What every method does with a player: make it, move it, let it take part while another moves."""

from collections.abc import Callable
from typing import Any

import jax
import optax

from akd_jax.types import Array, Network, NetworkState, Variables


def new_player(
    network: Network, optimizer: optax.GradientTransformation, key: Array, inputs: Any, *, average: bool = False
) -> NetworkState:
    """A freshly initialised player for inputs of this shape. average: whether it keeps a moving one of itself."""
    variables = network.init(key, inputs)
    kept = variables if average else ()
    return NetworkState(variables.params, variables.batch_stats, optimizer.init(variables.params), kept)


def moved(
    player: NetworkState, gradients: Any, batch_stats: Any, optimizer: optax.GradientTransformation
) -> NetworkState:
    """The player one update later."""
    updates, opt_state = optimizer.update(gradients, player.opt_state, player.params)
    return NetworkState(optax.apply_updates(player.params, updates), batch_stats, opt_state, player.average)


def averaged(player: NetworkState, decay: float) -> NetworkState:
    """The player with its moving average a step later: decay * old + (1 - decay) * new, if it keeps one."""
    if not player.average:
        return player
    average = jax.tree.map(lambda old, new: decay * old + (1 - decay) * new, player.average, player.variables)
    return player.replace(average=average)


def moving(network: Network, variables: Variables, inputs: Any) -> tuple[Any, Any]:
    """The network in training mode: the batch's statistics, and the running ones move."""
    return network.apply(variables, inputs, train=True)


def batch(network: Network, variables: Variables, inputs: Any) -> tuple[Any, Any]:
    """The batch's statistics, while the running ones stay."""
    outputs, _ = network.apply(variables, inputs, train=True)
    return outputs, variables.batch_stats


def running(network: Network, variables: Variables, inputs: Any) -> tuple[Any, Any]:
    """The running statistics, which stay."""
    return network.apply(variables, inputs, train=False)


BATCH_STATS: dict[str, Callable] = {"moving": moving, "batch": batch, "running": running}
"""How the player whose step it is not takes part: (network, variables, inputs) -> (outputs, batch_stats)."""
